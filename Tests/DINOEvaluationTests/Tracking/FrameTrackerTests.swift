import DINOData
import DINOEvaluation
import DINOInference
import Imaging
import Testing

@Suite("FrameTracker")
struct FrameTrackerTests {
  private let size = Size(height: 112, width: 154)

  /// Two textured squares that move over a textured ground, four pixels a frame.
  private func frame(_ number: Int) throws -> (image: PixelBuffer, labels: ValueImage) {
    var image = try PixelBuffer(size: size, fill: .black)
    var values = [UInt16](repeating: 0, count: size.height * size.width)
    for row in 0..<size.height {
      for column in 0..<size.width {
        let ground = UInt8(110 + 40 * ((row / 6 + column / 9) % 2))
        image.setColor(RGB(ground, ground, 90), row: row, column: column)
      }
    }
    for (label, top, left, color) in [
      (UInt16(3), 14, 14 + 4 * number, RGB(220, 60, 40)),
      (UInt16(700), 70, 112 - 4 * number, RGB(40, 80, 220)),
    ] {
      for row in top..<top + 28 {
        for column in left..<left + 28 {
          let isDark = (row - top + column - left) / 5 % 2 == 0
          image.setColor(
            isDark ? RGB(color.red / 2, color.green / 2, color.blue / 2) : color, row: row,
            column: column)
          values[row * size.width + column] = label
        }
      }
    }
    return (image, try ValueImage(values, size: size))
  }

  private func settings(_ features: FrameTracker.Features = .tokens) -> FrameTracker.Settings {
    var settings = FrameTracker.Settings()
    settings.shorterSide = 112
    settings.features = features
    return settings
  }

  private func measure(_ settings: FrameTracker.Settings) async throws -> TrackingMetrics {
    let model = try await DINOv2.load()
    let first = try frame(0)
    var tracker = try await FrameTracker(
      model, first: first.image, mask: first.labels, settings)
    var evaluator = TrackingEvaluator()
    evaluator.begin("squares", objects: tracker.objects)
    #expect(tracker.objects == [3, 700])
    for number in 1..<10 {
      let next = try frame(number)
      let found = try await tracker.next(next.image)
      #expect(found.size == size && Set(found.values).isSubset(of: [0, 3, 700]))
      try evaluator.add(found, truth: next.labels)
    }
    return evaluator.metrics
  }

  @Test("follows moving squares with tokens and with pixels; refinement fits them to their edges")
  func follows() async throws {
    let tokens = try await measure(settings())
    var refined = settings()
    refined.refinement = EdgeRefinement()
    let fitted = try await measure(refined)
    let pixels = try await measure(settings(.pixels))

    #expect(tokens.region.mean > 0.5 && tokens.region.recall > 0.5, "\(tokens)")
    #expect(fitted.region.mean > tokens.region.mean, "\(fitted) against \(tokens)")
    #expect(pixels.region.mean > 0.3, "\(pixels)")
    // A tracker that never moves its masks is far worse.
    var still = TrackingEvaluator()
    still.begin("squares", objects: [3, 700])
    for number in 1..<10 { try still.add(frame(0).labels, truth: frame(number).labels) }
    #expect(tokens.region.mean > still.metrics.region.mean + 0.1)
  }

  @Test("refuses masks and frames of other sizes, empty masks and impossible sizes")
  func refusals() async throws {
    let model = try await DINOv2.load()
    let first = try frame(0)
    let empty = try ValueImage(
      [UInt16](repeating: 0, count: size.height * size.width), size: size)
    let other = try PixelBuffer(size: Size(height: 56, width: 56), fill: .white)

    await #expect(throws: InferenceError.self) {
      try await FrameTracker(model, first: other, mask: first.labels)
    }
    await #expect(throws: InferenceError.self) {
      try await FrameTracker(model, first: first.image, mask: empty)
    }
    var huge = settings()
    huge.shorterSide = 1 << 40
    await #expect(throws: InferenceError.self) {
      try await FrameTracker(model, first: first.image, mask: first.labels, huge)
    }
    var tracker = try await FrameTracker(
      model, first: first.image, mask: first.labels, settings())
    await #expect(throws: InferenceError.self) { try await tracker.next(other) }
  }
}
