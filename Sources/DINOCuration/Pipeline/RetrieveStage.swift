internal import CheckpointFormats

/// Takes the images of a pool that look like seeds: the nearest of each seed, or images of the clusters
/// that seeds fall into.
public struct RetrieveStage: Sendable {
  /// How images come from a seed set.
  public enum Mode: Sendable, Equatable {
    /// The nearest images of each seed.
    case sample(neighbours: Int)
    /// Images of the clusters that more seeds fall into than so many.
    case cluster(minimumHits: Int, perCluster: Int, cap: Int?, isRandom: Bool)

    var text: String {
      switch self {
      case .sample(let neighbours): "sample \(neighbours)"
      case .cluster(let hits, let count, let cap, let isRandom):
        "cluster \(hits) \(count) \(cap.map { "\($0)" } ?? "-") \(isRandom ? "random" : "closest")"
      }
    }

    var word: String { if case .sample = self { "sample" } else { "cluster" } }
  }

  /// A set of seed images.
  public struct Seeds: Sendable {
    /// Its name.
    public let name: String
    /// Its store.
    public let store: CurationStore
    /// How images come from it.
    public let mode: Mode

    /// Describes seeds.
    ///
    /// - Parameters:
    ///   - name: Their name.
    ///   - store: Their store.
    ///   - mode: How images come from them.
    public init(_ name: String, _ store: CurationStore, _ mode: Mode) {
      (self.name, self.store, self.mode) = (name, store, mode)
    }
  }

  /// The seed of random choices.
  public var seed: UInt64 = 0
  /// Whether images that de-duplication dropped take part.
  public var everything = false
  /// Whether the similarity of every image to its nearest seed is computed, which takes as long as the
  /// retrieval itself.
  public var measuresAll = true
  /// Called from several threads with the share of the present search that is done, 0 to 1.
  public var progress: (@Sendable (Double) -> Void)?

  /// Retrieval with the paper's ways.
  public init() {}

  /// What was retrieved.
  public struct Result: Sendable {
    /// `retrieved` distinct images, `with_multiplicity`, `seeds`, `seeds_in_pool`, and of each set
    /// `retrieved <set>`.
    public let counts: [String: Int]
    /// The images, ascending, each once.
    public let images: [Int]
  }

  static let table = "retrieved"
  static let nearest = "nearest"

  func manifest(_ seeds: [Seeds], inputs: [String: String]) -> StageManifest {
    var options = ["seed": "\(seed)", "nearest": "\(measuresAll)"]
    var inputs = inputs
    for set in seeds {
      options["mode \(set.name)"] = set.mode.text
      inputs["seeds \(set.name)"] = set.store.digest
    }
    return StageManifest(.retrieve, options: options, inputs: inputs)
  }

  /// What a run starts from.
  func inputs(_ store: CurationStore, _ seeds: [Seeds]) throws(StoreError) -> [String: String] {
    let kept = try KeptImages(store, everything: everything)
    var inputs = kept.inputs
    if seeds.contains(where: { $0.mode.word == "cluster" }) {
      inputs["cluster"] = try StageFolder(store.folder, .cluster).needed().digest
    }
    return inputs
  }

  /// Retrieves, and writes what was retrieved into the store.
  ///
  /// - Parameters:
  ///   - store: The pool; the caller has its lock.
  ///   - seeds: Sets of seeds with different names.
  /// - Returns: What was retrieved.
  /// - Throws: ``StoreError`` if stores do not belong together, clusters are needed and missing, or a file
  ///   cannot be written.
  public func callAsFunction(
    from store: CurationStore, seeds: [Seeds]
  ) throws(StoreError) -> Result {
    guard !seeds.isEmpty, Set(seeds.map(\.name)).count == seeds.count else {
      throw .usage(
        problem: "seeds are missing, or two sets have one name; name every set differently")
    }
    for set in seeds {
      try set.store.settings.checkRows(against: store.settings, store.folder)
      guard set.store.matrix.rowCount > 0 else {
        throw .unusable(place: set.store.folder, problem: "holds no embedding of a seed")
      }
    }
    let kept = try KeptImages(store, everything: everything)
    let inputs = try inputs(store, seeds)
    var found = Found(store, kept, seeds)
    for set in seeds {
      let free = kept.rows.indices.filter { !found.isSeed[$0] }
      switch set.mode {
      case .sample(let neighbours): try found.add(set, neighbours: neighbours, free, progress)
      case .cluster:
        try found.add(set, clusters: StoredClusters(store, kept: kept), free, seed: seed)
      }
      if measuresAll { try found.measure(set, progress) }
    }
    var manifest = manifest(seeds, inputs: inputs)
    manifest.counts = found.counts
    _ = try StageFolder(store.folder, .retrieve).write(
      manifest, tables: [Self.table: found.table, Self.nearest: found.nearestTable])
    return Result(counts: found.counts, images: found.images)
  }
}

/// What was found so far.
private struct Found {
  let store: CurationStore
  let kept: KeptImages
  /// Whether each kept image is byte-identical with a seed.
  let isSeed: [Bool]
  private let seedCount: Int
  private var multiplicity = 0
  private var bySet: [String: Int] = [:]

  private var places: [Int] = []
  private var sets: [String] = []
  private var modes: [String] = []
  private var seeds: [String] = []
  private var similarities: [Float] = []
  private var seedCounts: [Int] = []
  private var clusters: [Int] = []
  private var distances: [Double] = []

  private var nearestPlaces: [Int] = []
  private var nearestSets: [String] = []
  private var nearestSeeds: [String] = []
  private var nearestSimilarities: [Float] = []

