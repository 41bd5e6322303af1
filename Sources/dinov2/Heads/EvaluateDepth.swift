import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Imaging
import Telemetry

/// `dinov2 evaluate depth`: how far depth maps are off.
struct EvaluateDepth: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "depth",
    abstract: "Measure a depth head: rmse, abs_rel, a1 and the other metrics of the field.",
    discussion: """
      Maps are compared at the size of the images, where depth is known; metrics are taken per image, \
      then their mean. rmse_of_train_median is what one depth for every pixel would give. Data: \
      ROOT/<split>/images and ROOT/<split>/depth, 16-bit PNG in millimetres, 0 and 65535 unknown; or NYU Depth v2 \
      or KITTI with their lists, which are measured with their crop (nyu_eigen, garg) and up to 10 or 80 m \
      unless options say otherwise.

      Example: dinov2 evaluate depth --head heads/rooms --data data/rooms --split val --json
      """)

  /// ``DepthCrop`` as an argument.
  enum Crop: String, CaseIterable, ExpressibleByArgument {
    case none
    case nyuEigen = "nyu_eigen"
    case garg
    case kittiEigen = "kitti_eigen"
    case kittiBenchmark = "kb_crop"
  }

  @OptionGroup(title: "Data and report") var options: DenseEvaluateOptions
  @OptionGroup(title: "Data") var dataOptions: DepthDataOptions
  @OptionGroup(title: "Head") var inference: DenseInferenceOptions

  @Option(help: "The part of each map that counts; the layout's if left out.")
  var crop: Crop?

  @Option(help: "Only depths above it count, metres.")
  var minDepth = 0.001

  @Option(help: "Only depths below it count, metres; the layout's if left out, else all.")
  var maxDepth: Double?

  @Option(help: "The largest depth that a released head was trained for, metres.")
  var headMaxDepth = 10.0

  @Flag(help: "Scale each map to the median of the truth first, for depth up to a factor.")
  var medianScaling = false

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard minDepth >= 0, minDepth < maxDepth ?? .infinity, headMaxDepth > 0.002,
      headMaxDepth.isFinite
    else {
      throw ValidationError(
        "--min-depth must be at least 0 and below --max-depth, --head-max-depth above 0.002.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet()
    let data = try dataOptions.read(options.data, split: options.split)
    var released = DenseHead.ReleasedOptions()
    released.maxDepth = headMaxDepth
    let head = try inference.load(for: .depth, released: released)
    let model = try await modelOptions.load(forHead: inference.head)
    var measurement = DenseMeasurement(
      predictor: try await DensePredictor(model, head: head))
    measurement.options = inference.options
    measurement.decoders = options.decoders
    measurement.bootstrap = options.bootstrap
    measurement.seed = options.seed
    measurement.leavesOutBad = options.leaveOutBad
    let comparison = comparison(for: data)
    var report = EvaluationReport(protocol: text(head, data, comparison), model: model)
    report.add("head", .string(head.path))
    let (values, _) = try await measurement.depth(data, comparison, constant: head.trainMedian)
    for (name, value) in values { report.add(name, value) }
    report.addSeconds()
    report.print(json: options.json, leavingOut: ["protocol", "left_out"])
  }

  private func comparison(for data: DepthData) -> DepthEvaluator.Options {
    var result = DepthEvaluator.Options.customary(for: data.layout)
    result.minDepth = minDepth
    if let maxDepth { result.maxDepth = maxDepth }
    if let crop { result.crop = DepthCrop(rawValue: crop.rawValue) ?? .none }
    result.scalesByMedian = medianScaling
    return result
  }

  private func text(
    _ head: DenseHead, _ data: DepthData, _ comparison: DepthEvaluator.Options
  ) -> String {
    "mean over images of metrics over known pixels, \(comparison.minDepth) to "
      + (comparison.maxDepth.isFinite ? "\(comparison.maxDepth) m" : "any depth")
      + ", crop \(comparison.crop.rawValue)"
      + (comparison.scalesByMedian ? ", scaled to the median of the truth" : "") + "; "
      + inference.summary(head) + "; layout \(data.layout.rawValue), part \(data.split)"
  }
}

extension DepthEvaluator.Options {
  /// What the field counts of a data set.
  static func customary(for layout: DepthLayout) -> DepthEvaluator.Options {
    var options = DepthEvaluator.Options()
    options.maxDepth = layout.customaryMaximum ?? .infinity
    switch layout {
    case .standard: options.crop = .none
    case .nyu: options.crop = .nyuEigen
    case .kitti: options.crop = .garg
    }
    return options
  }
}

extension DenseHead {
  /// The median depth of the images that the head was trained on, if it is known.
  var trainMedian: Double? { training?.metrics[DenseHeadJob.medianName] }
}
