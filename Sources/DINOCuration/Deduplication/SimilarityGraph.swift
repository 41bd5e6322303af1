/// The undirected graph of similar rows: an edge joins two rows of which either has the other among its
/// `k` nearest with a similarity strictly above a threshold.
public struct SimilarityGraph: Sendable {
  /// The rows of each other.
  public let edges: [Edge]
  /// The number of pairs (row, neighbour) above the threshold; an edge that both rows list counts twice.
  public let directedEdgeCount: Int
  /// The smallest row of the connected component of each row.
  public let labels: [Int]
  /// The similarities of all rows to their `k` nearest, below the threshold, too.
  public let similarities: SimilarityHistogram
  /// The similarities of all rows to their nearest.
  public let nearestSimilarities: SimilarityHistogram

  /// Two similar rows.
  public struct Edge: Sendable, Equatable {
    /// The lower row.
    public let low: Int
    /// The higher row.
    public let high: Int
    /// Their cosine similarity.
    public let similarity: Float
  }

  /// Finds the nearest rows of each row and joins the similar ones.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]`.
  ///   - neighbours: `k`, at least 1.
  ///   - threshold: The similarity above which two rows are joined; -1 to 1.
  /// - Throws: ``CurationError`` if an option is outside of its range.
  public init(
    of matrix: EmbeddingMatrix, neighbours: Int, threshold: Double
  ) throws(CurationError) {
    guard threshold >= -1, threshold <= 1 else {
      throw .usage(problem: "the threshold is \(threshold); a cosine from -1 to 1 was expected")
    }
    // A similarity that is the threshold itself, rounded to float32, is not above it.
    let limit = Float(threshold)
    var edges: [Edge] = []
    var directed = 0
    var sets = DisjointSets(count: matrix.rowCount)
    var (all, nearest) = (SimilarityHistogram(), SimilarityHistogram())
    var earlier = Set<SIMD2<Int>>()
    try CosineSearch(matrix).forEachNeighbourhood(count: neighbours) { row, found in
      if let first = found.first { nearest.add(first.similarity) }
      for neighbour in found {
        all.add(neighbour.similarity)
        guard neighbour.similarity > limit else { continue }
        directed += 1
        sets.join(row, neighbour.row)
        let pair = SIMD2(min(row, neighbour.row), max(row, neighbour.row))
        guard earlier.insert(pair).inserted else { continue }
        edges.append(Edge(low: pair[0], high: pair[1], similarity: neighbour.similarity))
      }
    }
    self.edges = edges
    directedEdgeCount = directed
    labels = sets.labels()
    similarities = all
    nearestSimilarities = nearest
  }

  /// The rows of each component in ascending order, components in order of their smallest rows.
  public var components: [[Int]] {
    var members: [Int: [Int]] = [:]
    for (row, label) in labels.enumerated() { members[label, default: []].append(row) }
    return members.keys.sorted().map { members[$0] ?? [] }
  }
}
