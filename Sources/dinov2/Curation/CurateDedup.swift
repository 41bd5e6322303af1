import ArgumentParser
import DINOCuration
import Imaging
import Telemetry
import Torch

/// `dinov2 curate dedup`: copies and near-duplicates.
struct CurateDedup: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "dedup",
    abstract: "Find copies and near-duplicates, and images that are like those of a benchmark.",
    discussion: """
      Byte-identical images first, by their hashes. Then images are joined that are among each other's \
      nearest with a cosine above --threshold; of each connected component the image with the most \
      pixels is kept. Images like those of a --reference store (above --reference-threshold) are \
      dropped, too. The thresholds are those of DINOv2's paper. Look at --preview before you trust them.

      Similarities are cosines in coordinates in which the pool is spread evenly (--space whitened), so \
      that thresholds mean the same for every model; for imported rows, plain cosines.

      Example: dinov2 curate dedup --store pool --reference test.store --preview pairs.png --json
      """)

  @OptionGroup var options: StoreOptions
  @OptionGroup var output: ListOption

  @Option(help: "The cosine above which two images are near-duplicates.")
  var threshold = 0.6

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Stores of images that the result must not hold.", valueName: "dir"),
    completion: .directory)
  var reference: [String] = []

  @Option(help: "The cosine above which an image is like a reference.")
  var referenceThreshold = 0.45

  @Option(help: "Drop the whole component of a reference, or only what is itself like one.")
  var reading = RelativeDeduplication.Reading.component

  @Option(name: .customShort("k"), help: "Nearest images that are looked at for each image.")
  var neighbours = 64

  @Option(help: "What cosines are measured in (default: whitened; cosine for imported rows).")
  var space: DedupStage.Space?

  @Option(help: "Which image of a component is kept.")
  var keep = DedupStage.Representative.largest

  @Option(
    help: "Draw similarities and pairs of images into a .png, .jpg or .webp file.",
    completion: .file())
  var preview: String?

  @Option(help: "Threads; all cores if left out.")
  var threads: Int?

  func validate() throws {
    for (name, value) in [
      ("--threshold", threshold), ("--reference-threshold", referenceThreshold),
    ] where !(-1...1).contains(value) {
      throw ValidationError("\(name) is \(value); expected -1 to 1.")
    }
    guard (1...10_000).contains(neighbours) else {
      throw ValidationError("-k is \(neighbours); expected 1 to 10000.")
    }
    guard (1...1024).contains(threads ?? 1) else {
      throw ValidationError("--threads is \(threads ?? 0); expected 1 to 1024.")
    }
  }

  func run() throws {
    let start = ContinuousClock.now
    if let preview { _ = try ImageEncoder.Format(path: preview) }
    if let threads { TorchRuntime.threadCount = threads }
    let (lock, store) = try options.open(for: "dedup")
    defer { withExtendedLifetime(lock) {} }
    let references = try reference.map { DedupStage.Reference($0, try CurationStore($0)) }
    var stage = DedupStage()
    stage.threshold = threshold
    stage.referenceThreshold = referenceThreshold
    stage.neighbours = neighbours
    stage.space = space
    stage.representative = keep
    stage.reading = reading
    let progress = options.progress("dedup")
    stage.progress = { progress.update(done: Int($0 * 100)) }
    let result = try stage(store, references: references)
    progress.stop()
    try store.refreshCatalogue()
    try output.write(result.kept, of: store)
    if let preview { try ImageEncoder().write(DedupPreview(store).image(), to: preview) }
    if let warning = DedupStage.warning(result.counts) { Console.note("warning: \(warning)") }
    options.print(
      result.counts,
      [
        "threshold": .number(threshold), "space": .string(stage.space(of: store).rawValue),
        "graph_seconds": .number((result.graphSeconds * 1000).rounded() / 1000),
        "decisions": .string("\(options.store)/stages/dedup/decisions.tsv"),
      ], since: start)
  }
}
