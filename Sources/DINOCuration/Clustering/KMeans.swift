/// k-means clustering with k-means++ seeding.
///
/// Distances and means are computed in double precision and in a fixed order; an empty cluster keeps
/// its centroid. The result is a function of rows, options and seed, whatever the number of threads.
///
/// Source: Lloyd, 1982; for curation Vo et al., 2024, section 3, with 50 iterations.
public struct KMeans: Sendable {
  /// How centroids move.
  public enum Update: Sendable, Equatable {
    /// Every row takes part in each iteration; rows are read in blocks.
    case lloyd
    /// Each iteration takes so many random rows; for more rows than can be read often.
    ///
    /// Source: Sculley, 2010: a centroid is the mean of all rows that were ever assigned to it.
    case miniBatch(rows: Int)
  }

  /// The number of clusters, `K`.
  public var clusters: Int
  /// The largest number of iterations; fewer if nothing changes any more.
  public var iterations = 50
  /// Whether rows and centroids are scaled to length 1, which clusters by cosine similarity.
  public var isSpherical = false
  /// How centroids move.
  public var update = Update.lloyd
  /// The seed of all random numbers.
  public var seed: UInt64 = 0
  /// The rows, chosen at random, among which first centroids are looked for; nil for all.
  public var seedingRows: Int?

  /// Whether first centroids are any rows instead of those that k-means++ chooses.
  public var usesRandomSeeds = false
  /// Called before each iteration with its number, from 0.
  public var progress: (@Sendable (Int) -> Void)?

  /// k-means with 50 iterations over all rows.
  ///
  /// - Parameter clusters: The number of clusters, at least 1.
  public init(clusters: Int) { self.clusters = clusters }

  /// Centroids, and the rows that belong to them.
  public struct Result: Sendable, Equatable {
    /// The centroids, `[K, D]`.
    public let centroids: Centroids
    /// The nearest of them for each row.
    public let assignment: ClusterAssignment
    /// The number of iterations done.
    public let iterations: Int
    /// Whether the last iteration changed nothing.
    public let isConverged: Bool
  }

  /// What random numbers are drawn for; each has a stream of its own.
  private enum Purpose: UInt64 {
    case seeding = 0x6B6D_0001
    case seedingRows = 0x6B6D_0002
    case batches = 0x6B6D_0003
  }

  /// Clusters rows.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]` with `N ≥ K`.
  ///   - draws: The random numbers of the seeding; those of ``seed`` if left out.
  /// - Returns: The clusters.
  /// - Throws: ``CurationError`` if there are fewer rows than clusters or an option is not positive.
  public func callAsFunction(
    _ matrix: EmbeddingMatrix, draws: SeedingDraws? = nil
  ) throws(CurationError) -> Result {
    let rows = isSpherical ? matrix.normalized() : matrix
    let seeds = try seeds(of: rows, draws: draws)
    return try callAsFunction(rows, from: Centroids(rows, rows: seeds))
  }

  /// The rows that k-means++ chooses as first centroids.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]` with `N ≥ K`.
  ///   - draws: The random numbers; those of ``seed`` if left out.
  /// - Returns: `K` rows in the order chosen.
  /// - Throws: ``CurationError`` if there are fewer rows than clusters.
  public func seeds(
    of matrix: EmbeddingMatrix, draws: SeedingDraws? = nil
  ) throws(CurationError) -> [Int] {
    if usesRandomSeeds, draws == nil {
      guard clusters >= 1, clusters <= matrix.rowCount else {
        throw .usage(
          problem: "\(clusters) clusters of \(matrix.rowCount) rows were asked for; at least 1 and "
            + "at most one per row can be made")
      }
      var random = CounterRandom(seed: seed, stream: Purpose.seeding.rawValue)
      return random.choose(clusters, of: Array(0..<matrix.rowCount))
    }
    let seeding = PlusPlusSeeding(clusters: clusters)
    let draws = draws ?? .random(CounterRandom(seed: seed, stream: Purpose.seeding.rawValue))
    guard let seedingRows, seedingRows < matrix.rowCount else {
      return try seeding(matrix, draws: draws)
    }
    var random = CounterRandom(seed: seed, stream: Purpose.seedingRows.rawValue)
    let sample = random.choose(seedingRows, of: Array(0..<matrix.rowCount)).sorted()
    return try seeding(matrix.selecting(sample), draws: draws).map { sample[$0] }
  }

  /// Clusters rows from given first centroids.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]`.
  ///   - first: The first centroids, `[K, D]`.
  /// - Returns: The clusters.
  /// - Throws: ``CurationError`` if the widths differ or an option is not positive.
  public func callAsFunction(
    _ matrix: EmbeddingMatrix, from first: Centroids
  ) throws(CurationError) -> Result {
    guard iterations >= 0 else {
      throw .usage(problem: "\(iterations) iterations were asked for")
    }
    let rows = isSpherical ? matrix.normalized() : matrix
    let first = isSpherical ? first.normalized() : first
    switch update {
    case .lloyd: return try lloyd(rows, from: first)
    case .miniBatch(let count):
      guard count > 0 else { throw .usage(problem: "a mini-batch has \(count) rows") }
      return try miniBatches(rows, of: count, from: first)
    }
  }

  private func lloyd(
    _ matrix: EmbeddingMatrix, from first: Centroids
  ) throws(CurationError) -> Result {
    var centroids = first
    let points = try ShiftedRows(matrix, near: centroids, isKept: true)
    var assignment = try CentroidSearch(centroids, for: points).assignment()
    for iteration in 0..<iterations {
      progress?(iteration)
      var means = ClusterMeans(centroids)
      for rows in RowBlocks(count: matrix.rowCount, size: 16_384) {
        try means.add(points.exact(rows), clusters: assignment.clusters[rows])
      }
      means.move(&centroids, isSpherical: isSpherical)
      let next = try CentroidSearch(centroids, for: points).assignment()
      defer { assignment = next }
      if next.clusters == assignment.clusters {
        return Result(
          centroids: centroids, assignment: next, iterations: iteration + 1, isConverged: true)
      }
    }
    return Result(
      centroids: centroids, assignment: assignment, iterations: iterations, isConverged: false)
  }

  private func miniBatches(
    _ matrix: EmbeddingMatrix, of count: Int, from first: Centroids
  ) throws(CurationError) -> Result {
    var centroids = first
    var means = ClusterMeans(centroids)
    var random = CounterRandom(seed: seed, stream: Purpose.batches.rawValue)
    for _ in 0..<(matrix.rowCount > 0 ? iterations : 0) {
      let rows = (0..<count).map { _ in random.integer(below: matrix.rowCount) }
      let batch = try matrix.selecting(rows)
      let found = try ClusterAssignment(of: batch, to: centroids)
      try means.add(batch.block(0..<count), clusters: found.clusters[...])
      means.move(&centroids, isSpherical: isSpherical)
    }
    return Result(
      centroids: centroids, assignment: try ClusterAssignment(of: matrix, to: centroids),
      iterations: iterations, isConverged: false)
  }
}
