import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Telemetry

/// `dinov2 evaluate linear`: the grid of linear classifiers on frozen features.
struct EvaluateLinear: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "linear",
    abstract: "Train the grid of linear classifiers and report the best.",
    discussion: """
      Class tokens of the last 1 or 4 blocks, without and with the mean patch token, times 13 \
      learning rates: 52 classifiers, trained at once by SGD. The best is chosen on images that are \
      not reported: --val, or else a tenth of the training images. With --select-on-test it is \
      chosen on the test images, as the original does. Classifiers see the centre crop of each \
      image; with --views N they see N random crops, as the original (10).

      Example: dinov2 evaluate linear --train data/train --test data/val --model dinov2_vits14
      """)

  @OptionGroup(title: "Data and report") var options: EvaluationOptions

  @Option(
    parsing: .upToNextOption, help: "Images to choose the classifier on.", completion: .file())
  var val: [String] = []

  @Flag(help: "Choose the classifier on the test images, as the original does.")
  var selectOnTest = false

  @Option(help: "Random views of each training image; 0 for the centre crop.")
  var views = 0

  @Option(help: "Images of a step of the classifiers.")
  var trainBatch = 128

  @Option(help: "Steps; if left out 12500, but at most 100 passes over the training features.")
  var iterations: Int?

  @Option(
    parsing: .upToNextOption,
    help: "Learning rates for a batch of 256 (default: the original's 13, 1e-5 to 0.1).")
  var rates: [Double] = []

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  func validate() throws {
    guard val.isEmpty || !selectOnTest else {
      throw ValidationError("--val and --select-on-test exclude each other.")
    }
    guard (0...1000).contains(views), (1...1_000_000).contains(trainBatch) else {
      throw ValidationError("--views must be 0 to 1000, --train-batch 1 to 1000000.")
    }
    guard (1...10_000_000).contains(iterations ?? 1) else {
      throw ValidationError("--iterations is \(iterations ?? 0); expected 1 to 10000000.")
    }
    guard rates.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ValidationError("--rates must be above 0.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet(spins: 300_000)
    let sets = try options.sets()
    let valSet = try val.isEmpty ? nil : LabelledImages(val)
    let valLabels = try valSet.map { try ClassAgreement.labels(of: $0, in: sets.train) }
    let model = try await modelOptions.load()
    var report = EvaluationReport(protocol: text, model: model)
    let viewer = EvaluationOptions.Viewer(
      model: model, preprocessing: try preprocessing.preprocessing(for: model),
      decoder: preprocessing.decoder)
    func features(
      _ images: LabelledImages, _ labels: [Int]?, _ name: String, views: Int = 0
    ) async throws -> LabelledFeatures {
      try await options.features(
        images, labels: labels, name, seenBy: viewer, views: views)
    }
    let test = try await features(sets.test, sets.testLabels, "test")
    var train: LabelledFeatures
    let selection: LabelledFeatures
    if let valSet {
      train = try await features(sets.train, nil, "train", views: views)
      selection = try await features(valSet, valLabels, "val")
    } else if selectOnTest {
      train = try await features(sets.train, nil, "train", views: views)
      selection = test
    } else {
      (train, selection) = try await heldOut(sets, features)
    }
    var evaluation = LinearEvaluation()
    evaluation.batch = trainBatch
    evaluation.seed = options.seed
    evaluation.inputs = LinearProbeInput.inputs(blocks: [1, 4].filter { $0 <= model.config.depth })
    if !rates.isEmpty { evaluation.rates = rates }
    evaluation.iterations =
      iterations ?? min(12_500, max(100 * train.labels.count / trainBatch, 100))
    let result = try measure(evaluation, train, selection, test, sets, model)
    try report.add(result.ranking, labels: test.labels, options)
    report.add("classifier", .string(result.head.name))
    report.add("val_top1", .number(result.selection[result.best].accuracy.top1))
    report.add("iterations", .integer(evaluation.iterations))
    report.addCounts(sets, train: train, test: test)
    report.print(options)
  }

  private var text: String {
    let chosen =
      selectOnTest
      ? "the test images"
      : val.isEmpty ? "a tenth of the training images" : "validation images"
    return "grid of linear classifiers, \(views > 0 ? "\(views) random views" : "centre crops"), "
      + "best chosen on \(chosen)"
  }

  /// Training features without, and centre crops of, the tenth that is held out.
  private func heldOut(
    _ sets: EvaluationOptions.Sets,
    _ features: (LabelledImages, [Int]?, String, Int) async throws -> LabelledFeatures
  ) async throws -> (train: LabelledFeatures, selection: LabelledFeatures) {
    let plain = try await features(sets.train, nil, "train", 0)
    let (kept, held) = try TrainingSubset.holdOut(of: plain.labels.count, seed: options.seed)
    let selection = try plain.selecting(held)
    guard views > 0 else { return (try plain.selecting(kept), selection) }
    guard plain.failures.isEmpty else {
      throw DataError.unusable(
        place: "training images",
        problem: "\(plain.failures.count) cannot be read; remove them or pass --val to use --views")
    }
    let random = try await features(sets.train, nil, "train views", views)
    let count = plain.labels.count
    let rows = (0..<views).flatMap { view in kept.map { view * count + $0 } }
    return (try random.selecting(rows), selection)
  }

  private func measure(
    _ evaluation: LinearEvaluation, _ train: LabelledFeatures, _ selection: LabelledFeatures,
    _ test: LabelledFeatures, _ sets: EvaluationOptions.Sets, _ model: DINOv2
  ) throws -> LinearEvaluation.Result {
    let progress = ProgressReporter.automatic(
      label: "linear", total: evaluation.iterations, unit: .steps, json: false)
    defer { progress.stop() }
    return try evaluation(
      train: .init(train.rows, train.labels), selection: .init(selection.rows, selection.labels),
      report: .init(test.rows, test.labels), layers: train.layers, classes: sets.classes
    ) { step, _ in progress.update(done: step) }
  }
}