  init(_ store: CurationStore, _ kept: KeptImages, _ sets: [RetrieveStage.Seeds]) {
    self.store = store
    self.kept = kept
    seedCount = sets.reduce(0) { $0 + $1.store.matrix.rowCount }
    var known: [ContentDigest: (set: RetrieveStage.Seeds, image: Int)] = [:]
    for set in sets {
      for (image, record) in set.store.records.enumerated() {
        if let digest = record.digest, known[digest] == nil { known[digest] = (set, image) }
      }
    }
    isSeed = kept.rows.map { row in
      store.records[store.imageOfRow[row]].digest.map { known[$0] != nil } ?? false
    }
    for (place, row) in kept.rows.enumerated() where isSeed[place] {
      guard let digest = store.records[store.imageOfRow[row]].digest, let seed = known[digest]
      else {
        continue
      }
      append(place, seed.set.name, mode: "seed", seed: seed.set.store.name(of: seed.image), 1)
    }
  }

  private mutating func append(
    _ place: Int, _ set: String, mode: String, seed: String, _ similarity: Float
  ) {
    places.append(place)
    sets.append(set)
    modes.append(mode)
    seeds.append(seed)
    similarities.append(similarity)
    seedCounts.append(1)
    clusters.append(StageTable.none)
    distances.append(.nan)
  }

  private func matrix(_ places: [Int]) throws(StoreError) -> EmbeddingMatrix {
    let rows = places.map { kept.rows[$0] }
    guard rows.count < store.matrix.rowCount else { return store.matrix }
    return try StoreError.curation { () throws(CurationError) in try store.matrix.selecting(rows) }
  }

  mutating func add(
    _ set: RetrieveStage.Seeds, neighbours: Int, _ free: [Int],
    _ progress: (@Sendable (Double) -> Void)?
  ) throws(StoreError) {
    let pool = try matrix(free)
    var retrieval = SampleRetrieval(neighbours: neighbours)
    retrieval.progress = progress
    let options = retrieval
    let result = try StoreError.curation { () throws(CurationError) in
      try options(from: pool, seeds: set.store.matrix)
    }
    multiplicity += result.countWithMultiplicity
    bySet[set.name] = result.retrieved.count
    for found in result.retrieved {
      append(
        free[found.row], set.name, mode: "sample",
        seed: set.store.name(of: set.store.imageOfRow[found.seed]), found.similarity)
      seedCounts[seedCounts.count - 1] = found.seedCount
    }
  }

  mutating func add(
    _ set: RetrieveStage.Seeds, clusters stored: StoredClusters, _ free: [Int], seed: UInt64
  ) throws(StoreError) {
    guard case .cluster(let minimumHits, let perCluster, let cap, let isRandom) = set.mode else {
      return
    }
    let pool = try matrix(free)
    var retrieval = ClusterRetrieval()
    retrieval.minimumHits = minimumHits
    retrieval.perCluster = perCluster
    retrieval.cap = cap
    retrieval.choice = isRandom ? .random(seed: seed) : .closest
    let options = retrieval
    let result = try StoreError.curation { () throws(CurationError) in
      try options(
        from: PoolClusters(pool, centroids: stored.centroids), seeds: set.store.matrix)
    }
    multiplicity += result.retrieved.count
    bySet[set.name] = result.retrieved.count
    for found in result.retrieved {
      append(free[found.row], set.name, mode: "cluster", seed: "", .nan)
      seedCounts[seedCounts.count - 1] = result.hits[found.cluster]
      clusters[clusters.count - 1] = found.cluster
      distances[distances.count - 1] = found.squaredDistance
    }
  }

  /// The nearest seed of every kept image.
  mutating func measure(
    _ set: RetrieveStage.Seeds, _ progress: (@Sendable (Double) -> Void)?
  ) throws(StoreError) {
    let pool = try matrix(Array(kept.rows.indices))
    var search = CosineSearch(set.store.matrix)
    search.progress = progress
    let options = search
    let table = try StoreError.curation { () throws(CurationError) in
      try options.nearest(to: pool, count: 1)
    }
    for place in kept.rows.indices {
      guard let found = table[place].first else { continue }
      nearestPlaces.append(place)
      nearestSets.append(set.name)
      nearestSeeds.append(set.store.name(of: set.store.imageOfRow[found.row]))
      nearestSimilarities.append(found.similarity)
    }
  }

  private func image(_ place: Int) -> Int { store.imageOfRow[kept.rows[place]] }

  var images: [Int] { Set(places.map(image)).sorted() }

  var counts: [String: Int] {
    var counts = [
      "pool": kept.rows.count, "seeds": seedCount, "seeds_in_pool": isSeed.count { $0 },
      "retrieved": images.count, "with_multiplicity": multiplicity,
    ]
    for (set, count) in bySet { counts["retrieved \(set)"] = count }
    return counts
  }

  var table: StageTable {
    StageTable([
      "image": .integers(places.map(image)), "set": .texts(sets), "mode": .texts(modes),
      "seed": .texts(seeds), "similarity": .floats(similarities), "seeds": .integers(seedCounts),
      "cluster": .integers(clusters), "squared_distance": .doubles(distances),
      "name": .texts(places.map { store.name(of: image($0)) }),
    ])
  }

  var nearestTable: StageTable {
    StageTable([
      "image": .integers(nearestPlaces.map(image)), "set": .texts(nearestSets),
      "seed": .texts(nearestSeeds), "similarity": .floats(nearestSimilarities),
    ])
  }
}
