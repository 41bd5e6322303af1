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
      and with the mean patch token, times the learning rates; the best on held-out images is the head.

      Example: dinov2 head train classification --data data/train --output heads/flowers
      """)

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Images with classes: ROOT/<class>/*, labelled tar shards, lists.", valueName: "input"),
    completion: .file())
  var data: [String]

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

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  func validate() throws {
    guard (1...1_000_000).contains(trainBatch), (1...10_000_000).contains(steps ?? 1) else {
      throw ValidationError("--train-batch must be 1 to 1000000, --steps 1 to 10000000.")
    }
    guard rates.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ValidationError("--rates must be above 0.")
    }
    guard heldOut > 0, heldOut < 1 else {
      throw ValidationError("--held-out is \(heldOut); expected above 0 and below 1.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet()
    let images = try LabelledImages(data)
    let run = try HeadTrainRun(output)
    do {
      let model = try await modelOptions.load()
      let seen = try preprocessing.preprocessing(for: model)
      let features = try await features(of: images, seen, model, run.services)
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
      let trained = try job(
        features, backbone: try await model.headBackbone(blocks: [], normalize: true),
        preprocessing: HeadPreprocessing(seen)
      ) { services.onEvent(.done($0)) }
      run.endDisplay()
      try finish(trained, run)
    } catch {
      run.endDisplay()
      throw error
    }
  }

  private func features(
    of images: LabelledImages, _ preprocessing: Preprocessing, _ model: DINOv2,
    _ services: DenseHeadJob.Services
  ) async throws -> LabelledFeatures {
    var job = FeatureJob(images, preprocessing: preprocessing)
    job.decoder = self.preprocessing.decoder
    job.layers = min(4, model.config.depth)
    job.batch = output.loading.batch
    job.decoders = output.loading.decoders
    job.cache = output.featureCache
    services.onEvent(.begin("features", total: job.count, isSteps: false))
    let counter = EventCounter(services)
    let features = try await job(with: model) { counter.advance(by: $0) }
    for line in features.failures { services.onEvent(.warning("left out \(line)")) }
    return features
  }

  private func finish(_ trained: DenseHeadJob.Trained, _ run: HeadTrainRun) throws {
    var card = HeadCard(trained.config)
    card.parameterCount = trained.parameterCount
    let top1 = trained.config.training?.metrics["held_out_top1"] ?? .nan
    card.results = [
      (
        "top1", NumberFormat.fixed(top1, decimals: 4),
        "images held out, which the best of \(trained.scores.count) classifiers was chosen on"
      )
    ]
    card.usage = "dinov2 classify photo.jpg --head \(run.name)"
    card.command = HeadTrainRun.command
    try run.write(trained.config, trained.parameters, card)
    run.clean()
    guard !output.json else {
      return Console.print(
        JSONField.object([
          ("event", .string("result")), ("head", .string(run.output)),
          ("learning_rate", .number(trained.config.training?.learningRate ?? .nan)),
          ("held_out_top1", .number(top1)),
        ]))
    }
    Console.print(
      "\(run.output): linear head for classification, \(trained.config.classes?.count ?? 0) classes, "
        + "held-out top1 \(NumberFormat.fixed(top1, decimals: 4))")
  }
}
