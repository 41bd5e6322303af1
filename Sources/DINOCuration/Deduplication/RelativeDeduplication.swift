/// Drops the rows of a pool that are near-duplicates of reference rows, such as the images of a
/// benchmark.
///
/// Pool and references are searched as one set, references after the pool.
///
/// Source: Oquab et al., 2023, appendix A.3: similarity above 0.45; components that contain a reference
/// image are discarded. The pool is meant to be free of duplicates of its own before.
public struct RelativeDeduplication: Sendable {
  /// Which rows are dropped.
  public enum Reading: String, Codable, CaseIterable, Sendable {
    /// All rows of a connected component that contains a reference: what the paper says.
    case component
    /// Only rows that are themselves similar to a reference.
    case direct
  }

  /// The cosine similarity above which two rows are near-duplicates.
  public var threshold = 0.45
  /// The number of nearest rows that are looked at for each row.
  public var neighbours = 64
  /// Which rows are dropped.
  public var reading = Reading.component

  /// Called from several threads with the share of the work that is done, 0 to 1.
  public var progress: (@Sendable (Double) -> Void)?

  /// Near-duplicates as in the paper.
  public init() {}

  /// A row of the pool that is dropped.
  public struct Match: Sendable, Equatable {
    /// The row of the pool.
    public let row: Int
    /// The most similar reference with an edge to it, otherwise the first of its component.
    public let reference: Int
    /// The similarity to the reference; nil if they are joined through other rows only.
    public let similarity: Float?
  }

  /// What was found.
  public struct Result: Sendable {
    /// The rows of the pool that are kept, ascending.
    public let kept: [Int]
    /// The rows of the pool that are dropped, ascending, and why.
    public let dropped: [Match]
    /// The graph over the pool and, after it, the references.
    public let graph: SimilarityGraph
  }

  /// Finds the rows of a pool that are like a reference.
  ///
  /// - Parameters:
  ///   - pool: `[N, D]`.
  ///   - references: `[R, D]`.
  /// - Returns: Which rows of the pool are kept, and why the others are not.
  /// - Throws: ``CurationError`` if the widths differ or an option is outside of its range.
  public func callAsFunction(
    _ pool: EmbeddingMatrix, references: EmbeddingMatrix
  ) throws(CurationError) -> Result {
    let joint = try pool.joined(with: references)
    let graph = try SimilarityGraph(
      of: joint, neighbours: neighbours, threshold: threshold, progress: progress)
    let direct = nearestReferences(graph, poolCount: pool.rowCount)
    var referenceOf: [Int: Int] = [:]
    for reference in 0..<references.rowCount {
      let label = graph.labels[pool.rowCount + reference]
      if referenceOf[label] == nil { referenceOf[label] = reference }
    }
    var kept: [Int] = []
    var dropped: [Match] = []
    for row in 0..<pool.rowCount {
      if let match = direct[row] {
        dropped.append(match)
      } else if reading == .component, let reference = referenceOf[graph.labels[row]] {
        dropped.append(Match(row: row, reference: reference, similarity: nil))
      } else {
        kept.append(row)
      }
    }
    return Result(kept: kept, dropped: dropped, graph: graph)
  }

  /// The most similar reference with an edge to each row of the pool; the first of equals.
  private func nearestReferences(_ graph: SimilarityGraph, poolCount: Int) -> [Int: Match] {
    var matches: [Int: Match] = [:]
    for edge in graph.edges where edge.low < poolCount && edge.high >= poolCount {
      let found = Match(
        row: edge.low, reference: edge.high - poolCount, similarity: edge.similarity)
      if let known = matches[edge.low], let similarity = known.similarity,
        similarity > edge.similarity
          || (similarity == edge.similarity && known.reference < found.reference)
      {
        continue
      }
      matches[edge.low] = found
    }
    return matches
  }
}
