import ArgumentParser
import DINOCuration
import DINOData
import DINOInference
import DINOTraining
import Foundation
import Telemetry

/// `dinov2 curate embed`: the embeddings of a pool.
struct CurateEmbed: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "embed",
    abstract: "Embed images into a store, or add images to one.",
    discussion: """
      Images that the store has are not embedded again. Several processes, also on several machines \
      with a shared disk, may run the same command at once: each takes shards that no other works on, \
      and all end when the store is complete. After an interruption the same command goes on. Images \
      that cannot be read are listed in bad-images.tsv.

      Of each image class token and mean patch token are kept, each of unit length: copies are told \
      by the second, the other stages take both.

      Example: dinov2 curate embed photos/ shards/*.tar --store pool --model dinov2_vits14
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @Option(
    help: ArgumentHelp("The store; made if it is missing.", valueName: "dir"),
    completion: .directory)
  var store: String

  @Option(help: "What to keep of the tokens.")
  var pooling = DescriptorRecipe.Pooling.clsAndMean

  @Option(help: "How values are stored.")
  var rowType = EmbeddingStore.Precision.float16

  @Option(help: "The most images of a shard.")
  var shardImages = StoreSettings.standardShardImages

  @OptionGroup var loading: LoadingOptions

  @Flag(help: "Try images again that the system could not read.")
  var retry = false

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  @Flag(help: "Print progress and the summary as JSON lines.")
  var json = false

  func validate() throws {
    guard (1...10_000_000).contains(shardImages) else {
      throw ValidationError("--shard-images is \(shardImages); expected 1 to 10000000.")
    }
    guard !store.isEmpty else { throw ValidationError("--store is empty; name a folder.") }
  }

  func run() async throws {
    StopSignal.install()
    let references = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let loaded = try await StoreModel.load(
      modelOptions.request(), pooling: pooling, preprocessing, precision: rowType,
      shardImages: shardImages)
    if retry { _ = try StoreCheck.removeUnread(store) }
    let embedding = try StoreEmbedding(store, loaded.settings, references)
    let progress = ProgressReporter.automatic(
      label: "embed", total: embedding.imageCount, unit: .images, json: json)
    if !json { progress.note("\(loaded.model.name): \(loaded.model.summary)") }
    let display = EmbeddingDisplay(progress)
    do {
      let report = try await embedding.run(
        with: loaded.model, options: options, progress: { display($0) })
      Self.tell(report, store, progress)
    } catch {
      progress.stop()
      throw error
    }
  }

  private var options: StoreEmbedding.Options {
    var options = StoreEmbedding.Options()
    options.batch = loading.batch
    options.decoders = loading.decoders
    options.shouldStop = { StopSignal.isRequested }
    return options
  }

  /// The last line.
  static func tell(
    _ report: StoreEmbedding.Report, _ store: String, _ progress: ProgressReporter
  ) {
    progress.event(
      "store",
      [
        "images": .integer(report.images), "added": .integer(report.added),
        "rows": .integer(report.rows), "left_out": .integer(report.failures.count),
      ])
    let left =
      report.failures.isEmpty
      ? "" : ", \(NumberFormat.grouped(report.failures.count)) left out (bad-images.tsv)"
    let new =
      report.added < report.images ? ", \(NumberFormat.grouped(report.added)) of them new" : ""
    progress.finish("\(store): \(NumberFormat.grouped(report.rows)) images\(new)\(left)")
  }
}
