import ArgumentParser
import DINOData
import DINOEvaluation
import DINOInference
import Foundation
import Imaging
import Telemetry
import Torch

/// What the retrieval protocols have in common: the model's descriptors, and how results are told.
struct RetrievalOptions: ParsableArguments {
  @OptionGroup(title: "Descriptor") var descriptor: DescriptorOptions

  @Flag(help: "Whiten descriptors, learned from the images that are searched.")
  var whiten = false

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Whiten descriptors, learned from these images.", valueName: "input"),
    completion: .file())
  var whitenOn: [String] = []

  @Option(help: "How many directions whitening keeps; all that vary if left out.")
  var whitenDimensions: Int?

  @Option(
    name: .customLong("k"), parsing: .upToNextOption,
    help: "After how many results precision and recall are taken (default: 1 5 10).")
  var cuts: [Int] = []

  @OptionGroup var loading: LoadingOptions

  @Option(
    help: "The folder of kept descriptors; the user's cache if left out.", completion: .directory)
  var cache: String?

  @Flag(help: "Keep no descriptors and use none.")
  var noCache = false

  @Option(help: "Draws of the bootstrap that give the 95 % intervals; 0 for none.")
  var bootstrap = 1000

  @Option(help: "The seed of every random draw.")
  var seed: UInt64 = 0

  @Flag(help: "Print one JSON object instead of a Markdown row.")
  var json = false

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  func validate() throws {
    guard (0...1_000_000).contains(bootstrap) else {
      throw ValidationError("--bootstrap is \(bootstrap); expected 0 to 1000000.")
    }
    guard cuts.allSatisfy({ (1...1_000_000).contains($0) }) else {
      throw ValidationError("--k is \(cuts); expected numbers of 1 to 1000000.")
    }
    guard !whiten || whitenOn.isEmpty else {
      throw ValidationError("--whiten and --whiten-on exclude each other.")
    }
    if let whitenDimensions {
      guard whiten || !whitenOn.isEmpty else {
        throw ValidationError("--whiten-dimensions needs --whiten or --whiten-on.")
      }
      guard whitenDimensions > 0 else {
        throw ValidationError("--whiten-dimensions is \(whitenDimensions); expected 1 or more.")
      }
    }
  }

  /// After how many results precision and recall are taken.
  var chosenCuts: [Int] { cuts.isEmpty ? [1, 5, 10] : cuts }

  /// What descriptors are made with.
  struct Describer {
    let model: DINOv2
    let features: RetrievalFeatures
  }

  /// Loads the model and learns what descriptors need.
  ///
  /// - Parameter searched: The images that are searched, from which a vocabulary is learned.
  /// - Returns: What descriptors are made with.
  /// - Throws: What loading and learning throw.
  func describer(of searched: [RetrievalSet.Item]) async throws -> Describer {
    let model = try await modelOptions.load()
    var job = DescriptorJob(
      try descriptor.recipe(for: model),
      try preprocessing.preprocessing(for: model, default: .retrieval(for: model)))
    job.batch = loading.batch
    job.decoders = loading.decoders
    let decoder = preprocessing.decoder
    job = try await descriptor.completed(job, from: searched, with: model) { try $0.load(decoder) }
    var features = RetrievalFeatures(job)
    features.decoder = decoder
    if !noCache {
      features.cache =
        cache.map { FeatureCache(folder: $0) }
        ?? .standard(ProcessInfo.processInfo.environment)
    }
    return Describer(model: model, features: features)
  }

  /// Describes images, with progress on the standard error.
  func describe(
    _ items: [RetrievalSet.Item], _ name: String, by describer: Describer
  ) async throws -> DescriptorSet {
    let progress = ProgressReporter.automatic(
      label: name, total: items.count, unit: .images, json: false)
    let found: DescriptorSet
    do {
      found = try await describer.features(items, with: describer.model) {
        progress.advance(by: $0)
      }
    } catch {
      progress.stop()
      throw error
    }
    for line in found.failures { progress.warn("left out \(line)") }
    progress.finish(
      "\(name): \(NumberFormat.grouped(found.items.count)) descriptors"
        + (found.isCached ? " from the cache" : ""))
    return found
  }

  /// Whitens sets of descriptors.
  ///
  /// - Parameters:
  ///   - sets: The sets; the last one is what is searched.
  ///   - describer: Describes the images to learn from.
  /// - Returns: The sets, as they were if no whitening is asked for.
  /// - Throws: What describing throws; an error if there are too few images to learn from.
  func whitened(
    _ sets: [DescriptorSet], by describer: Describer
  ) async throws -> [DescriptorSet] {
    guard whiten || !whitenOn.isEmpty, let searched = sets.last else { return sets }
    var source = searched
    if !whitenOn.isEmpty {
      let images = try ImageInputs(whitenOn.map { RawPath(argument: $0) }).references
      source = try await describe(images.map { .init($0) }, "whitening", by: describer)
    }
    let whitening = try PCAWhitening(source.rows, dimensions: whitenDimensions)
    return try sets.map { set in
      DescriptorSet(
        rows: try whitening(set.rows), items: set.items, failures: set.failures,
        isCached: set.isCached)
    }
  }

  /// The descriptors in one line, for the protocol.
  func text(_ describer: Describer) -> String {
    let job = describer.features.job
    var parts = [job.recipe.text, job.preprocessing.text]
    if whiten { parts.append("whitened on the searched images") }
    if !whitenOn.isEmpty { parts.append("whitened on other images") }
    if let whitenDimensions { parts.append("\(whitenDimensions) directions") }
    return parts.joined(separator: ", ")
  }
}

extension Preprocessing {
  /// How retrieval sees images: whole, since what is looked for may be at the border.
  static func retrieval(for model: DINOv2) -> Preprocessing {
    var result = model.preprocessing
    result.resize = result.crop?.shorterSide ?? result.resize
    result.crop = nil
    return result
  }

  /// In one line: `shorter side 224, whole image`.
  var text: String {
    (resize.map { "shorter side \($0)" } ?? "own size")
      + (crop.map { ", centre \($0)" } ?? ", whole image")
  }
}

extension EvaluationReport {
  /// Adds what rankings are measured by.
  ///
  /// - Parameters:
  ///   - evaluator: The measures.
  ///   - name: What the names end with; may be empty.
  ///   - options: How many draws give the intervals.
  mutating func add(
    _ evaluator: RetrievalEvaluator, named name: String, _ options: RetrievalOptions
  ) {
    let ending = name.isEmpty ? "" : "_\(name)"
    add("mAP\(ending)", .number(evaluator.mAP))
    let values = evaluator.queries.map(\.averagePrecision).filter { !$0.isNaN }
    if options.bootstrap > 0,
      let interval = ConfidenceInterval.bootstrap(
        of: values.count, draws: options.bootstrap, seed: options.seed,
        { drawn in drawn.reduce(0) { $0 + values[$1] } / Double(drawn.count) })
    {
      add("mAP\(ending)_ci95", .array([.number(interval.lower), .number(interval.upper)]))
    }
    for (index, cut) in evaluator.cuts.enumerated() {
      add("mP@\(cut)\(ending)", .number(evaluator.meanPrecision[index]))
    }
    for (index, cut) in evaluator.cuts.enumerated() {
      add("recall@\(cut)\(ending)", .number(evaluator.hitRate[index]))
    }
  }
}
