import DINOEvaluation
import DINOModels
import Foundation
import Testing
import Torch

@Suite("MaskLoss")
struct MaskLossTests {
  private static let unknown = UInt16.max

  /// Predictions of two images, three queries, two classes, masks of 2 × 2.
  private func prediction(
    _ classes: [Double], _ masks: [Double], images: Int = 2
  ) throws -> MaskPrediction {
    MaskPrediction(
      classLogits: try Tensor(classes, [images, 3, 3]),
      maskLogits: try Tensor(masks, [images, 3, 2, 2]))
  }

  private func targets(_ labels: [[UInt16]], upsampling: Double = 0.5) throws -> MaskTargets {
    try MaskTargets(
      labels, size: DenseSize(height: 4, width: 4), classes: 2, upsampling: upsampling,
      dtype: .float64)
  }

  private func random(_ count: Int, seed: UInt64) throws -> [Double] {
    try Tensor.randn([count], generator: Generator(seed: seed), dtype: .float64)
      .array(of: Double.self)
  }

  /// Left class 0, right class 1; above class 1, below unknown.
  private let labels: [[UInt16]] = [
    (0..<16).map { $0 % 4 < 2 ? 0 : 1 }, (0..<16).map { $0 < 8 ? 1 : unknown },
  ]

  @Test("cross-entropy and overlap are those of the formulas, at known points only")
  func formulas() throws {
    let logits = try Tensor([2.0, -1, 0.5, 7], [1, 4])
    let masks = try Tensor([1.0, 0, 1, 1], [1, 4])
    let known = try Tensor([1.0, 1, 1, 0], [1, 4])

    let entropy = try MaskLoss.crossEntropy(logits, masks, known: known).item()
    let dice = try MaskLoss.dice(logits, masks, known: known).item()

    func share(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let wanted = -(log(share(2)) + log(1 - share(-1)) + log(share(0.5))) / 3
    let areas = share(2) + share(-1) + share(0.5) + 2
    let overlap = 1 - (2 * (share(2) + share(0.5)) + 1) / (areas + 1)
    #expect(abs(entropy - wanted) < 1e-12 && abs(dice - overlap) < 1e-12)
  }

  @Test("a perfect mask costs nothing, its opposite almost all")
  func extremes() throws {
    let masks = try Tensor([1.0, 0, 1, 0, 1, 0, 1, 0], [1, 8])
    let known = try Tensor.ones([1, 8], dtype: .float64)
    let perfect = try (masks * 2 - 1) * 40

    #expect(try MaskLoss.dice(perfect, masks, known: known).item() < 1e-12)
    #expect(try MaskLoss.crossEntropy(perfect, masks, known: known).item() < 1e-12)
    #expect(try MaskLoss.dice(-perfect, masks, known: known).item() > 0.85)
  }

  @Test("targets: one for each class of an image, none for what is unknown")
  func present() throws {
    let targets = try targets(labels + [[UInt16](repeating: Self.unknown, count: 16)])

    #expect(targets.present == [[0, 1], [1], []] && targets.usable == 2)
  }

  @Test("queries are matched with the masks that they show")
  func matching() throws {
    let (left, right, above): ([Double], [Double], [Double]) = (
      [9, -9, 9, -9], [-9, 9, -9, 9], [9, 9, -9, -9]
    )
    let none = [Double](repeating: 0, count: 18)
    let masks = right + above + left + left + right + above

    let matches = try MaskLoss().matches(prediction(none, masks), targets(labels))

    #expect(
      matches.map { [$0.image, $0.query, $0.category] } == [[0, 2, 0], [0, 0, 1], [1, 2, 1]])
  }

  @Test("equal masks are told apart by their classes")
  func matchingByClass() throws {
    let classes: [Double] = [0, 4, 0, 4, 0, 0, 0, 0, 4] + [0, 0, 4, 0, 4, 0, 0, 0, 4]
    let masks = [Double](repeating: 0, count: 24)

    let matches = try MaskLoss().matches(prediction(classes, masks), targets(labels))

    #expect(matches.map(\.query) == [1, 0, 1])
  }

