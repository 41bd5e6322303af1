import DINOEvaluation
import Imaging
import Testing

@Suite("TrackingEvaluator")
struct TrackingEvaluatorTests {
  @Test("mean, recall and decay of nine frames, by hand")
  func statistics() {
    // Quarters of nine frames: 1 to 3, 3 to 5, 5 to 7, 7 to 9.
    let statistics = TrackingStatistics([1, 0.9, 0.8, 0.5, 0.6, 0.7, 0.4, 0.3, 0.2])

    #expect(abs(statistics.mean - 0.6) < 1e-12)
    // 0.5 itself is not above 0.5.
    #expect(abs(statistics.recall - 5.0 / 9) < 1e-12)
    #expect(abs(statistics.decay - (0.9 - 0.3)) < 1e-12)
  }

  @Test("short videos: quarters share frames, halves round as the benchmark does")
  func shortVideos() {
    #expect(TrackingStatistics([0.7]).decay == 0)
    // Edges 1, 1.25, 1.5, 1.75, 2 become 1, 1, 2, 2, 2.
    #expect(abs(TrackingStatistics([0.9, 0.4]).decay - 0.5) < 1e-12)
    // Edges 1, 2.25, 3.5, 4.75, 6 become 1, 2, 4, 5, 6.
    let six = TrackingStatistics([1, 0.8, 0, 0, 0.3, 0.1])
    #expect(abs(six.decay - (0.9 - 0.2)) < 1e-12)
    let none = TrackingStatistics([])
    #expect(none.mean.isNaN && none.recall.isNaN && none.decay.isNaN)
  }

  private func map(_ values: [UInt16]) throws -> ValueImage {
    try ValueImage(values, size: Size(height: 2, width: values.count / 2))
  }

  @Test("every object of every video weighs the same")
  func weights() throws {
    var evaluator = TrackingEvaluator()
    let truth = try map([1, 1, 2, 0, 1, 1, 2, 0])
    evaluator.begin("first", objects: [1, 2])
    try evaluator.add(truth, truth: truth)
    // The second object is lost, the first one right.
    try evaluator.add(map([1, 1, 0, 0, 1, 1, 0, 0]), truth: truth)
    evaluator.begin("second", objects: [2])
    try evaluator.add(truth, truth: truth)

    #expect(evaluator.objects.map(\.video) == ["first", "first", "second"])
    #expect(evaluator.objects.map(\.regionSimilarity) == [[1, 1], [1, 0], [1]])
    let metrics = evaluator.metrics
    #expect(abs(metrics.region.mean - (1 + 0.5 + 1) / 3) < 1e-12)
    #expect(abs(metrics.region.recall - (1 + 0.5 + 1) / 3) < 1e-12)
    #expect(metrics.meanOfBoth == (metrics.region.mean + metrics.contour.mean) / 2)
  }

  @Test("255 is void, but not where it is the object")
  func void() throws {
    var evaluator = TrackingEvaluator()
    evaluator.begin("void", objects: [1])
    try evaluator.add(map([1, 1, 1, 0, 0, 0]), truth: map([1, 255, 255, 0, 0, 0]))
    evaluator.begin("white", objects: [255])
    try evaluator.add(map([255, 0, 0, 0]), truth: map([255, 255, 0, 0]))

    #expect(evaluator.objects.map(\.regionSimilarity) == [[1], [0.5]])
  }
}
