import ArgumentParser
import DINOCuration
import DINOInference
import DINOTraining
import Telemetry

/// `dinov2 curate run`: all stages by a configuration.
struct CurateRun: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Do all stages by a configuration: from a pool to a curated list.",
    discussion: """
      The YAML file names the pool, seeds, references and thresholds; '--example' prints one with every \
      key. The output folder holds the stores, curated.list and curated.tsv (which image is in, and \
      why), report.html, and on request tar shards or a folder of links. Stages that are done are not \
      done again; after an interruption the same command goes on and ends with the same bytes. Images \
      are never moved or deleted.

      Example: dinov2 curate run curation.yaml --output runs/curated
      """)

  @Argument(help: "The configuration.", completion: .file())
  var config: String?

  @Option(
    name: .shortAndLong, help: "The folder of the run; made if it is missing.",
    completion: .directory)
  var output: String?

  @Flag(help: "Print a configuration with every key and stop.")
  var example = false

  @OptionGroup var loading: LoadingOptions

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  @Flag(help: "Print progress and the summary as JSON lines.")
  var json = false

  func validate() throws {
    guard example || config != nil else {
      throw ValidationError("A configuration is missing; '--example' prints one.")
    }
    guard example || output?.isEmpty == false else {
      throw ValidationError("--output is missing; name the folder of the run.")
    }
    guard modelOptions.namesNothing, preprocessing.resize == nil, preprocessing.crop == nil else {
      throw ValidationError(
        "The configuration names the model; leave --model, --weights, --resize and --crop out.")
    }
  }

  func run() async throws {
    guard !example, let config, let output else { return Console.print(Self.exampleText) }
    StopSignal.install()
    let settings = try CurationConfig.load(config)
    let lock = try StoreLock.take(output, "run", makesFolder: true)
    defer { withExtendedLifetime(lock) {} }
    let display = RunDisplay(json: json)
    let model = settings.model
    let run = CurationRun(
      output, settings, progress: { display.show($0) },
      load: {
        let loaded = try await StoreModel.load(
          request(model), pooling: model.pooling, input(model),
          precision: settings.store.precision,
          shardImages: settings.store.shardImages)
        return (loaded.model, loaded.settings)
      })
    run.options.batch = loading.batch
    run.options.decoders = loading.decoders
    run.options.shouldStop = { StopSignal.isRequested }
    let result: CurationRun.Result
    do { result = try await run.run() } catch {
      display.stop()
      throw error
    }
    display.show(.stage("report"))
    try CurationReport(CurationStore(result.pool))
      .write(title: "Curated images", to: output + "/report.html")
    display.finish(result, output)
  }

  private func request(_ model: CurationConfig.Model) throws -> ModelRequest {
    var options = modelOptions
    options.model = model.name.isEmpty ? nil : model.name
    options.weights = model.weights.isEmpty ? nil : model.weights
    return try options.request()
  }

  private func input(_ model: CurationConfig.Model) -> PreprocessingOptions {
    var options = preprocessing
    options.resize = model.resize > 0 ? .pixels(model.resize) : nil
    options.crop = model.crop > 0 ? .pixels(model.crop) : nil
    return options
  }

  private static var exampleText: String {
    var config = CurationConfig()
    config.pool = ["photos", "shards/pool-{000000..000009}.tar"]
    var seeds = CurationConfig.Seeds()
    (seeds.name, seeds.images) = ("flowers", ["flowers/train"])
    config.seeds = [seeds]
    var references = CurationConfig.References()
    (references.name, references.images) = ("benchmark", ["flowers/test"])
    config.references = [references]
    return """
      # Every key with its default; keys may be left out. Paths count from the folder of this file.
      # Thresholds, neighbours, minimum_hits, per_cluster and cap: Oquab et al., 2023, appendix A.
      # seeds: mode is sample, cluster or as_is; cap 0 is no limit; include keeps the seeds themselves.
      # cluster.clusters []: one cluster per 25 images, and the root of that above.
      # sample.target 0: no sample. output.form: list, shards or links.
      \(config.yaml)
      """
  }
}

/// Shows the stages of a run.
private final class RunDisplay: Sendable {
  private let progress: ProgressReporter
  private let json: Bool

  init(json: Bool) {
    self.json = json
    progress = ProgressReporter.automatic(label: "curate", total: nil, unit: .images, json: json)
  }

  func show(_ event: CurationRun.Event) {
    switch event {
    case .stage(let name):
      progress.begin(name)
      progress.event("stage", ["stage": .string(name), "state": "begun"])
      if !json { progress.note("· \(name)") }
    case .current(let name):
      progress.event("stage", ["stage": .string(name), "state": "done before"])
      if !json { progress.note("· \(name): done before") }
    case .images(let event, let total): show(event, total)
    case .share: break
    case .note(let text): progress.note(text)
    }
  }

  private func show(_ event: StoreEmbedding.Event, _ total: Int) {
    switch event {
    case .resumed(let count): progress.begin("embed", done: count, total: total)
    case .advanced(let count): progress.advance(by: count)
    case .failed(let reason): progress.warn("left out \(reason)")
    case .waiting(let shards): progress.note("waiting for \(shards) shards of other processes")
    }
  }

  func stop() { progress.stop() }

  func finish(_ result: CurationRun.Result, _ output: String) {
    for (stage, counts) in result.counts.sorted(by: { $0.key < $1.key }) where json {
      let fields = counts.sorted { $0.key < $1.key }.map { ($0.key, JSONField.integer($0.value)) }
      Console.print(
        JSONField.object([("event", .string("counts")), ("stage", .string(stage))] + fields))
    }
    progress.finish(
      "\(output): \(NumberFormat.grouped(result.images)) images in curated.list; see report.html")
  }
}
