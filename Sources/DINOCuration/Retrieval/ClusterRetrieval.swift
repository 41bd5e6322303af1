/// Takes rows of the clusters that enough seeds fall into.
///
/// Source: Oquab et al., 2023, section 3 and appendix A.4: of each cluster that more than three images
/// of a seed set fall into, 10,000 images are taken; at most a million for a seed set.
public struct ClusterRetrieval: Sendable {
  /// Which rows of a cluster are taken.
  public enum Choice: Sendable, Equatable {
    /// The rows nearest to the centroid; the cap is filled with one row of each cluster in turn.
    case closest
    /// Rows at random; the cap is filled with any of them.
    case random(seed: UInt64)
  }

  /// A cluster is selected if strictly more seeds fall into it.
  public var minimumHits = 3
  /// The largest number of rows taken from a cluster.
  public var perCluster = 10_000
  /// The largest number of rows taken in all; nil for no limit.
  public var cap: Int? = 1_000_000
  /// Which rows of a cluster are taken.
  public var choice = Choice.closest

  /// Retrieval with the paper's numbers.
  public init() {}

  /// A row of the pool that was retrieved.
  public struct Retrieved: Sendable, Equatable {
    /// The row of the pool.
    public let row: Int
    /// Its cluster.
    public let cluster: Int
    /// Its squared distance from the centroid.
    public let squaredDistance: Double
  }

  /// What was retrieved.
  public struct Result: Sendable {
    /// The nearest centroid of each seed.
    public let seedAssignment: ClusterAssignment
    /// The number of seeds in each cluster.
    public let hits: [Int]
    /// The clusters with enough seeds, ascending.
    public let selected: [Int]
    /// All rows of the selected clusters, ascending.
    public let candidates: [Int]
    /// The rows taken from each selected cluster before the cap.
    public let taken: [[Int]]
    /// The rows taken, after the cap, in the order taken.
    public let retrieved: [Retrieved]

    /// The number of rows before the cap.
    public var countBeforeCap: Int { taken.reduce(0) { $0 + $1.count } }
    /// The rows taken, after the cap, in the order taken.
    public var rows: [Int] { retrieved.map(\.row) }
  }

  /// Retrieves rows.
  ///
  /// - Parameters:
  ///   - pool: The pool in clusters.
  ///   - seeds: `[Q, D]`, scaled to length 1 here.
  /// - Returns: The rows with their clusters.
  /// - Throws: ``CurationError`` if the widths differ or an option is negative.
  public func callAsFunction(
    from pool: PoolClusters, seeds: EmbeddingMatrix
  ) throws(CurationError) -> Result {
    guard minimumHits >= 0, perCluster >= 0, cap.map({ $0 >= 0 }) ?? true else {
      throw .usage(
        problem: "minimum hits \(minimumHits), per cluster \(perCluster), cap \(cap ?? 0): none "
          + "may be negative")
    }
    let seedAssignment = try ClusterAssignment(of: seeds.normalized(), to: pool.centroids)
    let hits = seedAssignment.sizes
    let selected = hits.indices.filter { hits[$0] > minimumHits }
    let taken = selected.map { rows(pool.members[$0], of: $0) }
    return Result(
      seedAssignment: seedAssignment, hits: hits, selected: selected,
      candidates: selected.flatMap { pool.members[$0] }.sorted(), taken: taken,
      retrieved: capped(taken).map { row in
        Retrieved(
          row: row, cluster: pool.assignment.clusters[row],
          squaredDistance: pool.assignment.squaredDistances[row])
      })
  }

  private func rows(_ members: [Int], of cluster: Int) -> [Int] {
    switch choice {
    case .closest: return Array(members.prefix(perCluster))
    case .random(let seed):
      var random = CounterRandom(seed: seed, stream: UInt64(cluster) + 1)
      return random.choose(perCluster, of: members)
    }
  }

  private func capped(_ taken: [[Int]]) -> [Int] {
    let all = Array(taken.joined())
    guard let cap, all.count > cap else { return all }
    switch choice {
    case .random(let seed):
      var random = CounterRandom(seed: seed, stream: 0)
      return random.choose(cap, of: all)
    case .closest:
      var result: [Int] = []
      var round = 0
      while result.count < cap {
        for rows in taken where round < rows.count && result.count < cap {
          result.append(rows[round])
        }
        round += 1
      }
      return result
    }
  }
}
