internal import CheckpointFormats
internal import DINOData
public import DINOInference
internal import FoundationEssentials
internal import Glibc

/// The whole way from a pool to a curated list, in a folder that remembers what is done.
///
/// Stages are embedding of pool, seeds and references, de-duplication, clusters, retrieval, sample, and
/// the result. Each is done again only if its options or what it starts from have changed; a run that was
/// stopped in whatever way goes on and ends with the same bytes. Nothing is written outside of the
/// folder, and no image is moved or deleted.
public final class CurationRun {
  /// What is told while the work goes on.
  public enum Event: Sendable {
    /// A stage begins.
    case stage(String)
    /// A stage is as it was.
    case current(String)
    /// Images of the present store.
    case images(StoreEmbedding.Event, total: Int)
    /// The share of the present search, 0 to 1.
    case share(Double)
    /// A remark.
    case note(String)
  }

  /// The folder.
  public let folder: String
  /// What is done.
  public let config: CurationConfig
  /// How to embed.
  public var options = StoreEmbedding.Options()
  private let load: () async throws -> (DINOv2, StoreSettings)
  private var loaded: (model: DINOv2, settings: StoreSettings)?
  private let progress: @Sendable (Event) -> Void

  /// Prepares a run; the caller has the folder's lock.
  ///
  /// - Parameters:
  ///   - folder: The folder; it exists.
  ///   - config: What is done.
  ///   - progress: Told how far the work is, from several threads.
  ///   - load: Loads the model that the configuration names, and says how it describes images.
  public init(
    _ folder: String, _ config: CurationConfig, progress: @escaping @Sendable (Event) -> Void,
    load: @escaping () async throws -> (DINOv2, StoreSettings)
  ) {
    (self.folder, self.config, self.progress, self.load) = (folder, config, progress, load)
  }

  /// What came out.
  public struct Result: Sendable {
    /// The counts of each stage.
    public internal(set) var counts: [String: [String: Int]] = [:]
    /// The images of the result, copies of one counted as often.
    public internal(set) var images = 0
    /// The store of the pool.
    public internal(set) var pool = ""
    /// The list of the result.
    public internal(set) var list = ""
  }

  /// Does what is not done.
  ///
  /// - Returns: What came out.
  /// - Throws: ``StoreError``, or an error of the model.
  public func run() async throws -> Result {
    var result = Result()
    result.pool = folder + "/pool"
    result.list = folder + "/curated.list"
    try writeConfig()
    let pool = try await embed("pool", config.pool)
    result.counts["embed"] = ["images": pool.records.count, "rows": pool.matrix.rowCount]
    var seeds: [(set: CurationConfig.Seeds, store: CurationStore)] = []
    for set in config.seeds {
      seeds.append((set, try await embed("seeds/\(set.name)", set.images)))
    }
    var references: [DedupStage.Reference] = []
    for set in config.references {
      references.append(.init(set.name, try await embed("references/\(set.name)", set.images)))
    }
    loaded = nil
    if config.dedup.enabled {
      try dedup(pool, references)
    } else {
      try StageFolder(pool.folder, .dedup).remove()
    }
    let retrieval = seeds.filter { $0.set.mode != .asIs }
    let samples = config.sample.target > 0
    if samples || retrieval.contains(where: { $0.set.mode == .cluster }) { try cluster(pool) }
    if !retrieval.isEmpty { try retrieve(pool, retrieval) }
    if samples { try sample(pool, fromRetrieved: !retrieval.isEmpty) }
    try pool.refreshCatalogue()
    progress(.stage("result"))
    let curated = try CuratedImages(
      pool, seeds, isRetrieved: !retrieval.isEmpty, isSampled: samples)
    result.images = curated.count
    try await curated.write(to: folder, config.output, decoders: options.decoders)
    for name in StageName.allCases {
      if let manifest = try StageFolder(pool.folder, name).manifest() {
        result.counts[name.rawValue] = manifest.counts
      }
    }
    return result
  }

  private func writeConfig() throws(StoreError) {
    Leftovers.remove(in: folder) { _ in true }
    let (path, text) = (folder + "/config.yaml", config.yaml)
    try StoreError.files { () throws(CheckpointError) in
      try AtomicFile.write(Array(text.utf8), to: path)
    }
  }

  // MARK: - Stages

  private func embed(_ name: String, _ inputs: [String]) async throws -> CurationStore {
    let path = "\(folder)/\(name)"
    let references = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let (model, settings) = try await loadedModel()
    let embedding = try StoreEmbedding(path, settings, references)
    if embedding.isComplete {
      progress(.current("embed \(name)"))
    } else {
      progress(.stage("embed \(name)"))
      let (total, progress) = (embedding.imageCount, progress)
      let report = try await embedding.run(with: model, options: options) {
        progress(.images($0, total: total))
      }
      progress(
        .note(
          "\(name): \(report.rows) of \(report.images) images, \(report.failures.count) left out"))
    }
    let store = try CurationStore(path)
    guard store.matrix.rowCount > 0 else {
      throw StoreError.unusable(
        place: path, problem: "none of \(store.records.count) images could be used")
    }
    if (try? Catalogue(path).check(store)) == nil { try store.refreshCatalogue() }
    return store
  }

