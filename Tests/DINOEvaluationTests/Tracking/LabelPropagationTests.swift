import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Testing

@Suite("LabelPropagation")
struct LabelPropagationTests {
  private let grid = PatchGrid(height: 6, width: 9)
  private let width = 10
  private let classes = 3

  /// Tokens that look random but are the same on every run; frames resemble each other a little.
  private func frame(_ number: Int) -> PatchMap {
    let values = (0..<grid.count * width).map { index -> Float in
      let base = sin(Double(index * 37 % 101) * 1.7)
      return Float(base + 0.8 * sin(Double(index) * 0.93 + Double(number) * 2.1))
    }
    return PatchMap(values: values, grid: grid, width: width)
  }

  private var firstLabels: PatchLabels {
    var shares: [Float] = []
    for patch in 0..<grid.count {
      let part = Float(patch % 5) / 4
      shares += [1 - part, part * 0.75, part * 0.25]
    }
    return PatchLabels(shares: shares, classes: classes, grid: grid)
  }

  /// The definition in double precision, patch by patch over all frames so far.
  private func reference(
    _ frames: [PatchMap], _ known: [[Double]], _ settings: LabelPropagation.Settings
  ) -> [Double] {
    let number = frames.count - 1
    let sources = [0] + Array(max(1, number - settings.previousFrames)..<max(number, 1))
    func token(_ frame: Int, _ patch: Int) -> [Double] {
      let values = frames[frame].values[patch * width..<(patch + 1) * width].map(Double.init)
      let length = values.map { $0 * $0 }.reduce(0, +).squareRoot()
      return values.map { $0 / length }
    }
    return (0..<grid.count).flatMap { patch -> [Double] in
      let own = token(number, patch)
      var candidates: [(similarity: Double, source: Int, patch: Int)] = []
      for source in sources {
        for other in 0..<grid.count {
          if let radius = settings.radius {
            guard abs(other / grid.width - patch / grid.width) <= radius,
              abs(other % grid.width - patch % grid.width) <= radius
            else { continue }
          }
          let similarity = zip(own, token(source, other)).map { $0 * $1 }.reduce(0, +)
          candidates.append((similarity, source, other))
        }
      }
      let best = candidates.sorted { $0.similarity > $1.similarity }.prefix(settings.neighbours)
      let weights = best.map { exp($0.similarity / settings.temperature) }
      let sum = weights.reduce(0, +)
      return (0..<classes).map { label in
        zip(best, weights).map { $1 / sum * known[$0.source][$0.patch * classes + label] }
          .reduce(0, +)
      }
    }
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let previous: Int
    let radius: Int?
    let neighbours: Int
    let temperature: Double
    var testDescription: String {
      "\(previous) previous, radius \(radius ?? -1), top \(neighbours)"
    }
  }

  static let cases = [
    Case(previous: 2, radius: 2, neighbours: 3, temperature: 0.1),
    Case(previous: 7, radius: nil, neighbours: 5, temperature: 0.07),
    Case(previous: 0, radius: 1, neighbours: 1, temperature: 1),
    // More neighbours than there are candidates in a corner.
    Case(previous: 1, radius: 1, neighbours: 20, temperature: 0.5),
  ]

  @Test("agrees with the definition", arguments: cases)
  func definition(given: Case) throws {
    var settings = LabelPropagation.Settings()
    settings.previousFrames = given.previous
    settings.radius = given.radius
    settings.neighbours = given.neighbours
    settings.temperature = given.temperature
    var propagation = try LabelPropagation(frame(0), labels: firstLabels, settings)
    var frames = [frame(0)]
    var known = [firstLabels.shares.map(Double.init)]

    for number in 1...5 {
      frames.append(frame(number))
      let expected = reference(frames, known, settings)
      let labels = try propagation.next(frame(number))

      let worst = zip(labels.shares, expected).map { abs(Double($0) - $1) }.max() ?? 1
      #expect(worst < 1e-5, "frame \(number): off by \(worst)")
      known.append(expected)
    }
  }

