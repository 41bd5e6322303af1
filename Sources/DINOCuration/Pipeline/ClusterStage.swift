internal import CheckpointFormats

/// Divides the images of a pool into clusters, and these into clusters of clusters.
public struct ClusterStage: Sendable {
  /// How first centroids are found.
  public enum Seeding: String, Codable, Sendable, CaseIterable {
    /// k-means++ with local trials.
    case plusPlus = "kmeans++"
    /// Any rows, which is fast.
    case random
  }

  /// The levels from the bottom.
  public var levels: [HierarchicalKMeans.Level]
  /// The most iterations of a k-means.
  public var iterations = 50
  /// How first centroids are found.
  public var seeding = Seeding.plusPlus
  /// The rows, chosen at random, among which k-means++ looks; nil for 50,000 or 20 per cluster.
  public var seedingRows: Int?
  /// Whether centroids have unit length.
  public var isSpherical = false
  /// Rows of a mini-batch; nil for all rows in every iteration.
  public var miniBatch: Int?
  /// The seed of all random numbers.
  public var seed: UInt64 = 0
  /// Whether images that de-duplication dropped take part.
  public var everything = false
  /// Called before each iteration of any k-means, with its number.
  public var progress: (@Sendable (Int) -> Void)?

  /// Clusters on one or more levels.
  ///
  /// - Parameter levels: The levels from the bottom.
  public init(levels: [HierarchicalKMeans.Level]) { self.levels = levels }

  /// What came out.
  public struct Result: Sendable {
    /// `images`, `clusters` of the lowest level, `levels`, `largest`, `smallest`.
    public let counts: [String: Int]
    /// The mean squared distance of images from their centroids.
    public let meanSquaredDistance: Double
    /// How long finding the clusters took, in seconds.
    public let seconds: Double
  }

  static let table = "clusters"
  static let tree = "tree"

  func manifest(_ inputs: [String: String]) -> StageManifest {
    StageManifest(
      .cluster,
      options: [
        "levels": levels.map { level in
          level.resamplings == 0
            ? "\(level.clusters)"
            : "\(level.clusters) (\(level.resamplings) resamplings of \(level.sampleSize))"
        }.joined(separator: ", "),
        "iterations": "\(iterations)", "seeding": seeding.rawValue,
        "seeding_rows": seedingRows.map { "\($0)" } ?? "", "spherical": "\(isSpherical)",
        "mini_batch": miniBatch.map { "\($0)" } ?? "", "seed": "\(seed)",
      ], inputs: inputs)
  }

  /// Clusters, and writes the clusters into the store.
  ///
  /// - Parameter store: The pool; the caller has its lock.
  /// - Returns: What came out.
  /// - Throws: ``StoreError`` if there are fewer images than clusters, or a file cannot be written.
  public func callAsFunction(_ store: CurationStore) throws(StoreError) -> Result {
    let kept = try KeptImages(store, everything: everything)
    let matrix = try kept.matrix(of: store).normalized()
    guard let first = levels.first, first.clusters <= matrix.rowCount else {
      throw .usage(
        problem:
          "\(levels.first?.clusters ?? 0) clusters of \(matrix.rowCount) images were asked for; at "
          + "least 1 and at most one per image can be made")
    }
    let start = ContinuousClock.now
    let result = try clusters(of: matrix)
    let seconds = (ContinuousClock.now - start) / .seconds(1)
    let (members, sizes) = (result.hierarchy.levels, result.hierarchy.sizes)
    var cluster = [Int](repeating: 0, count: matrix.rowCount)
    for (index, rows) in (members.first ?? []).enumerated() {
      for row in rows { cluster[row] = index }
    }
    let distances = try distances(of: matrix, cluster, result.centroids)
    var manifest = manifest(kept.inputs)
    manifest.counts = [
      "images": matrix.rowCount, "levels": levels.count, "clusters": members.first?.count ?? 0,
      "largest": sizes.first?.max() ?? 0, "smallest": sizes.first?.min() ?? 0,
    ]
    let images = kept.rows.map { store.imageOfRow[$0] }
    let table = StageTable([
      "image": .integers(images), "cluster": .integers(cluster),
      "squared_distance": .doubles(distances),
      "name": .texts(images.map { store.name(of: $0) }),
    ])
    var arrays: [String: StoredTensor] = [:]
    for (level, centroids) in result.centroids.enumerated() {
      arrays["centroids_\(level + 1)"] = try StoreError.files { () throws(CheckpointError) in
        try StoredTensor(doubles: centroids.values, shape: [centroids.count, centroids.columns])
      }
    }
    _ = try StageFolder(store.folder, .cluster).write(
      manifest, tables: [Self.table: table, Self.tree: tree(result.hierarchy)], arrays: arrays)
    return Result(
      counts: manifest.counts,
      meanSquaredDistance: distances.reduce(0, +) / Double(max(distances.count, 1)),
      seconds: seconds)
  }

