/// Keeps one of each group of near-duplicates.
///
/// Rows that are more similar than a threshold are joined if either is among the other's `k` nearest;
/// of each connected component one row is kept.
///
/// Source: Oquab et al., 2023, section 3 and appendix A.3: `k = 64`, similarity above 0.6. The paper
/// does not say which image of a component is kept.
public struct SelfDeduplication: Sendable {
  /// Which row of a component is kept.
  public enum Representative: Sendable, Equatable {
    /// The lowest row.
    case lowestRow
    /// The row with the highest of given scores, one per row, such as the number of pixels; the lowest
    /// of equals.
    case highestScore([Double])
    /// The row with the most edges; the lowest of equals.
    case mostConnected
  }

  /// The cosine similarity above which two rows are near-duplicates.
  public var threshold = 0.6
  /// The number of nearest rows that are looked at for each row.
  public var neighbours = 64
  /// Which row of a component is kept.
  public var representative = Representative.lowestRow

  /// Called from several threads with the share of the work that is done, 0 to 1.
  public var progress: (@Sendable (Double) -> Void)?

  /// Near-duplicates as in the paper.
  public init() {}

  /// What was found.
  public struct Result: Sendable {
    /// The rows that are kept, ascending.
    public let kept: [Int]
    /// The kept row of the component of each row; a kept row stands for itself.
    public let representatives: [Int]
    /// The graph that decided.
    public let graph: SimilarityGraph
    /// The number of rows of the largest component; 0 without rows.
    public let largestComponent: Int

    /// The number of components, which is the number of kept rows.
    public var componentCount: Int { kept.count }
    /// The rows that are dropped, ascending.
    public var dropped: [Int] {
      representatives.indices.filter { representatives[$0] != $0 }
    }
  }

  /// Finds near-duplicates.
  ///
  /// - Parameter matrix: `[N, D]`.
  /// - Returns: Which rows are kept, and for which others they stand.
  /// - Throws: ``CurationError`` if an option is outside of its range.
  public func callAsFunction(_ matrix: EmbeddingMatrix) throws(CurationError) -> Result {
    if case .highestScore(let scores) = representative, scores.count != matrix.rowCount {
      throw .usage(problem: "\(scores.count) scores were given for \(matrix.rowCount) rows")
    }
    let graph = try SimilarityGraph(
      of: matrix, neighbours: neighbours, threshold: threshold, progress: progress)
    var representatives = graph.labels
    let components = graph.components
    let scores = scores(graph)
    for component in components {
      guard var best = component.first else { continue }
      // Scores that are not comparable (NaN) never win.
      for row in component where scores[row] > scores[best] { best = row }
      for row in component { representatives[row] = best }
    }
    return Result(
      kept: representatives.indices.filter { representatives[$0] == $0 },
      representatives: representatives, graph: graph,
      largestComponent: components.map(\.count).max() ?? 0)
  }

  private func scores(_ graph: SimilarityGraph) -> [Double] {
    switch representative {
    case .lowestRow: return [Double](repeating: 0, count: graph.labels.count)
    case .highestScore(let scores): return scores.map { $0.isNaN ? -.infinity : $0 }
    case .mostConnected:
      var degrees = [Double](repeating: 0, count: graph.labels.count)
      for edge in graph.edges {
        degrees[edge.low] += 1
        degrees[edge.high] += 1
      }
      return degrees
    }
  }
}
