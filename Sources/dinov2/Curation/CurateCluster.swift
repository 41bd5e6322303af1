import ArgumentParser
import DINOCuration
import Telemetry
import Torch

/// `dinov2 curate cluster`: k-means, also of its own centroids.
struct CurateCluster: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster",
    abstract: "Divide images into clusters, and these into clusters of clusters.",
    discussion: """
      k-means with k-means++ seeding on the images that 'dedup' kept. With several numbers of clusters \
      each level clusters the centroids of the one below, with resampling (Vo et al., 2024), which \
      spreads clusters evenly over what the images show.

      Example: dinov2 curate cluster --store pool --clusters 10000 1000 100
      """)

  @OptionGroup var options: StoreOptions

  @Option(parsing: .upToNextOption, help: "Clusters of each level from the bottom.")
  var clusters: [Int]

  @Option(help: "How often k-means is repeated on a flatter sample, on levels above the lowest.")
  var resamplings = 10

  @Option(help: "Members of each cluster in such a sample.")
  var sampleSize = 5

  @Option(help: "The most iterations of a k-means.")
  var iterations = 50

  @Option(help: "How first centroids are found.")
  var seeding = ClusterStage.Seeding.plusPlus

  @Option(help: "Images among which kmeans++ looks (default: 50000, or 20 per cluster).")
  var seedingRows: Int?

  @Option(help: "Images of a mini-batch; all images in every iteration if left out.")
  var miniBatch: Int?

  @Flag(help: "Scale centroids to unit length.")
  var spherical = false

  @Flag(help: "Take also images that 'dedup' dropped.")
  var everything = false

  @Option(help: "The seed of all random numbers.")
  var seed: UInt64 = 0

  @Option(help: "Threads; all cores if left out.")
  var threads: Int?

  func validate() throws {
    guard !clusters.isEmpty, clusters.allSatisfy({ (1...100_000_000).contains($0) }) else {
      throw ValidationError("--clusters is \(clusters); expected numbers of at least 1.")
    }
    for (name, value, least) in [
      ("--resamplings", resamplings, 0), ("--sample-size", sampleSize, 1),
      ("--iterations", iterations, 0), ("--seeding-rows", seedingRows ?? 1, 1),
      ("--mini-batch", miniBatch ?? 1, 1), ("--threads", threads ?? 1, 1),
    ] where !(least...1_000_000_000).contains(value) {
      throw ValidationError("\(name) is \(value); expected at least \(least).")
    }
  }

  func run() throws {
    let start = ContinuousClock.now
    if let threads { TorchRuntime.threadCount = threads }
    let (lock, store) = try options.open(for: "cluster")
    defer { withExtendedLifetime(lock) {} }
    var stage = ClusterStage(
      levels: clusters.enumerated().map { level, count in
        HierarchicalKMeans.Level(
          clusters: count, resamplings: level > 0 ? resamplings : 0, sampleSize: sampleSize)
      })
    stage.iterations = iterations
    stage.seeding = seeding
    stage.seedingRows = seedingRows
    stage.miniBatch = miniBatch
    stage.isSpherical = spherical
    stage.everything = everything
    stage.seed = seed
    let progress = ProgressReporter(
      label: "cluster", total: nil,
      unit: ProgressUnit(singular: "iteration", plural: "iterations"),
      style: options.json
        ? .silent : ProgressOutput.process.terminal.isInteractive ? .line : .plain)
    stage.progress = { _ in progress.advance() }
    let result = try stage(store)
    progress.stop()
    try store.refreshCatalogue()
    options.print(
      result.counts,
      [
        "mean_squared_distance": .number(result.meanSquaredDistance),
        "kmeans_seconds": .number((result.seconds * 1000).rounded() / 1000),
      ], since: start)
  }
}
