import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Telemetry

/// `dinov2 evaluate segmentation`: how well label maps overlap.
struct EvaluateSegmentation: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "segmentation",
    abstract: "Measure a segmentation head: mIoU, mean and overall accuracy, per class.",
    discussion: """
      Maps are compared with the masks at the size of the images; areas are summed over all images \
      before ratios are taken, and classes that occur nowhere do not count. The interval is that of a \
      bootstrap over images. Data: ROOT/<split>/images and ROOT/<split>/masks with ROOT/classes.txt, or \
      the folders of ADE20K, Pascal VOC or Cityscapes as they are published.

      Example: dinov2 evaluate segmentation --head heads/facades --data data/facades --split val --json
      """)

  @OptionGroup(title: "Data and report") var options: DenseEvaluateOptions
  @OptionGroup(title: "Data") var dataOptions: SegmentationDataOptions
  @OptionGroup(title: "Head") var inference: DenseInferenceOptions

  @Option(
    parsing: .upToNextOption,
    help:
      "Factors by which images are scaled; probabilities are averaged (published: 1 1.32 1.73 2.28 3)."
  )
  var scales: [Double] = []

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard scales.allSatisfy({ $0 > 0 && $0 <= 16 }), scales.count <= 32 else {
      throw ValidationError(
        "--scales is \(scales); expected at most 32 numbers above 0, at most 16.")
    }
  }

  func run() async throws {
    ComputeThreads.quiet()
    let data = try dataOptions.read(options.data, split: options.split)
    let head = try inference.load(for: .segmentation)
    let model = try await modelOptions.load(forHead: inference.head)
    var measurement = DenseMeasurement(
      predictor: try await DensePredictor(model, head: head))
    measurement.options = inference.options
    if !scales.isEmpty { measurement.options.scales = scales }
    measurement.decoders = options.decoders
    measurement.bootstrap = options.bootstrap
    measurement.seed = options.seed
    measurement.leavesOutBad = options.leaveOutBad
    var report = EvaluationReport(protocol: text(head, data), model: model)
    report.add("head", .string(head.path))
    let (values, result) = try await measurement.segmentation(data)
    for (name, value) in values { report.add(name, value) }
    let metrics = result.metrics
    report.addSeconds()
    report.add("class_names", .array(data.classNames.map(JSONField.string)))
    report.add("iou", .array(metrics.iou.map(JSONField.number)))
    report.add("accuracy", .array(metrics.accuracy.map(JSONField.number)))
    report.print(
      json: options.json,
      leavingOut: ["protocol", "left_out", "class_names", "iou", "accuracy"])
    guard !options.json else { return }
    var table = TextTable([.left("class"), .right("IoU"), .right("accuracy")])
    for (index, name) in data.classNames.enumerated() {
      table.append([
        name, Self.cell(metrics.iou[index]), Self.cell(metrics.accuracy[index]),
      ])
    }
    Console.print("\n\(table)")
  }

  private static func cell(_ value: Double) -> String {
    value.isNaN ? "-" : NumberFormat.fixed(value, decimals: 4)
  }

  private func text(_ head: DenseHead, _ data: SegmentationData) -> String {
    let ignored = data.ignoredClasses.map { data.classNames[$0] }
    return
      "mIoU over \(data.classNames.count - ignored.count) classes, maps at the size of the images; "
      + inference.summary(head)
      + (scales.isEmpty ? "" : ", scales " + scales.map { "\($0)" }.joined(separator: " "))
      + (ignored.isEmpty ? "" : "; not counted: \(ignored.joined(separator: ", "))")
      + "; layout \(data.layout.rawValue), part \(data.split)"
  }
}
