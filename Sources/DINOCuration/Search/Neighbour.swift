/// A row that was found, and how similar it is.
public struct Neighbour: Sendable, Equatable {
  /// The row of the pool.
  public let row: Int
  /// The cosine of the angle between both embeddings, -1 to 1; 0 if one of them is zero.
  public let similarity: Float

  /// Creates a neighbour.
  ///
  /// - Parameters:
  ///   - row: The row of the pool.
  ///   - similarity: The cosine similarity.
  public init(row: Int, similarity: Float) {
    self.row = row
    self.similarity = similarity
  }

  /// Whether this neighbour stands before another: more similar, or as similar with a lower row.
  func precedes(_ other: Neighbour) -> Bool {
    similarity > other.similarity || (similarity == other.similarity && row < other.row)
  }
}

/// The nearest rows of each of several queries.
public struct NeighbourTable: Sendable, Equatable {
  /// The number of queries, `Q`.
  public let queryCount: Int
  /// The number of neighbours of each query, `k`.
  public let neighbourCount: Int
  /// The rows found, `[Q, k]`, row by row, most similar first.
  public private(set) var rows: [Int] = []
  /// Their cosine similarities, `[Q, k]`.
  public private(set) var similarities: [Float] = []

  /// A table that ``append(_:)`` fills.
  init(queryCount: Int, neighbourCount: Int) {
    self.queryCount = queryCount
    self.neighbourCount = neighbourCount
    rows.reserveCapacity(queryCount * neighbourCount)
    similarities.reserveCapacity(queryCount * neighbourCount)
  }

  /// Adds the neighbours of the next query.
  mutating func append(_ neighbours: [Neighbour]) {
    for neighbour in neighbours {
      rows.append(neighbour.row)
      similarities.append(neighbour.similarity)
    }
  }

  /// The neighbours of a query, most similar first.
  ///
  /// - Parameter query: The query, below ``queryCount``.
  public subscript(query: Int) -> [Neighbour] {
    (query * neighbourCount..<(query + 1) * neighbourCount).map {
      Neighbour(row: rows[$0], similarity: similarities[$0])
    }
  }
}
