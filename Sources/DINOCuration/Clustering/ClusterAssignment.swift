/// Which of several centroids is nearest to each row of a matrix.
public struct ClusterAssignment: Sendable, Equatable {
  /// The number of clusters, `K`.
  public let clusterCount: Int
  /// The nearest centroid of each row, `[N]`; the lowest of equals.
  public let clusters: [Int]
  /// The squared Euclidean distance of each row to it, `[N]`.
  public let squaredDistances: [Double]

  /// The sum of the squared distances, which k-means makes small.
  public var inertia: Double { squaredDistances.reduce(0, +) }

  /// The number of rows of each cluster.
  public var sizes: [Int] {
    clusters.reduce(into: [Int](repeating: 0, count: clusterCount)) { $0[$1] += 1 }
  }

  /// The rows of each cluster by increasing distance to its centroid; the lower of equals first.
  public var sortedClusters: [[Int]] {
    var members = [[Int]](repeating: [], count: clusterCount)
    for (row, cluster) in clusters.enumerated() { members[cluster].append(row) }
    for cluster in members.indices {
      members[cluster].sort { one, other in
        let (near, far) = (squaredDistances[one], squaredDistances[other])
        return near < far || (near == far && one < other)
      }
    }
    return members
  }

  /// Assigns every row to its nearest centroid.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]`; normalised or not, as the centroids are meant for.
  ///   - centroids: `[K, D]`, at least one.
  /// - Throws: ``CurationError`` if the widths differ or there is no centroid.
  public init(
    of matrix: EmbeddingMatrix, to centroids: Centroids
  ) throws(CurationError) {
    let rows = try ShiftedRows(matrix, near: centroids, isKept: false)
    self = try CentroidSearch(centroids, for: rows).assignment()
  }

  init(clusterCount: Int, clusters: [Int], squaredDistances: [Double]) {
    self.clusterCount = clusterCount
    self.clusters = clusters
    self.squaredDistances = squaredDistances
  }
}
