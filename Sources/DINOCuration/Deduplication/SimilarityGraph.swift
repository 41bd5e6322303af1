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
  /// A few pairs of every similarity, to look at.
  public let examples: [Edge]

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
  ///   - progress: Called from several threads with the share of the work that is done.
  /// - Throws: ``CurationError`` if an option is outside of its range.
  public init(
    of matrix: EmbeddingMatrix, neighbours: Int, threshold: Double,
    progress: (@Sendable (Double) -> Void)? = nil
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
    var examples = PairExamples()
    // The first edge of each row to a higher one; rows come in order.
    var firstEdges: [Int] = []
    firstEdges.reserveCapacity(matrix.rowCount + 1)
    var search = CosineSearch(matrix)
    search.progress = progress
    try search.forEachNeighbourhood(count: neighbours) { row, found in
      firstEdges.append(edges.count)
      if let first = found.first { nearest.add(first.similarity) }
      for neighbour in found {
        all.add(neighbour.similarity)
        if row < neighbour.row { examples.add(row, neighbour.row, neighbour.similarity) }
        guard neighbour.similarity > limit else { continue }
        directed += 1
        sets.join(row, neighbour.row)
        if neighbour.row < row {
          let known = edges[firstEdges[neighbour.row]..<firstEdges[neighbour.row + 1]]
          if known.contains(where: { $0.low == neighbour.row && $0.high == row }) { continue }
        }
        let (low, high) = (min(row, neighbour.row), max(row, neighbour.row))
        edges.append(Edge(low: low, high: high, similarity: neighbour.similarity))
      }
    }
    self.examples = examples.pairs
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
