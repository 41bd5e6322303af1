import ArgumentParser
import DINOCuration
import DINOTraining
import Telemetry

/// `dinov2 curate import`: embeddings that were made elsewhere.
struct CurateImport: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "import",
    abstract: "Take embeddings into a store that were made elsewhere.",
    discussion: """
      A .npy file with a matrix, or a matrix of a .safetensors file, and beside it FILE.names.txt with \
      one name a line: what 'dinov2 embed' and many programs write. Rows with NaN or infinities are \
      left out and listed. Where names are paths of images, reports can show them; --images also \
      reads them, for hashes (byte-identical copies) and sizes.

      Example: dinov2 curate import sscd.npy --names sscd.txt --origin sscd --store pool
      """)

  @Argument(help: "A .npy or .safetensors file.", completion: .file())
  var file: String

  @Option(
    help: ArgumentHelp("The store; made if it is missing.", valueName: "dir"),
    completion: .directory)
  var store: String

  @Option(
    help: "What made the rows, such as the name of a model; a store holds rows of one origin.")
  var origin: String

  @Option(help: "One name per row (default: FILE.names.txt).", completion: .file())
  var names: String?

  @Option(help: "The matrix of a .safetensors file (default: the only one, or embeddings).")
  var tensor: String?

  @Option(help: "How values are stored; as in the file if left out.")
  var rowType: EmbeddingStore.Precision?

  @Option(help: "The most rows of a shard.")
  var shardImages = StoreSettings.standardShardImages

  @Flag(help: "Read the images that the names lead to.")
  var images = false

  @Flag(help: "Print progress and the summary as JSON lines.")
  var json = false

  func validate() throws {
    guard (1...10_000_000).contains(shardImages) else {
      throw ValidationError("--shard-images is \(shardImages); expected 1 to 10000000.")
    }
    guard !store.isEmpty, !origin.isEmpty else {
      throw ValidationError("--store and --origin must not be empty.")
    }
  }

  func run() async throws {
    StopSignal.install()
    var job = StoreImport(origin: origin)
    job.names = names
    job.tensor = tensor
    job.precision = rowType
    job.shardImages = shardImages
    job.readsImages = images
    var options = StoreEmbedding.Options()
    options.shouldStop = { StopSignal.isRequested }
    let progress = ProgressReporter.automatic(
      label: "import", total: nil, unit: ProgressUnit(singular: "row", plural: "rows"), json: json)
    let display = EmbeddingDisplay(progress)
    do {
      let report = try await job(file, into: store, options: options) { display($0) }
      CurateEmbed.tell(report, store, progress)
    } catch {
      progress.stop()
      throw error
    }
  }
}
