import CheckpointFormats
import DINOData
import DINOEvaluation
import DINOTestSupport
import Testing

@Suite("SegmentationEvaluator")
struct SegmentationEvaluatorTests {
  struct Config: Decodable {
    let classes: Int
    let ignoreIndex: Int
    let summary: [String: [String: Double]]

    enum CodingKeys: String, CodingKey {
      case classes, summary
      case ignoreIndex = "ignore_index"
    }
  }

  @Test("agrees with the original", arguments: Golden.named("eval/iou"))
  func golden(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    let labels = try golden["input.labels"]
    let (known, predicted) = (try labels.integers(), try golden["input.predictions"].integers())
    let count = labels.shape[1...].reduce(1, *)
    for (kind, summary) in config.summary {
      var evaluator = SegmentationEvaluator(
        classes: config.classes, ignoreIndex: config.ignoreIndex,
        reducesZeroLabel: kind == "reduce_zero")
      for image in 0..<labels.shape[0] {
        let range = image * count..<(image + 1) * count
        try evaluator.add(Array(predicted[range]), labels: Array(known[range]))
      }

      let areas = evaluator.areas
      let rows = [
        areas.map(\.intersection), areas.map(\.union), areas.map(\.prediction), areas.map(\.label),
      ]
      let metrics = evaluator.metrics
      for (name, values, shape) in [
        ("areas", rows.flatMap { $0.map(Double.init) }, [4, config.classes]),
        ("IoU", metrics.iou, [config.classes]), ("Acc", metrics.accuracy, [config.classes]),
      ] {
        let full = "expected.\(kind).\(name)"
        try expectClose(
          got: values, shape: shape, expected: golden[full],
          tolerance: golden.tolerance(for: full), label: full)
      }
      for (name, got) in [
        ("mIoU", metrics.mIoU), ("mAcc", metrics.mAcc), ("aAcc", metrics.aAcc),
      ] {
        let expected = try #require(summary[name])
        #expect(abs(got - expected) < 1e-9, "\(kind) \(name)")
      }
    }
  }

  @Test("absent classes are NaN, predicted ones without labels have IoU 0")
  func absentClasses() throws {
    var evaluator = SegmentationEvaluator(classes: 4)
    try evaluator.add([0, 1, 2, 2] as [UInt8], labels: [0, 1, 1, 255] as [UInt8])
    let metrics = evaluator.metrics
    #expect(metrics.iou[0] == 1 && metrics.iou[1] == 0.5 && metrics.iou[2] == 0)
    #expect(metrics.iou[3].isNaN && metrics.accuracy[2].isNaN)
    #expect(metrics.mIoU == 0.5 && metrics.mAcc == 0.75)
    #expect(abs(metrics.aAcc - 2.0 / 3) < 1e-12)
  }

  @Test("parts can be merged; numbers that are no class do not trap")
  func merging() throws {
    var whole = SegmentationEvaluator(classes: 3)
    var first = whole
    var second = whole
    try whole.add([0, 1, 2, -1] as [Int], labels: [0, 2, 900, 1] as [Int])
    try first.add([0, 1] as [Int], labels: [0, 2] as [Int])
    try second.add([2, -1] as [Int], labels: [900, 1] as [Int])
    try first.merge(second)
    #expect(first == whole)
    #expect(whole.areas[2].prediction == 1 && whole.areas[1].label == 1)
    #expect(throws: EvaluationError.self) { try first.merge(SegmentationEvaluator(classes: 2)) }
    #expect(throws: EvaluationError.self) { try first.add([1] as [Int], labels: [] as [Int]) }
    #expect(SegmentationEvaluator(classes: 0).metrics.mIoU.isNaN)
  }

  @Test("counts runs as it counts pixels, whatever their length", arguments: [1, 3, 17, 70])
  func runs(longest: Int) throws {
    var numbers = ViewRandom(seed: 5, .order, longest)
    func map() -> [UInt8] {
      var map: [UInt8] = []
      while map.count < 1000 {
        let value = ([0, 1, 2, 255] as [UInt8]).randomElement(using: &numbers) ?? 0
        map += [UInt8](repeating: value, count: .random(in: 1...longest, using: &numbers))
      }
      return Array(map.prefix(1000))
    }
    let (predicted, labels) = (map(), map())
    var (whole, wide, single) = (
      SegmentationEvaluator(classes: 3), SegmentationEvaluator(classes: 3),
      SegmentationEvaluator(classes: 3)
    )
    try whole.add(predicted, labels: labels)
    try wide.add(predicted.map(UInt16.init), labels: labels.map(Int64.init))
    for (predicted, label) in zip(predicted, labels) {
      try single.add([predicted], labels: [label])
    }
    #expect(whole == single && wide == single)
    #expect(single.areas.allSatisfy { $0.label > 0 && $0.prediction > 0 })
  }
}