  @Test("shares of a patch keep summing to 1")
  func sums() throws {
    var propagation = try LabelPropagation(frame(0), labels: firstLabels)
    for number in 1...12 {
      let labels = try propagation.next(frame(number))
      for patch in 0..<grid.count {
        let sum = labels.shares[patch * classes..<(patch + 1) * classes].reduce(0, +)
        #expect(abs(sum - 1) < 1e-5)
      }
    }
  }

  @Test("a frame that does not change keeps its labels with one neighbour")
  func still() throws {
    var settings = LabelPropagation.Settings()
    settings.neighbours = 1
    var propagation = try LabelPropagation(frame(3), labels: firstLabels, settings)

    for _ in 1...4 { #expect(try propagation.next(frame(3)) == firstLabels) }
  }

  @Test("labels come from no further away than the radius")
  func radius() throws {
    // One patch has another token; in the next frame it stands four columns to the right.
    func map(markedAt column: Int) -> PatchMap {
      var values = [Float](repeating: 0, count: grid.count * 2)
      for patch in 0..<grid.count { values[patch * 2] = 1 }
      values[(2 * grid.width + column) * 2] = 0
      values[(2 * grid.width + column) * 2 + 1] = 1
      return PatchMap(values: values, grid: grid, width: 2)
    }
    var shares = [Float](repeating: 0, count: grid.count * 2)
    for patch in 0..<grid.count { shares[patch * 2 + (patch == 2 * grid.width + 1 ? 1 : 0)] = 1 }
    let labels = PatchLabels(shares: shares, classes: 2, grid: grid)
    func share(radius: Int) throws -> Float {
      var settings = LabelPropagation.Settings()
      settings.radius = radius
      settings.neighbours = 1
      var propagation = try LabelPropagation(map(markedAt: 1), labels: labels, settings)
      return try propagation.next(map(markedAt: 5)).shares[(2 * grid.width + 5) * 2 + 1]
    }

    #expect(try share(radius: 3) == 0)
    #expect(try share(radius: 4) == 1)
  }

  @Test("refuses other grids, other widths, numbers that are not finite and odd settings")
  func refusals() throws {
    let other = PatchMap(
      values: [Float](repeating: 1, count: 4 * width), grid: PatchGrid(height: 2, width: 2),
      width: width)
    let narrow = PatchMap(
      values: [Float](repeating: 1, count: grid.count), grid: grid, width: 1)
    var broken = frame(1).values
    broken[7] = .nan
    var propagation = try LabelPropagation(frame(0), labels: firstLabels)

    #expect(throws: InferenceError.self) { try LabelPropagation(other, labels: firstLabels) }
    #expect(throws: InferenceError.self) { try propagation.next(other) }
    #expect(throws: InferenceError.self) { try propagation.next(narrow) }
    #expect(throws: InferenceError.self) {
      try propagation.next(PatchMap(values: broken, grid: grid, width: width))
    }
    for change: (inout LabelPropagation.Settings) -> Void in [
      { $0.neighbours = 0 }, { $0.neighbours = .max }, { $0.previousFrames = -1 },
      { $0.radius = -1 }, { $0.temperature = 0 }, { $0.temperature = .nan },
    ] {
      var settings = LabelPropagation.Settings()
      change(&settings)
      #expect(throws: InferenceError.self) {
        try LabelPropagation(frame(0), labels: firstLabels, settings)
      }
    }
    // Any radius is a radius.
    var settings = LabelPropagation.Settings()
    settings.radius = .max
    var far = try LabelPropagation(frame(0), labels: firstLabels, settings)
    settings.radius = nil
    var whole = try LabelPropagation(frame(0), labels: firstLabels, settings)
    #expect(try far.next(frame(1)) == whole.next(frame(1)))
  }
}
