import DINOEvaluation
import Foundation
import Testing
import Torch

@Suite("Losses of detection")
struct DetectionLossTests {
  /// Checks the gradient of a sum of losses by central differences in float64.
  private func expectGradient(
    of values: [Double], _ shape: [Int], _ loss: (Tensor) throws -> Tensor
  ) throws {
    let x = try Tensor(values, shape).requiringGrad()
    try loss(x).sum().backward()
    let analytic = try #require(x.grad).array(of: Double.self)
    for index in values.indices {
      func value(_ change: Double) throws -> Double {
        var moved = values
        moved[index] += change
        return try loss(Tensor(moved, shape)).sum().item()
      }
      let step = 1e-6
      let numeric = try (value(step) - value(-step)) / (2 * step)
      #expect(
        abs(numeric - analytic[index]) <= 1e-7 * max(1, abs(numeric)),
        "element \(index): \(analytic[index]), numeric \(numeric)")
    }
  }

  @Test("quality focal loss: the formula, 0 at the quality, finite far out")
  func qualityFocal() throws {
    let loss = QualityFocalLoss()
    let logits = [-3.0, -0.5, 0, 0.7, 2.5, 4]
    let quality = [0.0, 1, 0.3, 0.8, 0, 0.95]

    let got = try loss(Tensor(logits, [6]), quality: Tensor(quality, [6])).array(of: Double.self)

    for index in 0..<6 {
      let p = 1 / (1 + exp(-logits[index]))
      let t = quality[index]
      let wanted = pow(abs(t - p), 2) * (-t * log(p) - (1 - t) * log(1 - p))
      #expect(abs(got[index] - wanted) < 1e-12, "\(index)")
    }
    let even = try loss(Tensor([log(0.3 / 0.7)], [1]), quality: Tensor([0.3], [1])).item()
    #expect(abs(even) < 1e-12)
    let far = try loss(
      Tensor([Float(-90), 90], [2]), quality: Tensor([Float(0), 0], [2])
    ).floats()
    #expect(far[0] == 0 && abs(far[1] - 90) < 1e-3)
  }

  @Test("quality focal loss: gradient")
  func qualityFocalGradient() throws {
    let quality = try Tensor([0.0, 1, 0.3, 0.8, 0, 0.95], [2, 3])
    try expectGradient(of: [-3.0, -0.5, 0.1, 0.7, 2.5, 4], [2, 3]) { x in
      try QualityFocalLoss()(x, quality: quality)
    }
  }

  @Test("generalised overlap: equal, shifted, apart, inside, degenerate")
  func giou() throws {
    let boxes: [[Double]] = [
      [0, 0, 10, 10], [0, 0, 10, 10], [0, 0, 10, 10], [2, 2, 8, 8], [5, 5, 5, 5],
    ]
    let targets: [[Double]] = [
      [0, 0, 10, 10], [5, 0, 15, 10], [20, 0, 30, 10], [0, 0, 10, 10], [0, 0, 10, 10],
    ]
    // Overlaps 1; 1/3; 0 with a third of the hull empty; 0.36; 0 with nothing empty.
    let wanted = [0, 1 - 1.0 / 3, 1 + 1.0 / 3, 1 - 0.36, 1.0]

    let got = try GIoULoss()(
      Tensor(boxes.flatMap(\.self), [5, 4]), Tensor(targets.flatMap(\.self), [5, 4])
    ).array(of: Double.self)

    for (value, expected) in zip(got, wanted) { #expect(abs(value - expected) < 1e-6) }
  }

  @Test("generalised overlap: gradient, also where boxes do not touch")
  func giouGradient() throws {
    let targets = try Tensor([1.0, 2, 9, 12, 20, 20, 28, 30, 4, 4, 6, 6], [3, 4])
    try expectGradient(of: [0.5, 3, 7, 10, 2, 3, 11, 9, 0.5, 1, 9, 8.5], [3, 4]) { x in
      try GIoULoss()(x, targets)
    }
  }
}
