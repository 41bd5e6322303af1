import DINOData
import DINOEvaluation
import Foundation
import Testing

/// Cases whose numbers follow by hand, and a second reckoning written from the definition.
@Suite("COCO average precision")
struct COCOEvaluatorTests {
  private func box(
    _ left: Double, _ top: Double, _ width: Double, _ height: Double
  ) -> BoundingBox {
    BoundingBox(left: left, top: top, width: width, height: height)
  }

  private func truth(
    _ box: BoundingBox, _ category: Int = 0, area: Double? = nil, isCrowd: Bool = false
  ) -> COCOEvaluator.Truth {
    .init(category: category, box: box, area: area, isCrowd: isCrowd)
  }

  private func found(
    _ box: BoundingBox, _ score: Double, _ category: Int = 0
  ) -> COCOEvaluator.Detection {
    .init(category: category, box: box, score: score)
  }

  private func metrics(
    _ truth: [COCOEvaluator.Truth], _ found: [COCOEvaluator.Detection]
  ) -> COCOMetrics {
    var evaluator = COCOEvaluator(categories: 1)
    evaluator.addImage(truth: truth, detections: found)
    return evaluator.metrics()
  }

  private static let unit = BoundingBox(left: 10, top: 10, width: 10, height: 10)
  private static let far = BoundingBox(left: 80, top: 80, width: 10, height: 10)

  @Test("one box, found exactly: everything is 1")
  func perfect() {
    let metrics = metrics([truth(Self.unit)], [found(Self.unit, 0.2)])

    #expect(abs(metrics.ap - 1) < 1e-12 && abs(metrics.ap50 - 1) < 1e-12)
    #expect(metrics.arByCount == [1, 1, 1])
    // 100 square pixels are small; there is no medium and no large box.
    #expect(abs(metrics.apByArea[0] - 1) < 1e-12)
    #expect(metrics.apByArea[1].isNaN && metrics.apByArea[2].isNaN && metrics.arByArea[1].isNaN)
  }

  @Test("a wrong box above the right one halves the precision; below it, it costs nothing")
  func order() {
    let wrongFirst = metrics([truth(Self.unit)], [found(Self.far, 0.9), found(Self.unit, 0.5)])
    let wrongLast = metrics([truth(Self.unit)], [found(Self.unit, 0.9), found(Self.far, 0.5)])

    #expect(abs(wrongFirst.ap - 0.5) < 1e-12 && abs(wrongLast.ap - 1) < 1e-12)
    #expect(wrongFirst.arByCount == [0, 1, 1])
  }

  @Test("equal scores: the box that comes first counts first")
  func ties() {
    let right = metrics([truth(Self.unit)], [found(Self.unit, 0.5), found(Self.far, 0.5)])
    let wrong = metrics([truth(Self.unit)], [found(Self.far, 0.5), found(Self.unit, 0.5)])

    #expect(abs(right.ap - 1) < 1e-12 && abs(wrong.ap - 0.5) < 1e-12)
  }

  @Test("half of the boxes found: precision 1 at 51 of 101 recalls")
  func recall() {
    let metrics = metrics([truth(Self.unit), truth(Self.far)], [found(Self.unit, 0.9)])

    #expect(abs(metrics.ap50 - 51.0 / 101) < 1e-12)
    #expect(metrics.arByCount == [0.5, 0.5, 0.5])
  }

  @Test("an overlap of 0.6 counts at three thresholds of ten; the threshold itself is enough")
  func overlap() {
    let metrics = metrics([truth(Self.unit)], [found(box(10, 10, 10, 6), 0.9)])

    #expect(abs(metrics.ap - 0.3) < 1e-12)
    #expect(abs(metrics.ap50 - 1) < 1e-12 && metrics.ap75 == 0)
  }

