import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Telemetry

/// `dinov2 evaluate detection`: how well boxes are found.
struct EvaluateDetection: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "detection",
    abstract: "Measure a detection head: COCO's average precision and recall, per size and class.",
    discussion: """
      Average precision as pycocotools computes it: mAP over overlaps 0.5 to 0.95, AP50, AP75, by the size \
      of objects; recall with 1, 10 and 100 boxes an image and class. The intervals are those of a \
      bootstrap over images. Data: ROOT/<split>.json in COCO's form, or Pascal VOC's XML files. Classes of \
      head and data are matched by name. With --results the boxes of another program are measured, and \
      neither a model nor image files are needed.

      Example: dinov2 evaluate detection --head heads/chess --data data/chess --split val --json
      """)

  @OptionGroup(title: "Data and report") var options: DenseEvaluateOptions
  @OptionGroup(title: "Data") var dataOptions: DetectionDataOptions
  @OptionGroup(title: "Head") var inference: DetectionInferenceOptions

  @Option(help: "The least score of a box that counts, 0 to 1.")
  var score = 0.01

  @Option(
    help: "A file for the boxes that were found, COCO's results form with the ids of the data.",
    completion: .file())
  var detections: String?

  @Option(
    help: "A file of boxes in COCO's results form, which are measured instead of a head's.",
    completion: .file())
  var results: String?

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  func validate() throws {
    guard (0...1).contains(score) else {
      throw ValidationError("--score is \(score); expected 0 to 1.")
    }
    guard results == nil || (inference.head == nil && detections == nil) else {
      throw ValidationError("--results takes the place of --head and --detections.")
    }
  }

  func run() async throws {
    let data = try dataOptions.read(
      options.data, split: options.split, needsImages: results == nil)
    let place = "layout \(data.layout.rawValue), part \(RawPath(data.split).displayName)"
    if let results { return try measure(results, data, place) }
    let head = try inference.load()
    let model = try await modelOptions.load(forHead: inference.head)
    var measurement = DetectionMeasurement(
      predictor: try await DetectionPredictor(model, head: head))
    measurement.options = inference.options(leastScore: score)
    measurement.decoders = options.decoders
    measurement.bootstrap = options.bootstrap
    measurement.seed = options.seed
    measurement.leavesOutBad = options.leaveOutBad
    var report = EvaluationReport(
      protocol: "COCO average precision of boxes, \(inference.summary(head.config)); \(place)",
      model: model)
    report.add("head", .string(head.path))
    let (values, result) = try await measurement(data)
    if let detections { try write(result, data, to: detections) }
    for (name, value) in values { report.add(name, value) }
    print(&report, data, result.evaluator.metrics())
  }

  /// Measures the boxes of a file.
  private func measure(_ path: String, _ data: DetectionData, _ place: String) throws {
    if let problem = data.problems.first, !options.leaveOutBad {
      throw DataError.unusable(
        place: data.place,
        problem:
          "\(data.problems.count) annotations cannot be used; \(problem); mend or remove them, or "
          + "pass --leave-out-bad")
    }
    let found = try DetectionResults(RawPath(argument: path))
    let evaluator = try COCOEvaluator(found, on: data)
    var report = EvaluationReport(
      protocol: "COCO average precision of the boxes of a file; \(place)", model: nil)
    report.add("results", .string(found.path.displayName))
    let values = DetectionMeasurement.values(
      evaluator, draws: options.bootstrap, seed: options.seed)
    for (name, value) in values { report.add(name, value) }
    report.add("test_images", .integer(evaluator.imageCount))
    report.add("boxes", .integer(data.objectCount))
    report.add("left_out", .integer(data.problems.count))
    print(&report, data, evaluator.metrics())
  }

  private func print(
    _ report: inout EvaluationReport, _ data: DetectionData, _ metrics: COCOMetrics
  ) {
    report.addSeconds()
    report.add("class_names", .array(data.categories.map { .string($0.name) }))
    report.add("AP_per_class", .array(metrics.apByCategory.map(JSONField.number)))
    report.add("AP50_per_class", .array(metrics.ap50ByCategory.map(JSONField.number)))
    report.print(
      json: options.json,
      leavingOut: ["protocol", "left_out", "class_names", "AP_per_class", "AP50_per_class"])
    guard !options.json else { return }
    Console.print("\n\(table(data, metrics))")
  }

  private func table(_ data: DetectionData, _ metrics: COCOMetrics) -> TextTable {
    var counts = [Int](repeating: 0, count: data.categories.count)
    for object in data.samples.flatMap(\.objects) { counts[object.category] += 1 }
    var table = TextTable([.left("class"), .right("boxes"), .right("AP"), .right("AP50")])
    for (index, category) in data.categories.enumerated() {
      table.append([
        category.name, "\(counts[index])", Self.cell(metrics.apByCategory[index]),
        Self.cell(metrics.ap50ByCategory[index]),
      ])
    }
    return table
  }

  private static func cell(_ value: Double) -> String {
    value.isNaN ? "-" : NumberFormat.fixed(value, decimals: 4)
  }

  private func write(
    _ result: DetectionEvaluation.Result, _ data: DetectionData, to path: String
  ) throws {
    let ids = Dictionary(data.categories.map { ($0.name, $0.id) }) { first, _ in first }
    let names = Dictionary(data.samples.map { ($0.id, $0.image.displayName) }) { first, _ in first }
    let entries = result.found.flatMap { image, objects in
      DetectionFile.entries(objects, image: image, name: names[image] ?? "") { ids[$0.label] }
    }
    try DetectionFile.write(entries, to: path)
  }
}
