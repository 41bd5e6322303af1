import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Telemetry

/// Measures heads for each pixel, with progress, and tells the values.
struct DenseMeasurement {
  /// The head.
  let predictor: DensePredictor
  /// Windows, scales and flips.
  var options = DensePredictor.Options()
  /// Threads that decode.
  var decoders = 2
  /// Draws of the bootstrap.
  var bootstrap = 1000
  /// The seed of the bootstrap.
  var seed: UInt64 = 0
  /// Whether images with problems are left out.
  var leavesOutBad = false
  /// Whether progress is told as JSON.
  var isJSON = false

  /// Values by name, in order.
  typealias Values = [(String, JSONField)]

  /// Measures segmentation.
  func segmentation(
    _ data: SegmentationData
  ) async throws -> (values: Values, result: SegmentationEvaluation.Result) {
    var data = data
    let check = try await data.check(threads: decoders) { _ in true }
    if !leavesOutBad {
      try check.demandAll(of: "\(data.root.displayName), \(data.split)")
    }
    data = data.selecting(check.outputs.indices.filter { check.outputs[$0] != nil })
    var evaluation = SegmentationEvaluation()
    evaluation.options = options
    evaluation.decoders = decoders
    let progress = reporter(data.samples.count)
    defer { progress.stop() }
    let measured = data
    let result = try await evaluation(measured, by: predictor) { progress.advance() }
    for line in result.failures.prefix(3) { progress.warn("left out \(line)") }
    let metrics = result.metrics
    var values: Values = [("mIoU", .number(metrics.mIoU))]
    if let interval = result.interval(draws: bootstrap, seed: seed) {
      values.append(
        ("mIoU_ci95", .array([.number(interval.lower), .number(interval.upper)])))
    }
    values += [
      ("mAcc", .number(metrics.mAcc)), ("aAcc", .number(metrics.aAcc)),
      ("classes", .integer(data.classNames.count)),
      ("test_images", .integer(result.perImage.count)),
      ("left_out", .integer(check.problemCount + result.failures.count)),
    ]
    return (values, result)
  }

  /// Measures depth.
  func depth(
    _ data: DepthData, _ comparison: DepthEvaluator.Options, constant: Double?
  ) async throws -> (values: Values, result: DepthEvaluation.Result) {
    var data = data
    let check = try await data.check(threads: decoders) { $0.median }
    if !leavesOutBad {
      try check.demandAll(of: "\(data.root.displayName), \(data.split)")
    }
    let progress = reporter(data.samples.count)
    defer { progress.stop() }
    let medians = check.outputs.compactMap { $0 }.filter { $0 > 0 }.sorted()
    if !medians.isEmpty, let doubt = data.doubts(median: Double(medians[medians.count / 2])) {
      progress.warn(doubt)
    }
    data = data.selecting(check.outputs.indices.filter { check.outputs[$0] != nil })
    var evaluation = DepthEvaluation()
    evaluation.options = options
    evaluation.decoders = decoders
    evaluation.comparison = comparison
    evaluation.constant = constant
    let result = try await evaluation(data, by: predictor) { progress.advance() }
    for line in result.failures.prefix(3) { progress.warn("left out \(line)") }
    let mean = result.mean
    var values: Values = [("rmse", .number(mean.rmse))]
    if let interval = result.interval(draws: bootstrap, seed: seed) {
      values.append(
        ("rmse_ci95", .array([.number(interval.lower), .number(interval.upper)])))
    }
    for (key, value) in zip(DepthMetrics.CodingKeys.allCases, mean.values) where key != .rmse {
      values.append((key.rawValue, .number(value)))
    }
    if let reference = result.ofConstant {
      values.append(("rmse_of_train_median", .number(reference.rmse)))
    }
    let unknown = result.perImage.count { $0.rmse.isNaN }
    values += [
      ("test_images", .integer(result.perImage.count - unknown)),
      ("left_out", .integer(check.problemCount + result.failures.count + unknown)),
    ]
    return (values, result)
  }

  private func reporter(_ total: Int) -> ProgressReporter {
    ProgressReporter.automatic(label: "measuring", total: total, unit: .images, json: isJSON)
  }
}

extension DepthMap {
  /// The median of the known depths; 0 if there is none.
  fileprivate var median: Float {
    let sorted = known.sorted()
    return sorted.isEmpty ? 0 : sorted[sorted.count / 2]
  }
}
