/// A pool divided into clusters, which is done once and serves every seed set.
public struct PoolClusters: Sendable {
  /// The centroids, `[K, D]`, as they were given.
  public let centroids: Centroids
  /// The nearest centroid of each row of the pool, scaled to length 1.
  public let assignment: ClusterAssignment
  /// The rows of each cluster, nearest to the centroid first.
  public let members: [[Int]]

  /// Assigns the rows of a pool, scaled to length 1, to the nearest centroids.
  ///
  /// - Parameters:
  ///   - pool: `[N, D]`.
  ///   - centroids: `[K, D]`.
  /// - Throws: ``CurationError`` if the widths differ or there is no centroid.
  public init(_ pool: EmbeddingMatrix, centroids: Centroids) throws(CurationError) {
    self.centroids = centroids
    assignment = try ClusterAssignment(of: pool.normalized(), to: centroids)
    members = assignment.sortedClusters
  }
}
