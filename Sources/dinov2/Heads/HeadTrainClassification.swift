import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Imaging
import Telemetry

/// `dinov2 head train classification`: one class for an image.
struct HeadTrainClassification: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "classification",
    abstract: "Train a linear head that gives each image a class.",
    discussion: """
      The grid of linear probes of 'evaluate linear': class tokens of the last 1 or 4 blocks, without \
      and with the mean patch token, times the learning rates; the best on held-out images is the head. With \
      --fine-tune it and the backbone go on learning together, from random parts of the images.

      Example: dinov2 head train classification --data data/train --output heads/flowers
      """)

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Images with classes: ROOT/<class>/*, labelled tar shards, lists.", valueName: "input"),
    completion: .file())
  var data: [String]

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Images with classes to measure the finished head on.", valueName: "input"),
    completion: .file())
  var test: [String] = []

  @OptionGroup var output: HeadOutputOptions

  @Option(help: "Images of a step of the classifiers.")
  var trainBatch = 128

  @Option(help: "Steps; a hundred passes over the features, at most 12500, if left out.")
  var steps: Int?

  @Option(
    parsing: .upToNextOption,
    help: "Learning rates for a batch of 256 (default: the original's 13, 1e-5 to 0.1).")
  var rates: [Double] = []

  @Option(help: "The share of the images that the classifier is chosen on.")
  var heldOut = 0.1

  @Flag(help: "Then let the backbone learn too; it is kept in the head's folder.")
  var fineTune = false

  @Option(help: "The learning rate of the classifier and the last block with --fine-tune.")
  var backboneRate = FineTuningSettings().rate

  @Option(help: "How often all images are seen with --fine-tune.")
  var epochs = 10

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  func validate() throws {
    guard (1...1_000_000).contains(trainBatch), (1...10_000_000).contains(steps ?? 1) else {
      throw ValidationError("--train-batch must be 1 to 1000000, --steps 1 to 10000000.")
    }
    guard rates.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ValidationError("--rates must be above 0.")
    }
    guard backboneRate > 0, backboneRate.isFinite, (1...100_000).contains(epochs) else {
      throw ValidationError("--backbone-rate must be above 0, --epochs 1 to 100000.")
    }
    guard heldOut > 0, heldOut < 1 else {
      throw ValidationError("--held-out is \(heldOut); expected above 0 and below 1.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet()
    let images = try LabelledImages(data)
    let testImages = try test.isEmpty ? nil : LabelledImages(test)
    let testLabels = try testImages.map { try ClassAgreement.labels(of: $0, in: images) }
    let run = try HeadTrainRun(output)
    do {
      let model = try await modelOptions.load()
      let seen = try preprocessing.preprocessing(for: model)
      let viewing = viewing(of: images, seen, by: model)
      let features = try await features(viewing, model, run.services)
      var job = ClassificationHeadJob(
        classNames: images.classNames,
        dataName: data.map { ($0 as NSString).lastPathComponent }.joined(separator: " "))
      job.heldOutShare = heldOut
      job.evaluation.seed = output.seed
      job.evaluation.batch = trainBatch
      job.evaluation.inputs = LinearProbeInput.inputs(
        blocks: [1, 4].filter { $0 <= model.config.depth })
      if !rates.isEmpty { job.evaluation.rates = rates }
      job.evaluation.iterations =
        steps ?? min(12_500, max(100 * features.labels.count / trainBatch, 100))
      let services = run.services
      services.onEvent(.begin("training", total: job.evaluation.iterations, isSteps: true))
      var trained = try job(
        features, backbone: try await model.headBackbone(blocks: [], normalize: true),
        preprocessing: HeadPreprocessing(seen)
      ) { services.onEvent(.done($0)) }
      if fineTune {
        let tuned = try await job.fineTuned(
          trained, on: features, of: viewing, by: model,
          tuning(images: features.labels.count, run), services)
        guard let tuned else { throw run.stopped() }
        trained = tuned
        warnOfLoss(tuned, services)
      }
      try run.write(trained.config, trained.parameters, card(trained, run))
      try run.write(backbone: trained.backbone, cropSide: seen.crop?.shorterSide)
      if let testImages {
        var job = viewing
        (job.images, job.labels) = (testImages, testLabels ?? testImages.labels)
        let applied = try await run.appliedModel(of: trained, frozen: model, modelOptions)
        let value = try await top1(of: trained, job, applied, services)
        trained.config.training?.metrics["test_top1"] = value
        try run.write(trained.config, trained.parameters, card(trained, run))
      }
      run.endDisplay()
      run.clean()
      tell(trained, run)
    } catch {
      run.endDisplay()
      throw error
    }
  }

  private func viewing(
    of images: LabelledImages, _ preprocessing: Preprocessing, by model: DINOv2
  ) -> FeatureJob {
    var job = FeatureJob(images, preprocessing: preprocessing)
    job.decoder = self.preprocessing.decoder
    job.layers = min(4, model.config.depth)
    job.batch = output.loading.batch
    job.decoders = output.loading.decoders
    job.cache = output.featureCache
    return job
  }

  private func tuning(images: Int, _ run: HeadTrainRun) -> ClassificationHeadJob.FineTuning {
    var tuning = ClassificationHeadJob.FineTuning(steps: 1, workFolder: run.workFolder)
    tuning.steps = max(epochs * images / tuning.batch, 1)
    tuning.backbone.rate = backboneRate
    return tuning
  }

  /// Says so if the images held out were better off before.
  private func warnOfLoss(_ tuned: DenseHeadJob.Trained, _ services: DenseHeadJob.Services) {
    let metrics = tuned.config.training?.metrics ?? [:]
    guard let after = metrics["held_out_top1"], let before = metrics["held_out_top1_frozen"],
      after < before
    else { return }
    services.onEvent(
      .warning(
        "the frozen backbone was better on the images held out; try more --epochs, another "
          + "--backbone-rate, or leave --fine-tune out"))
  }

  private func features(
    _ job: FeatureJob, _ model: DINOv2, _ services: DenseHeadJob.Services
  ) async throws -> LabelledFeatures {
    services.onEvent(.begin("features", total: job.count, isSteps: false))
    let counter = EventCounter(services)
    let features = try await job(with: model) { counter.advance(by: $0) }
    for line in features.failures { services.onEvent(.warning("left out \(line)")) }
    return features
  }

  private func top1(
    of trained: DenseHeadJob.Trained, _ job: FeatureJob, _ model: DINOv2,
    _ services: DenseHeadJob.Services
  ) async throws -> Double {
    var job = job
    job.layers = trained.config.backbone.blocks.count
    let features = try await features(job, model, services)
    return try trained.ranking(of: features).accuracy(features.labels).top1
  }

  /// What was measured, by the names in the head folder.
  private static let metrics = [
    ("test_top1", "top1", "the test images"),
    ("held_out_top1", "top1, held out", "images held out, which the classifier was chosen on"),
    ("held_out_top1_frozen", "top1, held out", "the same, before the backbone learnt"),
  ]

  private func card(_ trained: DenseHeadJob.Trained, _ run: HeadTrainRun) -> HeadCard {
    var card = HeadCard(trained.config)
    card.parameterCount = trained.parameterCount
    for (name, metric, place) in Self.metrics {
      guard let value = trained.config.training?.metrics[name] else { continue }
      card.results.append((metric, NumberFormat.fixed(value, decimals: 4), place))
    }
    card.usage = "dinov2 classify photo.jpg --head \(run.name)"
    card.command = HeadTrainRun.command
    return card
  }

  private func tell(_ trained: DenseHeadJob.Trained, _ run: HeadTrainRun) {
    let metrics = trained.config.training?.metrics ?? [:]
    guard !output.json else {
      var fields: DenseMeasurement.Values = [
        ("event", .string("result")), ("head", .string(run.output)),
        ("learning_rate", .number(trained.config.training?.learningRate ?? .nan)),
      ]
      for (name, _, _) in Self.metrics {
        if let value = metrics[name] { fields.append((name, .number(value))) }
      }
      return Console.print(JSONField.object(fields))
    }
    var parts = [
      "\(run.output): linear head for classification, \(trained.config.classes?.count ?? 0) classes"
    ]
    for (name, metric, place) in Self.metrics {
      guard let value = metrics[name] else { continue }
      parts.append("\(metric) \(NumberFormat.fixed(value, decimals: 4)) (\(place))")
    }
    Console.print(parts.joined(separator: "\n  "))
  }
}
