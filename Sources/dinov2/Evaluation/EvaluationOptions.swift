import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import Foundation
import Imaging
import Telemetry

/// What a classification protocol measures on, and how results are told.
struct EvaluationOptions: ParsableArguments {
  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Training images with classes: ROOT/<class>/*, labelled tar shards, lists.",
      valueName: "input"), completion: .file())
  var train: [String]

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Test images; their classes are those of the training images, by name.",
      valueName: "input"), completion: .file())
  var test: [String]

  @OptionGroup var loading: LoadingOptions

  @Option(
    help: "The folder of kept features; the user's cache if left out.", completion: .directory)
  var cache: String?

  @Flag(help: "Keep no features and use none.")
  var noCache = false

  @Option(help: "Draws of the bootstrap that give the 95 % intervals; 0 for none.")
  var bootstrap = 1000

  @Option(help: "The seed of every random draw.")
  var seed: UInt64 = 0

  @Flag(help: "Print one JSON object instead of a Markdown row.")
  var json = false

  func validate() throws {
    guard (0...1_000_000).contains(bootstrap) else {
      throw ValidationError("--bootstrap is \(bootstrap); expected 0 to 1000000.")
    }
  }

  /// Labelled images, those of the test with the classes of the training.
  struct Sets {
    let train: LabelledImages
    let test: LabelledImages
    let testLabels: [Int]

    /// The number of classes.
    var classes: Int { train.classNames.count }
  }

  /// Finds the images.
  func sets() throws -> Sets {
    let known = try LabelledImages(train)
    let asked = try LabelledImages(test)
    return Sets(
      train: known, test: asked, testLabels: try ClassAgreement.labels(of: asked, in: known))
  }

  /// A model and how it sees images.
  struct Viewer {
    let model: DINOv2
    let preprocessing: Preprocessing
    let decoder: ImageDecoder
  }

  /// Features of labelled images, with progress on the standard error.
  func features(
    _ images: LabelledImages, labels: [Int]? = nil, _ name: String, seenBy viewer: Viewer,
    views: Int = 0
  ) async throws -> LabelledFeatures {
    let model = viewer.model
    var job = FeatureJob(images, labels: labels, preprocessing: viewer.preprocessing)
    job.decoder = viewer.decoder
    job.layers = min(4, model.config.depth)
    job.batch = loading.batch
    job.decoders = loading.decoders
    job.augmentation = views > 0 ? .init(views: views, seed: seed) : nil
    if !noCache {
      job.cache =
        cache.map { FeatureCache(folder: $0) }
        ?? .standard(ProcessInfo.processInfo.environment)
    }
    let progress = ProgressReporter.automatic(
      label: name, total: job.count, unit: .images, json: false)
    let found: LabelledFeatures
    do {
      found = try await job(with: model) { progress.advance(by: $0) }
    } catch {
      progress.stop()
      throw error
    }
    for line in found.failures { progress.warn("left out \(line)") }
    progress.finish(
      "\(name): \(NumberFormat.grouped(found.labels.count)) features"
        + (found.isCached ? " from the cache" : ""))
    return found
  }
}

/// The measured values of a protocol, in the order in which they are told.
struct EvaluationReport {
  private var fields: [(String, JSONField)] = []
  private let start = ContinuousClock.now

  /// Begins with what was measured.
  init(protocol name: String, model: DINOv2?) {
    fields = [("protocol", .string(name))]
    if let model { fields.append(("model", .string(model.name))) }
  }

  /// Adds a value.
  mutating func add(_ name: String, _ value: JSONField) { fields.append((name, value)) }

  /// Adds the main accuracies of a ranking, with intervals.
  mutating func add(
    _ ranking: ClassRanking, labels: [Int], _ options: EvaluationOptions
  ) throws {
    let accuracy = try ranking.accuracy(labels)
    let perClass = try ranking.meanPerClassAccuracy(labels)
    add("top1", .number(accuracy.top1))
    add("top5", .number(accuracy.top5))
    add("mean_per_class", .number(perClass.top1))
    add("mean_per_class_top5", .number(perClass.top5))
    guard options.bootstrap > 0 else { return }
    for (name, k) in [("top1_ci95", 1), ("top5_ci95", 5)] {
      let interval = ConfidenceInterval.bootstrap(
        try ranking.hits(labels, k: k), draws: options.bootstrap, seed: options.seed)
      if let interval { add(name, .array([.number(interval.lower), .number(interval.upper)])) }
    }
  }

  /// Adds counts and time.
  mutating func addCounts(
    _ sets: EvaluationOptions.Sets, train: LabelledFeatures, test: LabelledFeatures
  ) {
    add("classes", .integer(sets.classes))
    add("train_images", .integer(train.labels.count))
    add("test_images", .integer(test.labels.count))
    add("left_out", .integer(train.failures.count + test.failures.count))
    addSeconds()
  }

  /// Adds the time since the report was begun.
  mutating func addSeconds() {
    add("seconds", .number(((ContinuousClock.now - start) / .milliseconds(1)).rounded() / 1000))
  }

  /// Prints the object, or the accuracies as a row of a table.
  func print(_ options: EvaluationOptions) { print(json: options.json) }

  /// Prints the object, or the values as a row of a table.
  ///
  /// - Parameters:
  ///   - json: Whether the object is printed.
  ///   - hidden: What the row leaves out.
  func print(
    json: Bool, leavingOut hidden: Set<String> = ["protocol", "train_images", "left_out"]
  ) {
    if json {
      Console.print(JSONField.object(fields))
      return
    }
    let shown = fields.filter { !hidden.contains($0.0) }
    Console.print("| " + shown.map(\.0).joined(separator: " | ") + " |")
    Console.print("|" + shown.map { _ in " --- |" }.joined())
    Console.print("| " + shown.map { Self.cell($0.1) }.joined(separator: " | ") + " |")
    for case ("protocol", .string(let text)) in fields { Console.note("protocol: \(text)") }
  }

  private static func cell(_ value: JSONField) -> String {
    switch value {
    case .null: ""
    case .bool(let value): "\(value)"
    case .integer(let value): "\(value)"
    case .number(let value): value.isFinite ? String(format: "%.4f", value) : "-"
    case .string(let value): value.replacing("|", with: "\\|")
    case .array(let values): values.map(cell).joined(separator: "–")
    }
  }
}
