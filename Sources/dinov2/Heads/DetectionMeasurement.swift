import DINOData
import DINOEvaluation
import DINOInference
import Foundation
import Telemetry

/// Measures detection heads, with progress, and tells the values.
struct DetectionMeasurement {
  /// The head.
  let predictor: DetectionPredictor
  /// What is found; nil for what the evaluation wants.
  var options: DetectionPredictor.Options?
  /// Threads that decode.
  var decoders = 2
  /// Draws of the bootstrap.
  var bootstrap = 0
  /// The seed of the bootstrap.
  var seed: UInt64 = 0
  /// Whether images with problems are left out.
  var leavesOutBad = false
  /// Whether progress is told as JSON.
  var isJSON = false

  /// Measures a part.
  func callAsFunction(
    _ data: DetectionData
  ) async throws -> (values: DenseMeasurement.Values, result: DetectionEvaluation.Result) {
    let check = try await data.check(threads: decoders) { _, _ in true }
    if !leavesOutBad { try check.demandAll(of: data.place) }
    let measured = data.selecting(check.outputs.indices.filter { check.outputs[$0] != nil })
    guard measured.samples.contains(where: { sample in sample.objects.contains { !$0.isCrowd } })
    else {
      throw DataError.unusable(place: data.place, problem: "has no box to measure by")
    }
    var evaluation = DetectionEvaluation()
    if let options { evaluation.options = options }
    evaluation.decoders = decoders
    let progress = ProgressReporter.automatic(
      label: "measuring", total: measured.samples.count, unit: .images, json: isJSON)
    defer { progress.stop() }
    let result = try await evaluation(measured, by: predictor) { progress.advance() }
    for line in result.failures.prefix(3) { progress.warn("left out \(line)") }
    var values = Self.values(result.evaluator, draws: bootstrap, seed: seed)
    values += [
      ("classes", .integer(data.categories.count)),
      ("test_images", .integer(result.evaluator.imageCount)),
      ("boxes", .integer(measured.objectCount)),
      ("left_out", .integer(check.problemCount + result.failures.count)),
    ]
    return (values, result)
  }

  /// The metrics by the names of the field.
  static func values(
    _ evaluator: COCOEvaluator, draws: Int, seed: UInt64
  ) -> DenseMeasurement.Values {
    let metrics = evaluator.metrics()
    let sizes = ["small", "medium", "large"]
    var values: DenseMeasurement.Values = [
      ("mAP", .number(metrics.ap)), ("AP50", .number(metrics.ap50)),
      ("AP75", .number(metrics.ap75)),
    ]
    if let interval = evaluator.intervals(draws: draws, seed: seed) {
      values.insert(("mAP_ci95", field(interval.ap)), at: 1)
      values.insert(("AP50_ci95", field(interval.ap50)), at: 3)
    }
    values += zip(sizes, metrics.apByArea).map { ("AP_\($0)", .number($1)) }
    values += zip([1, 10, 100], metrics.arByCount).map { ("AR\($0)", .number($1)) }
    values += zip(sizes, metrics.arByArea).map { ("AR_\($0)", .number($1)) }
    return values
  }

  private static func field(_ interval: ConfidenceInterval) -> JSONField {
    .array([.number(interval.lower), .number(interval.upper)])
  }
}
