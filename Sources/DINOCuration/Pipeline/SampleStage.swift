/// Draws a sample of a pool that is balanced over its clusters.
public struct SampleStage: Sendable {
  /// What is drawn from.
  public enum Source: String, Sendable, CaseIterable {
    /// The images that de-duplication kept.
    case kept
    /// Of those, the images that were retrieved.
    case retrieved
  }

  /// The number of images.
  public var target: Int
  /// What is drawn from.
  public var source = Source.kept
  /// Which images of a cluster are drawn.
  public var strategy = HierarchicalSampling.Strategy.closest
  /// How often an image may be drawn.
  public var multiplier = 1
  /// The seed of the random numbers.
  public var seed: UInt64 = 0
  /// Whether images that de-duplication dropped take part.
  public var everything = false

  /// Draws so many images, each at most once, nearest to their centroids first.
  ///
  /// - Parameter target: The number of images.
  public init(target: Int) { self.target = target }

  /// What was drawn.
  public struct Result: Sendable {
    /// `drawn`, `images` distinct ones, `available`, `clusters` that gave any.
    public let counts: [String: Int]
    /// The images, cluster by cluster, as often as they were drawn.
    public let images: [Int]
  }

  static let table = "drawn"

  func manifest(_ inputs: [String: String]) -> StageManifest {
    StageManifest(
      .sample,
      options: [
        "target": "\(target)", "source": source.rawValue, "strategy": strategy.rawValue,
        "multiplier": "\(multiplier)", "seed": "\(seed)",
      ], inputs: inputs)
  }

  /// What a run starts from.
  func inputs(_ store: CurationStore) throws(StoreError) -> [String: String] {
    var inputs = try KeptImages(store, everything: everything).inputs
    inputs["cluster"] = try StageFolder(store.folder, .cluster).needed().digest
    if source == .retrieved {
      inputs["retrieve"] = try StageFolder(store.folder, .retrieve).needed().digest
    }
    return inputs
  }

  /// Draws, and writes what was drawn into the store.
  ///
  /// - Parameter store: The pool; the caller has its lock.
  /// - Returns: What was drawn.
  /// - Throws: ``StoreError`` if there are no clusters, or a file cannot be written.
  public func callAsFunction(_ store: CurationStore) throws(StoreError) -> Result {
    let kept = try KeptImages(store, everything: everything)
    let clusters = try StoredClusters(store, kept: kept)
    var levels = clusters.hierarchy.levels
    if source == .retrieved {
      let retrieved = try retrievedImages(store, kept)
      levels[0] = levels[0].map { $0.filter { retrieved.contains(clusters.images[$0]) } }
    }
    var sampling = HierarchicalSampling(target: target)
    sampling.strategy = strategy
    sampling.multiplier = multiplier
    sampling.seed = seed
    let (options, all) = (sampling, levels)
    let points = try StoreError.curation { () throws(CurationError) in
      try options(ClusterHierarchy(all))
    }
    let images = points.map { clusters.images[$0] }
    var manifest = manifest(try inputs(store))
    manifest.counts = [
      "drawn": images.count, "images": Set(images).count,
      "available": levels[0].reduce(0) { $0 + $1.count },
      "clusters": Set(points.map { clusters.clusters[$0] }).count,
    ]
    let table = StageTable([
      "image": .integers(images), "cluster": .integers(points.map { clusters.clusters[$0] }),
      "squared_distance": .doubles(points.map { clusters.squaredDistances[$0] }),
      "name": .texts(images.map { store.name(of: $0) }),
    ])
    _ = try StageFolder(store.folder, .sample).write(manifest, tables: [Self.table: table])
    return Result(counts: manifest.counts, images: images)
  }

  private func retrievedImages(
    _ store: CurationStore, _ kept: KeptImages
  ) throws(StoreError) -> Set<Int> {
    let stage = StageFolder(store.folder, .retrieve)
    let manifest = try stage.needed()
    try manifest.check(store, kept.inputs)
    return Set(try stage.table(RetrieveStage.table, manifest).integers("image"))
  }
}
