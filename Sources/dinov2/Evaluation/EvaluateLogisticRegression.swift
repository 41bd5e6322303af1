import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Imaging
import Telemetry
import Torch

/// `dinov2 evaluate logreg`: logistic regression on class tokens.
struct EvaluateLogisticRegression: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logreg",
    abstract: "Fit a logistic regression on class tokens.",
    discussion: """
      Class tokens as they are, after resize 224 and crop 224; L2 penalty, L-BFGS in double \
      precision. C is the best of 45 values from 1e-6 to 1e5 on --val, or else on a tenth of the \
      training images; the model is then fitted again on all of them.

      Example: dinov2 evaluate logreg --train data/train --test data/val --model dinov2_vits14
      """)

  @OptionGroup(title: "Data and report") var options: EvaluationOptions

  @Option(parsing: .upToNextOption, help: "Images to choose C on.", completion: .file())
  var val: [String] = []

  @Option(
    name: .customLong("c"), parsing: .upToNextOption,
    help: "Values of C to try (default: 45 values from 1e-6 to 1e5).")
  var values: [Double] = []

  @Option(help: "The most steps of a fit.")
  var iterations = 1000

  @Option(help: "A fit ends when no component of the gradient is larger.")
  var tolerance = 1e-7

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  func validate() throws {
    guard values.allSatisfy({ $0 > 0 && $0.isFinite }) else {
      throw ValidationError("--c must be above 0.")
    }
    guard (1...1_000_000).contains(iterations), tolerance > 0 else {
      throw ValidationError("--iterations must be 1 to 1000000, --tolerance above 0.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet(spins: 300_000)
    let sets = try options.sets()
    let valSet = try val.isEmpty ? nil : LabelledImages(val)
    let valLabels = try valSet.map { try ClassAgreement.labels(of: $0, in: sets.train) }
    let model = try await modelOptions.load()
    let chosen = val.isEmpty ? "a tenth of the training images" : "validation images"
    var report = EvaluationReport(
      protocol: "logistic regression on class tokens, C chosen on \(chosen)", model: model)
    let viewer = EvaluationOptions.Viewer(
      model: model,
      preprocessing: try preprocessing.preprocessing(
        for: model, default: model.preprocessing == .dinov2 ? Self.uncut : model.preprocessing),
      decoder: preprocessing.decoder)
    func features(
      _ images: LabelledImages, _ labels: [Int]?, _ name: String
    ) async throws -> LabelledFeatures {
      try await options.features(
        images, labels: labels, name, seenBy: viewer)
    }
    let train = try await features(sets.train, nil, "train")
    let test = try await features(sets.test, sets.testLabels, "test")
    let (fitted, tune): (LabelledFeatures, LabelledFeatures)
    if let valSet {
      (fitted, tune) = (train, try await features(valSet, valLabels, "val"))
    } else {
      let (kept, held) = try TrainingSubset.holdOut(of: train.labels.count, seed: options.seed)
      (fitted, tune) = (try train.selecting(kept), try train.selecting(held))
    }
    let sweep = try measure(fitted, tune, sets.classes)
    let ranking = try ClassRanking(sweep.model.logits(test.clsTokens))
    try report.add(ranking, labels: test.labels, options)
    report.add("C", .number(sweep.best.inverseRegularization))
    report.add("val_top1", .number(sweep.best.accuracy.top1))
    report.add("converged", .bool(sweep.model.minimum.hasConverged))
    report.addCounts(sets, train: train, test: test)
    report.print(options)
  }

  /// The original's transform of this protocol: the shorter side becomes the crop.
  private static let uncut = Preprocessing(resize: 224, crop: Size(height: 224, width: 224))

  private func measure(
    _ train: LabelledFeatures, _ tune: LabelledFeatures, _ classes: Int
  ) throws -> LogisticRegressionSweep {
    var solver = LBFGS()
    solver.maxIterations = iterations
    solver.gradientTolerance = tolerance
    let grid = values.isEmpty ? LogisticRegressionSweep.standardGrid : values
    let progress = ProgressReporter.automatic(
      label: "C", total: grid.count, unit: .init(singular: "value", plural: "values"), json: false)
    defer { progress.stop() }
    return try LogisticRegressionSweep(
      train: .init(train.clsTokens, train.labels), tune: .init(tune.clsTokens, tune.labels),
      classes: classes, grid: grid, solver: solver
    ) { _, _ throws(TorchError) in progress.advance() }
  }
}
