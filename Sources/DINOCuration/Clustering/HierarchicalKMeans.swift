/// Hierarchical k-means with resampling.
///
/// Level 1 clusters the embeddings, each higher level the centroids of the one below. On a level, k-means
/// may be repeated on a flatter sample, which spreads centroids more evenly over the data: the rows
/// nearest to each centroid; all rows are then assigned to the new centroids.
///
/// Source: Vo et al., 2024, sections 3.2 and 3.3.
public struct HierarchicalKMeans: Sendable {
  /// One level.
  public struct Level: Sendable, Equatable {
    /// The number of clusters.
    public var clusters: Int
    /// How often k-means is repeated on a sample; 0 for plain k-means.
    public var resamplings: Int
    /// The rows of each cluster in the sample, nearest first.
    public var sampleSize: Int

    /// Describes a level.
    ///
    /// - Parameters:
    ///   - clusters: The number of clusters.
    ///   - resamplings: How often k-means is repeated on a sample.
    ///   - sampleSize: The rows of each cluster in the sample.
    public init(clusters: Int, resamplings: Int = 0, sampleSize: Int = 1) {
      self.clusters = clusters
      self.resamplings = resamplings
      self.sampleSize = sampleSize
    }
  }

  /// The levels from the bottom, with fewer and fewer clusters.
  public var levels: [Level]
  /// The options of each k-means; the number of clusters comes from the level, and every run has
  /// random numbers of its own.
  public var kMeans = KMeans(clusters: 1)

  /// Describes a hierarchy.
  ///
  /// - Parameter levels: The levels from the bottom.
  public init(levels: [Level]) { self.levels = levels }

  /// A hierarchy of clusters with their centroids.
  public struct Result: Sendable {
    /// The clusters of every level; empty ones are left out.
    public let hierarchy: ClusterHierarchy
    /// The centroids of every level, one per cluster of the hierarchy.
    public let centroids: [Centroids]
  }

  /// Clusters rows level by level.
  ///
  /// - Parameter matrix: `[N, D]`.
  /// - Returns: The hierarchy.
  /// - Throws: ``CurationError`` if a level has more clusters than the one below has.
  public func callAsFunction(_ matrix: EmbeddingMatrix) throws(CurationError) -> Result {
    var rows = matrix
    var clusters: [[[Int]]] = []
    var centroids: [Centroids] = []
    for (depth, level) in levels.enumerated() {
      let (found, assignment) = try cluster(rows, level, depth: depth)
      let sorted = assignment.sortedClusters
      let used = sorted.indices.filter { !sorted[$0].isEmpty }
      let kept = try Centroids(used.flatMap { Array(found[$0]) }, columns: found.columns)
      clusters.append(used.map { sorted[$0] })
      centroids.append(kept)
      if depth + 1 < levels.count { rows = try kept.matrix() }
    }
    return Result(hierarchy: try ClusterHierarchy(clusters), centroids: centroids)
  }

  private func cluster(
    _ rows: EmbeddingMatrix, _ level: Level, depth: Int
  ) throws(CurationError) -> (Centroids, ClusterAssignment) {
    guard level.resamplings >= 0, level.sampleSize >= 1 else {
      throw .usage(
        problem: "level \(depth + 1) has \(level.resamplings) resamplings of \(level.sampleSize) "
          + "rows per cluster; at least 0 of at least 1 were expected")
    }
    var kMeans = kMeans
    kMeans.clusters = level.clusters
    kMeans.seed = Self.seed(self.kMeans.seed, depth: depth, step: 0)
    let rows = kMeans.isSpherical ? rows.normalized() : rows
    let first = try kMeans(rows)
    var (centroids, assignment) = (first.centroids, first.assignment)
    for step in 0..<level.resamplings {
      let sample = assignment.sortedClusters.flatMap { $0.prefix(level.sampleSize) }.sorted()
      // Empty clusters can leave fewer rows than centroids: there is nothing flatter to be had.
      guard sample.count >= level.clusters else { break }
      kMeans.seed = Self.seed(self.kMeans.seed, depth: depth, step: step + 1)
      centroids = try kMeans(rows.selecting(sample)).centroids
      assignment = try ClusterAssignment(of: rows, to: centroids)
    }
    return (centroids, assignment)
  }

  /// A seed for one run of k-means.
  private static func seed(_ seed: UInt64, depth: Int, step: Int) -> UInt64 {
    CounterRandom(seed: seed, stream: 0x686B_0000 + UInt64(depth))[UInt64(step)]
  }
}