  @Test("of two boxes that one detection overlaps enough, the better one is taken")
  func bestMatch() {
    // The first detection overlaps both; were it given the first box, the second would find nothing.
    let metrics = metrics(
      [truth(box(0, 0, 10, 10)), truth(box(2, 0, 10, 10))],
      [found(box(2, 0, 10, 10), 0.9), found(box(0, 0, 10, 10), 0.8)])

    #expect(abs(metrics.ap - 1) < 1e-12)
  }

  @Test("a crowd swallows any number of boxes and is no loss if missed")
  func crowds() {
    let crowd = truth(box(50, 50, 40, 40), isCrowd: true)
    let inside = found(box(60, 60, 5, 5), 0.95)
    let swallowed = metrics([truth(Self.unit), crowd], [inside, inside, found(Self.unit, 0.5)])
    let missed = metrics([truth(Self.unit), crowd], [found(Self.unit, 0.5)])
    let alone = metrics([crowd], [inside])

    #expect(abs(swallowed.ap - 1) < 1e-12 && abs(missed.ap - 1) < 1e-12)
    #expect(alone.ap.isNaN)
  }

  @Test("a box of another size counts neither way; its area is that of the object")
  func areas() {
    // The object is small, its box is not.
    let object = truth(box(0, 0, 40, 40), area: 900)
    let metrics = metrics(
      [object], [found(box(0, 0, 40, 40), 0.9), found(box(60, 60, 40, 40), 0.95)])

    // The wrong box is medium: it does not count among the small ones.
    #expect(abs(metrics.ap50 - 0.5) < 1e-12)
    #expect(abs(metrics.apByArea[0] - 1) < 1e-12 && metrics.apByArea[1].isNaN)
  }

  @Test("nothing to find, nothing found, a category without either")
  func nothing() {
    #expect(metrics([], []).ap.isNaN)
    #expect(metrics([], [found(Self.unit, 1)]).ap.isNaN)
    let missed = metrics([truth(Self.unit)], [])
    #expect(missed.ap == 0 && missed.arByCount == [0, 0, 0])

    var evaluator = COCOEvaluator(categories: 3)
    evaluator.addImage(
      truth: [truth(Self.unit), truth(Self.unit, 7)],
      detections: [found(Self.unit, 1), found(Self.unit, 1, 2), found(Self.unit, .nan)])
    let metrics = evaluator.metrics()
    #expect(abs(metrics.ap - 1) < 1e-12)
    #expect(metrics.apByCategory[1].isNaN && metrics.apByCategory[2].isNaN)
  }

  @Test("only the hundred best boxes of an image and category count")
  func most() {
    let wrong = (0..<100).map { found(Self.far, 0.9 - Double($0) / 1000) }
    let cut = metrics([truth(Self.unit)], wrong + [found(Self.unit, 0.1)])
    let kept = metrics([truth(Self.unit)], Array(wrong.dropLast()) + [found(Self.unit, 0.1)])

    #expect(cut.ap == 0 && abs(kept.ap - 0.01) < 1e-12)
  }

