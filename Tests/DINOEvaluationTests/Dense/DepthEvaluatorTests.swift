import CheckpointFormats
import DINOEvaluation
import DINOTestSupport
import Imaging
import Testing

@Suite("DepthEvaluator")
struct DepthEvaluatorTests {
  struct Config: Decodable {
    struct Crop: Decodable {
      let rows: [Int]
      let columns: [Int]
    }
    let names: [String]
    let mean: [String: Double]
    let crops: [String: Crop]
    let minDepth: Double
    let maxDepth: Double

    enum CodingKeys: String, CodingKey {
      case names, mean, crops
      case minDepth = "min_depth"
      case maxDepth = "max_depth"
    }
  }

  @Test("agrees with the original", arguments: Golden.named("eval/depth_metrics"))
  func golden(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    var options = DepthEvaluator.Options()
    (options.minDepth, options.maxDepth) = (config.minDepth, config.maxDepth)
    var evaluator = DepthEvaluator(options)
    let truth = try golden["input.gt"]
    let (predicted, known) = (try golden["input.pred"].floats(), try truth.floats())
    let size = Size(height: truth.shape[1], width: truth.shape[2])
    let count = size.height * size.width
    for image in 0..<truth.shape[0] {
      let range = image * count..<(image + 1) * count
      try evaluator.add(Array(predicted[range]), truth: Array(known[range]), size: size)
    }

    let order = try config.names.map { name in
      try #require(DepthMetrics.CodingKeys.allCases.firstIndex { $0.rawValue == name })
    }
    try expectClose(
      got: evaluator.perImage.flatMap { metrics in order.map { metrics.values[$0] } },
      shape: [truth.shape[0], order.count], expected: golden["expected.per_image"],
      tolerance: golden.tolerance(for: "expected.per_image"), label: "expected.per_image")
    for (name, index) in zip(config.names, order) {
      let expected = try #require(config.mean[name])
      let got = evaluator.mean.values[index]
      #expect(abs(got - expected) <= 1e-5 * abs(expected), "\(name): \(got), not \(expected)")
    }
  }

  @Test("crops are those of the benchmarks", arguments: Golden.named("eval/depth_metrics"))
  func crops(golden: Golden) throws {
    for (name, expected) in try golden.decodeConfig(Config.self).crops {
      let parts = name.split(separator: "_")
      let crop = try #require(DepthCrop(rawValue: parts.dropLast().joined(separator: "_")))
      let sides = try #require(parts.last).split(separator: "x").compactMap { Int($0) }
      let region = crop.region(in: Size(height: sides[0], width: sides[1]))
      #expect([region.top, region.top + region.height] == expected.rows, "\(name)")
      #expect([region.left, region.left + region.width] == expected.columns, "\(name)")
    }
  }

  @Test("crops lie inside any map", arguments: DepthCrop.allCases)
  func smallMaps(crop: DepthCrop) throws {
    for (h, w) in [(0, 0), (1, 1), (3, 2000), (500, 7)] {
      let size = Size(height: h, width: w)
      let region = crop.region(in: size)
      #expect(region.top >= 0 && region.left >= 0 && region.height >= 0 && region.width >= 0)
      #expect(region.top + region.height <= h && region.left + region.width <= w)
      var options = DepthEvaluator.Options()
      options.crop = crop
      var evaluator = DepthEvaluator(options)
      let depth = [Float](repeating: 2, count: h * w)
      try evaluator.add(depth, truth: depth, size: size)
      #expect(evaluator.perImage.count == 1)
    }
  }

  @Test("scaling by the median takes a common factor out")
  func medianScaling() throws {
    let truth: [Float] = [1, 2, 3, 0, .nan, 4]
    let prediction = truth.map { $0.isNaN ? 7 : $0 * 3 }
    let size = Size(height: 2, width: 3)
    var options = DepthEvaluator.Options()
    var plain = DepthEvaluator(options)
    options.scalesByMedian = true
    var scaled = DepthEvaluator(options)

    #expect(try plain.add(prediction, truth: truth, size: size).absRel == 2)
    let metrics = try scaled.add(prediction, truth: truth, size: size)
    #expect(metrics.rmse < 1e-12 && metrics.a1 == 1 && metrics.silog == 0)
  }

  @Test("maps of another size are refused; an evaluation without images has no means")
  func refusals() throws {
    var evaluator = DepthEvaluator()
    #expect(throws: EvaluationError.self) {
      try evaluator.add([1, 2], truth: [1], size: Size(height: 1, width: 2))
    }
    #expect(throws: EvaluationError.self) {
      try evaluator.add([1], truth: [1], size: Size(height: -1, width: -1))
    }
    #expect(evaluator.mean.values.allSatisfy { $0.isNaN })
  }
}
