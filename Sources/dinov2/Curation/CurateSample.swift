import ArgumentParser
import DINOCuration
import Telemetry

/// `dinov2 curate sample`: a sample that is balanced over clusters.
struct CurateSample: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sample",
    abstract: "Draw a sample that is balanced over the clusters.",
    discussion: """
      From the top level down, the target is divided evenly among clusters as far as their sizes allow \
      (Vo et al., 2024), so that what is rare in the pool is not rare in the sample. Needs 'curate \
      cluster' first.

      Example: dinov2 curate sample --store pool --target 100000 --list sample.txt
      """)

  @OptionGroup var options: StoreOptions
  @OptionGroup var output: ListOption

  @Option(help: "The number of images.")
  var target: Int

  @Option(help: "Draw from all images that 'dedup' kept, or from those that were retrieved.")
  var from = SampleStage.Source.kept

  @Option(help: "Which images of a cluster are drawn.")
  var strategy = HierarchicalSampling.Strategy.closest

  @Option(help: "How often an image may be drawn.")
  var multiplier = 1

  @Flag(help: "Take also images that 'dedup' dropped.")
  var everything = false

  @Option(help: "The seed of the random numbers.")
  var seed: UInt64 = 0

  func validate() throws {
    guard target > 0, multiplier > 0 else {
      throw ValidationError("--target and --multiplier must be at least 1.")
    }
  }

  func run() throws {
    let start = ContinuousClock.now
    let (lock, store) = try options.open(for: "sample")
    defer { withExtendedLifetime(lock) {} }
    var stage = SampleStage(target: target)
    stage.source = from
    stage.strategy = strategy
    stage.multiplier = multiplier
    stage.seed = seed
    stage.everything = everything
    let result = try stage(store)
    try store.refreshCatalogue()
    try output.write(result.images, of: store)
    if result.images.count < target {
      Console.note("note: only \(result.images.count) images are there to draw from")
    }
    options.print(
      result.counts, ["decisions": .string("\(options.store)/stages/sample/drawn.tsv")],
      since: start)
  }
}