  private func clusters(of matrix: EmbeddingMatrix) throws(StoreError) -> HierarchicalKMeans.Result
  {
    var hierarchical = HierarchicalKMeans(levels: levels)
    var kMeans = KMeans(clusters: 1)
    kMeans.iterations = iterations
    kMeans.isSpherical = isSpherical
    kMeans.seed = seed
    kMeans.progress = progress
    kMeans.usesRandomSeeds = seeding == .random
    kMeans.seedingRows = seedingRows ?? max(50_000, 20 * (levels.first?.clusters ?? 1))
    if let miniBatch { kMeans.update = .miniBatch(rows: miniBatch) }
    hierarchical.kMeans = kMeans
    let options = hierarchical
    return try StoreError.curation { () throws(CurationError) in try options(matrix) }
  }

  private func distances(
    of matrix: EmbeddingMatrix, _ clusters: [Int], _ centroids: [Centroids]
  ) throws(StoreError) -> [Double] {
    guard let centroids = centroids.first else { return [] }
    let points = isSpherical ? matrix.normalized() : matrix
    return try StoreError.curation { () throws(CurationError) in
      let found = try ClusterAssignment(of: points, to: centroids)
      // Dropping empty clusters leaves every row with the centroid that was nearest to it.
      guard found.clusters == clusters else {
        throw .usage(problem: "the clusters of \(matrix.source) contradict their centroids")
      }
      return found.squaredDistances
    }
  }

  /// One row per cluster of every level.
  private func tree(_ hierarchy: ClusterHierarchy) -> StageTable {
    var (levels, clusters, parents, ranks, points): ([Int], [Int], [Int], [Int], [Int]) =
      ([], [], [], [], [])
    for (depth, members) in hierarchy.levels.enumerated() {
      var place: [Int: (parent: Int, rank: Int)] = [:]
      if depth + 1 < hierarchy.levels.count {
        for (parent, children) in hierarchy.levels[depth + 1].enumerated() {
          for (rank, child) in children.enumerated() { place[child] = (parent, rank) }
        }
      }
      for cluster in members.indices {
        levels.append(depth + 1)
        clusters.append(cluster)
        parents.append(place[cluster]?.parent ?? StageTable.none)
        ranks.append(place[cluster]?.rank ?? cluster)
        points.append(hierarchy.sizes[depth][cluster])
      }
    }
    return StageTable([
      "level": .integers(levels), "cluster": .integers(clusters), "parent": .integers(parents),
      "rank": .integers(ranks), "images": .integers(points),
    ])
  }
}

/// The clusters that a store holds.
struct StoredClusters: Sendable {
  /// The images, ascending.
  let images: [Int]
  /// The cluster of each of them on the lowest level.
  let clusters: [Int]
  /// The squared distance of each from its centroid.
  let squaredDistances: [Double]
  /// The clusters of all levels; points are places in ``images``.
  let hierarchy: ClusterHierarchy
  /// The centroids of the lowest level.
  let centroids: Centroids

  /// Reads the clusters of a store.
  ///
  /// - Throws: ``StoreError`` if there are none, they are damaged, or of another state of the store.
  init(_ store: CurationStore, kept: KeptImages) throws(StoreError) {
    let stage = StageFolder(store.folder, .cluster)
    let manifest = try stage.needed()
    try manifest.check(store, kept.inputs)
    let table = try stage.table(ClusterStage.table, manifest)
    let tree = try stage.table(ClusterStage.tree, manifest)
    let centroids = try stage.array("centroids_1", manifest)
    let (images, clusters) = (table.integers("image"), table.integers("cluster"))
    let squaredDistances = table.doubles("squared_distance")
    let damage = StoreError.damaged(
      path: stage.folder,
      problem: "its tables contradict each other; run 'dinov2 curate cluster' again")
    guard centroids.shape.count == 2, centroids.shape[1] > 0,
      images.count == squaredDistances.count,
      images.allSatisfy({ $0 >= 0 && $0 < store.records.count }),
      clusters.allSatisfy({ $0 >= 0 && $0 < centroids.shape[0] })
    else { throw damage }
    var members = [[Int]](repeating: [], count: centroids.shape[0])
    for place in clusters.indices { members[clusters[place]].append(place) }
    for cluster in members.indices {
      members[cluster].sort { one, other in
        (squaredDistances[one], one) < (squaredDistances[other], other)
      }
    }
    let levels = [members] + Self.upperLevels(tree)
    do throws(CurationError) { hierarchy = try ClusterHierarchy(levels) } catch { throw damage }
    (self.images, self.clusters, self.squaredDistances) = (images, clusters, squaredDistances)
    self.centroids = try StoreError.curation { () throws(CurationError) in
      try Centroids(
        try CurationError.files { () throws(CheckpointError) in try centroids.doubles() },
        columns: centroids.shape[1])
    }
  }

  /// The children of each cluster of the levels above the lowest.
  private static func upperLevels(_ tree: StageTable) -> [[[Int]]] {
    let (levels, clusters) = (tree.integers("level"), tree.integers("cluster"))
    let (parents, ranks) = (tree.integers("parent"), tree.integers("rank"))
    let top = levels.max() ?? 1
    var result: [[[Int]]] = []
    for level in 1..<max(top, 1) {
      var children: [Int: [(rank: Int, cluster: Int)]] = [:]
      for row in levels.indices where levels[row] == level && parents[row] >= 0 {
        children[parents[row], default: []].append((ranks[row], clusters[row]))
      }
      let count = levels.count { $0 == level + 1 }
      result.append(
        (0..<count).map { (children[$0] ?? []).sorted { $0 < $1 }.map(\.cluster) })
    }
    return result
  }
}