  @Test("random images agree with a reckoning from the definition", arguments: 0..<12)
  func bruteForce(seed: Int) {
    var images: [(truth: [COCOEvaluator.Truth], found: [COCOEvaluator.Detection])] = []
    var state = UInt64(seed) &* 977 &+ 1
    func random() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 33) / Double(1 << 31)
    }
    for _ in 0..<7 {
      let truths = (0..<Int(random() * 5)).map { _ in
        truth(
          box(random() * 60, random() * 60, 4 + random() * 40, 4 + random() * 40),
          Int(random() * 2), isCrowd: random() < 0.15)
      }
      var founds: [COCOEvaluator.Detection] = truths.filter { _ in random() < 0.8 }.map { item in
        let near = item.box
        return found(
          box(
            near.left + random() * 6 - 3, near.top + random() * 6 - 3, near.width + random() * 4,
            near.height + random() * 4), (random() * 8).rounded() / 8, item.category)
      }
      for _ in 0..<Int(random() * 4) {
        founds.append(
          found(
            box(random() * 80, random() * 80, 10, 10), (random() * 8).rounded() / 8,
            Int(random() * 2)))
      }
      images.append((truths, founds))
    }
    var evaluator = COCOEvaluator(categories: 2)
    for image in images { evaluator.addImage(truth: image.truth, detections: image.found) }
    let metrics = evaluator.metrics()

    var values: [Double] = []
    for category in 0..<2 {
      let part = (0..<10).compactMap { step in
        Self.averagePrecision(images, category: category, overlap: 0.5 + 0.05 * Double(step))
      }
      guard !part.isEmpty else { continue }
      values += part
      #expect(abs(metrics.apByCategory[category] - part.reduce(0, +) / 10) < 1e-12)
    }
    if values.isEmpty {
      #expect(metrics.ap.isNaN)
    } else {
      #expect(abs(metrics.ap - values.reduce(0, +) / Double(values.count)) < 1e-12)
    }
  }

  /// Average precision from the definition: matches, then the largest precision at each recall or above.
  private static func averagePrecision(
    _ images: [(truth: [COCOEvaluator.Truth], found: [COCOEvaluator.Detection])], category: Int,
    overlap: Double
  ) -> Double? {
    var outcomes: [(score: Double, order: Int, isRight: Bool)] = []
    var total = 0
    for image in images {
      let truth = image.truth.filter { $0.category == category }
      total += truth.count { !$0.isCrowd }
      var taken: Set<Int> = []
      let found = image.found.enumerated().filter { $0.element.category == category }
        .sorted { ($1.element.score, $0.offset) < ($0.element.score, $1.offset) }
      for (_, item) in found {
        func value(_ index: Int) -> Double {
          let (a, b) = (item.box, truth[index].box)
          let width = max(0, min(a.right, b.right) - max(a.left, b.left))
          let height = max(0, min(a.bottom, b.bottom) - max(a.top, b.top))
          let whole = truth[index].isCrowd ? a.area : a.area + b.area - width * height
          return width * height / whole
        }
        let real = truth.indices.filter {
          !truth[$0].isCrowd && !taken.contains($0) && value($0) >= overlap - 1e-9
        }
        if let best = real.max(by: { (value($0), $0) < (value($1), $1) }) {
          taken.insert(best)
          outcomes.append((item.score, outcomes.count, true))
        } else if !truth.indices.contains(where: { truth[$0].isCrowd && value($0) >= overlap }) {
          outcomes.append((item.score, outcomes.count, false))
        }
      }
    }
    guard total > 0 else { return nil }
    outcomes.sort { ($1.score, $0.order) < ($0.score, $1.order) }
    var points: [(recall: Double, precision: Double)] = []
    var right = 0
    for (index, outcome) in outcomes.enumerated() {
      if outcome.isRight { right += 1 }
      points.append((Double(right) / Double(total), Double(right) / Double(index + 1)))
    }
    let sum = (0...100).reduce(0.0) { sum, step in
      sum + (points.filter { $0.recall >= Double(step) * 0.01 }.map(\.precision).max() ?? 0)
    }
    return sum / 101
  }

  @Test("the bootstrap brackets the value, and equal seeds give equal bounds")
  func intervals() throws {
    var evaluator = COCOEvaluator(categories: 1)
    for index in 0..<30 {
      evaluator.addImage(
        truth: [truth(Self.unit)], detections: [found(index % 3 == 0 ? Self.far : Self.unit, 0.9)])
    }
    let first = try #require(evaluator.intervals(draws: 200, seed: 1))
    let second = try #require(evaluator.intervals(draws: 200, seed: 1))

    #expect(
      first.ap50.lower < evaluator.metrics().ap50 && evaluator.metrics().ap50 < first.ap50.upper)
    #expect(first.ap == second.ap && first.ap50 == second.ap50)
    #expect(COCOEvaluator(categories: 1).intervals(draws: 10, seed: 0) == nil)
  }
}
