import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Imaging
import Telemetry

/// What follows the training of a head for each pixel: it is written, measured on another part, and both
/// results go into its card.
struct DenseTrainEnd {
  let run: HeadTrainRun
  let model: DINOv2
  let modelOptions: ModelOptions
  let job: DenseHeadJob
  let training: DenseTrainOptions
  let output: HeadOutputOptions
  /// The name of the metric that the head was chosen by.
  let metric: String
  /// The command that applies the head.
  let command: String
  /// Further paragraphs of the card.
  var remarks: [String] = []

  /// Ends a training.
  ///
  /// - Parameters:
  ///   - trained: The head.
  ///   - measure: Measures it on another part; not called if the user wants none.
  /// - Throws: What writing or measuring throws; a part that is missing is only noted.
  func finish(
    _ trained: DenseHeadJob.Trained,
    measure: (DenseMeasurement, HeadTraining?) async throws -> DenseMeasurement.Values
  ) async throws {
    try await write(trained) { record in
      var measurement = DenseMeasurement(
        predictor: try await DensePredictor(
          run.appliedModel(of: trained, frozen: model, modelOptions),
          head: DenseHead(path: run.output)))
      measurement.decoders = output.loading.decoders
      measurement.seed = output.seed
      measurement.leavesOutBad = training.leaveOutBad
      measurement.isJSON = output.json
      return try await measure(measurement, record)
    }
  }

  /// Writes a head, measures it on another part, and notes the values.
  ///
  /// - Parameters:
  ///   - trained: The head.
  ///   - measure: Measures the written head on another part; not called if the user wants none.
  /// - Throws: What writing or measuring throws; a part that is missing is only noted.
  func write(
    _ trained: DenseHeadJob.Trained,
    measure: (HeadTraining?) async throws -> DenseMeasurement.Values
  ) async throws {
    var config = trained.config
    try run.write(config, trained.parameters, card(config, trained))
    try run.write(
      backbone: trained.backbone, cropSide: model.preprocessing.crop?.shorterSide)
    run.endDisplay()
    var values: DenseMeasurement.Values = []
    if training.valSplit != "none" {
      do {
        values = try await measure(config.training)
        for case (let name, .number(let value)) in values {
          config.training?.metrics["\(training.valSplit)_\(name)"] = value
        }
        try run.write(config, trained.parameters, card(config, trained))
      } catch let error as DataError where error.category == .unusableDataSet {
        Console.note("not measured: \(error)")
      }
    }
    run.clean()
    tell(config, trained, values)
  }

  private func card(_ config: HeadConfig, _ trained: DenseHeadJob.Trained) -> HeadCard {
    var card = HeadCard(config)
    card.parameterCount = trained.parameterCount
    for (rate, score) in zip(job.settings.rates, trained.scores) {
      card.results.append(
        (
          "\(metric), learning rate \(rate)", NumberFormat.fixed(score, decimals: 4),
          job.settings.heldOutShare > 0
            ? "images held out of \(training.split), which the rate was chosen on"
            : "the images of \(training.split) themselves"
        ))
    }
    let prefix = training.valSplit + "_"
    for (name, value) in (config.training?.metrics ?? [:]).sorted(by: { $0.key < $1.key })
    where name.hasPrefix(prefix) {
      card.results.append(
        (
          String(name.dropFirst(prefix.count)), NumberFormat.fixed(value, decimals: 4),
          "part \(training.valSplit)"
        ))
    }
    card.remarks = remarks
    card.usage = "dinov2 \(command) photo.jpg --head \(run.name) --output maps"
    card.command = HeadTrainRun.command
    return card
  }

  private func tell(
    _ config: HeadConfig, _ trained: DenseHeadJob.Trained, _ values: DenseMeasurement.Values
  ) {
    let metrics = config.training?.metrics ?? [:]
    let held = metrics["held_out_\(metric)"]
    guard !output.json else {
      var fields: DenseMeasurement.Values = [
        ("event", .string("result")), ("head", .string(run.output)),
        ("learning_rate", .number(config.training?.learningRate ?? .nan)),
        ("held_out_\(metric)", .number(held ?? .nan)),
      ]
      fields += values.map { ("\(training.valSplit)_\($0.0)", $0.1) }
      return Console.print(JSONField.object(fields))
    }
    var parts = [
      "\(run.output): \(config.head.type) head for \(config.task.rawValue)",
      "learning rate \(config.training?.learningRate ?? 0)",
    ]
    if let held { parts.append("held-out \(metric) \(NumberFormat.fixed(held, decimals: 4))") }
    if let value = metrics["\(training.valSplit)_\(metric)"] {
      parts.append("\(training.valSplit) \(metric) \(NumberFormat.fixed(value, decimals: 4))")
    }
    Console.print(parts.joined(separator: ", "))
  }
}