  private func loadedModel() async throws -> (DINOv2, StoreSettings) {
    if let loaded { return loaded }
    let found = try await load()
    loaded = found
    return found
  }

  private func dedup(
    _ pool: CurationStore, _ references: [DedupStage.Reference]
  ) throws(StoreError) {
    var stage = DedupStage()
    stage.threshold = config.dedup.threshold
    stage.referenceThreshold = config.dedup.referenceThreshold
    stage.neighbours = config.dedup.neighbours
    stage.space = DedupStage.Space(rawValue: config.dedup.space.rawValue)
    stage.representative = config.dedup.representative
    stage.reading = config.dedup.reading
    stage.progress = share
    guard isWanted(.dedup, pool, stage.manifest(pool, references)) else { return }
    let counts = try stage(pool, references: references).counts
    if let warning = DedupStage.warning(counts) { progress(.note(warning)) }
  }

  private func cluster(_ pool: CurationStore) throws(StoreError) {
    let kept = try KeptImages(pool, everything: false)
    var stage = ClusterStage(levels: config.levels(of: kept.rows.count))
    stage.iterations = config.cluster.iterations
    stage.seeding = config.cluster.seeding
    stage.seed = UInt64(config.seed)
    guard isWanted(.cluster, pool, stage.manifest(kept.inputs)) else { return }
    _ = try stage(pool)
  }

  private func retrieve(
    _ pool: CurationStore, _ seeds: [(set: CurationConfig.Seeds, store: CurationStore)]
  ) throws(StoreError) {
    var stage = RetrieveStage()
    stage.seed = UInt64(config.seed)
    stage.progress = share
    let sets = seeds.map { seeds in
      RetrieveStage.Seeds(
        seeds.set.name, seeds.store,
        seeds.set.mode == .sample
          ? .sample(neighbours: seeds.set.neighbours)
          : .cluster(
            minimumHits: seeds.set.minimumHits, perCluster: seeds.set.perCluster,
            cap: seeds.set.cap > 0 ? seeds.set.cap : nil, isRandom: false))
    }
    let manifest = stage.manifest(sets, inputs: try stage.inputs(pool, sets))
    guard isWanted(.retrieve, pool, manifest) else { return }
    let counts = try stage(from: pool, seeds: sets).counts
    if let count = counts["seeds_in_pool"], count > 0 {
      progress(.note("\(count) images of the pool are seeds themselves; they are kept as such"))
    }
  }

  private func sample(_ pool: CurationStore, fromRetrieved: Bool) throws(StoreError) {
    var stage = SampleStage(target: config.sample.target)
    stage.source = fromRetrieved ? .retrieved : .kept
    stage.strategy = config.sample.strategy
    stage.multiplier = config.sample.multiplier
    stage.seed = UInt64(config.seed)
    guard isWanted(.sample, pool, stage.manifest(try stage.inputs(pool))) else { return }
    _ = try stage(pool)
  }

  private var share: @Sendable (Double) -> Void {
    let progress = progress
    return { progress(.share($0)) }
  }

  /// Whether a stage has to be run; tells which.
  private func isWanted(
    _ name: StageName, _ pool: CurationStore, _ manifest: StageManifest
  ) -> Bool {
    let isCurrent = StageFolder(pool.folder, name).isCurrent(manifest)
    progress(isCurrent ? .current(name.rawValue) : .stage(name.rawValue))
    return !isCurrent
  }
}

extension CurationConfig {
  /// The levels of clusters of so many images.
  func levels(of images: Int) -> [HierarchicalKMeans.Level] {
    var counts = cluster.clusters
    if counts.isEmpty {
      let lowest = max(images / 25, 1)
      counts = [lowest, max(Int(Double(lowest).squareRoot()), 1)]
    }
    return counts.enumerated().map { level, count in
      HierarchicalKMeans.Level(
        clusters: count, resamplings: level > 0 ? cluster.resamplings : 0,
        sampleSize: cluster.sampleSize)
    }
  }
}

extension DedupStage {
  /// What a user should know of a result that cannot be meant.
  ///
  /// - Parameter counts: The counts of a result.
  /// - Returns: One sentence, or nil if all is well.
  public static func warning(_ counts: [String: Int]) -> String? {
    let images = (counts["images"] ?? 0) - (counts["failed"] ?? 0)
    guard let largest = counts["largest_component"], images >= 20, largest > images / 4 else {
      return nil
    }
    return
      "the largest component holds \(largest) of \(images) images: the threshold joins images that are "
      + "only alike; look at the pairs with 'dinov2 curate dedup --preview pairs.png' and raise it"
  }
}