  @Test("the classes' part is the weighted cross-entropy of each image")
  func classPart() throws {
    let classes = try random(18, seed: 1)
    var loss = MaskLoss()
    (loss.maskWeight, loss.diceWeight) = (0, 0)
    let prediction = try prediction(classes, random(24, seed: 2))
    let targets = try targets(labels)
    let matches = try loss.matches(prediction, targets)

    let found = try loss([prediction], targets).item()

    var wanted = 0.0
    for image in 0..<2 {
      var (sum, weights) = (0.0, 0.0)
      for query in 0..<3 {
        let match = matches.first { $0.image == image && $0.query == query }
        let own = Array(classes[(image * 3 + query) * 3..<(image * 3 + query) * 3 + 3])
        let total = own.map(exp).reduce(0, +)
        let weight = match == nil ? 0.1 : 1
        sum -= weight * log(exp(own[match?.category ?? 2]) / total)
        weights += weight
      }
      wanted += 2 * sum / weights
    }
    #expect(abs(found - wanted) < 1e-10)
  }

  @Test("gradients agree with finite differences, also where masks are finer than the points")
  func gradients() throws {
    for upsampling in [0.5, 1] {
      let classes = try Tensor(random(18, seed: 3), [2, 3, 3])
      let side = upsampling == 1 ? 4 : 2
      let masks = try Tensor(random(6 * side * side, seed: 4), [2, 3, side, side])
      let targets = try targets(labels, upsampling: upsampling)
      func value() throws -> Tensor {
        let first = MaskPrediction(classLogits: classes, maskLogits: masks)
        let second = try MaskPrediction(classLogits: classes * 0.5, maskLogits: masks * -1)
        return try MaskLoss()([first, second], targets)
      }
      for tensor in [classes, masks] { try tensor.requiringGrad() }
      let analytic = try value().gradients(of: [classes, masks])
      for tensor in [classes, masks] { try tensor.requiringGrad(false) }
      for (tensor, gradient) in zip([classes, masks], analytic) {
        let expected = try #require(gradient).array(of: Double.self)
        let flat = try tensor.reshape(-1)
        for index in expected.indices {
          let element = try flat.select(dim: 0, index)
          let middle = try element.item()
          try element.fill(middle + 1e-6)
          let above = try value().item()
          try element.fill(middle - 1e-6)
          let below = try value().item()
          try element.fill(middle)
          let numeric = (above - below) / 2e-6
          #expect(
            abs(numeric - expected[index]) <= 1e-6 * max(1, abs(numeric)),
            "\(index): \(expected[index]), numeric \(numeric)")
        }
      }
    }
  }

  @Test(
    "unknown points change neither matches nor loss, and images without known points teach nothing")
  func unknownPoints() throws {
    let classes = try random(18, seed: 5)
    var masks = try random(6 * 16, seed: 6)
    let half = [
      (0..<16).map { UInt16($0 % 2) }, (0..<16).map { $0 < 8 ? UInt16(1) : Self.unknown },
    ]
    func loss(_ labels: [[UInt16]]) throws -> Double {
      let prediction = MaskPrediction(
        classLogits: try Tensor(classes, [2, 3, 3]), maskLogits: try Tensor(masks, [2, 3, 4, 4]))
      return try MaskLoss()([prediction], targets(labels, upsampling: 1)).item()
    }
    let before = try loss(half)
    for query in 3..<6 { for point in 8..<16 { masks[query * 16 + point] = 50 } }
    let after = try loss(half)
    let alone = try loss([half[0], [UInt16](repeating: Self.unknown, count: 16)])
    for query in 3..<6 { for point in 0..<16 { masks[query * 16 + point] = -50 } }
    let other = try loss([half[0], [UInt16](repeating: Self.unknown, count: 16)])

    #expect(abs(before - after) < 1e-12 && alone == other && alone < before)
  }
}
