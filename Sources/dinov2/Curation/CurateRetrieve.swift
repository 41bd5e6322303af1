import ArgumentParser
import DINOCuration
import Telemetry
import Torch

/// `dinov2 curate retrieve`: images of a pool that look like seeds.
struct CurateRetrieve: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "retrieve",
    abstract: "Take images that look like seeds.",
    discussion: """
      By sample: the nearest images of each seed, 4 for large seed sets, 32 for ImageNet-1k in DINOv2's \
      paper. By cluster, for small seed sets: of each cluster that more than --minimum-hits seeds fall \
      into, up to --per-cluster images, at most --cap in all; needs 'curate cluster' first. Images that \
      'dedup' dropped are passed over.

      Example: dinov2 curate retrieve --store pool --seeds flowers.store --mode sample -k 32
      """)

  enum Mode: String, CaseIterable, ExpressibleByArgument { case sample, cluster }
  enum Choice: String, CaseIterable, ExpressibleByArgument { case closest, random }

  @OptionGroup var options: StoreOptions
  @OptionGroup var output: ListOption

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Stores of seed images, embedded by the same model.", valueName: "dir"),
    completion: .directory)
  var seeds: [String]

  @Option(help: "How images come from seeds.")
  var mode = Mode.sample

  @Option(name: .customShort("k"), help: "Nearest images of each seed.")
  var neighbours = 4

  @Option(help: "A cluster counts if more seeds than this fall into it.")
  var minimumHits = 3

  @Option(help: "The most images of a cluster.")
  var perCluster = 10_000

  @Option(help: "The most images of a seed set; 0 for no limit.")
  var cap = 1_000_000

  @Option(help: "Which images of a cluster are taken.")
  var choice = Choice.closest

  @Flag(help: "Leave out the similarity of every image to its nearest seed.")
  var skipNearest = false

  @Flag(help: "Take also images that 'dedup' dropped.")
  var everything = false

  @Option(help: "The seed of random choices.")
  var seed: UInt64 = 0

  @Option(help: "Threads; all cores if left out.")
  var threads: Int?

  func validate() throws {
    for (name, value, least) in [
      ("-k", neighbours, 1), ("--minimum-hits", minimumHits, 0), ("--per-cluster", perCluster, 1),
      ("--cap", cap, 0), ("--threads", threads ?? 1, 1),
    ] where !(least...1_000_000_000).contains(value) {
      throw ValidationError("\(name) is \(value); expected at least \(least).")
    }
  }

  func run() throws {
    let start = ContinuousClock.now
    if let threads { TorchRuntime.threadCount = threads }
    let (lock, store) = try options.open(for: "retrieve")
    defer { withExtendedLifetime(lock) {} }
    let way: RetrieveStage.Mode =
      mode == .sample
      ? .sample(neighbours: neighbours)
      : .cluster(
        minimumHits: minimumHits, perCluster: perCluster, cap: cap > 0 ? cap : nil,
        isRandom: choice == .random)
    let sets = try seeds.map { RetrieveStage.Seeds($0, try CurationStore($0), way) }
    var stage = RetrieveStage()
    stage.seed = seed
    stage.everything = everything
    stage.measuresAll = !skipNearest
    let progress = options.progress("retrieve")
    stage.progress = { progress.update(done: Int($0 * 100)) }
    let result = try stage(from: store, seeds: sets)
    progress.stop()
    try store.refreshCatalogue()
    try output.write(result.images, of: store)
    if let inPool = result.counts["seeds_in_pool"], inPool > 0 {
      Console.note(
        "note: \(inPool) images of the pool are seeds themselves; they are listed as such")
    }
    options.print(
      result.counts, ["decisions": .string("\(options.store)/stages/retrieve/retrieved.tsv")],
      since: start)
  }
}
