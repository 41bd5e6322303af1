internal import Torch

/// Exact search for the most similar rows of a pool by cosine similarity.
///
///     m(s, r) = f(s) · f(r) / (‖f(s)‖ ‖f(r)‖)
///
/// Source: Oquab et al., 2023, section 3 (self-supervised image retrieval).
///
/// Blocks of queries meet blocks of the pool in float32 matrix products; the `[Q, N]` similarities are
/// never held whole. What decides is computed in double precision and rounded to float32, so that the
/// result is a function of the embeddings alone: it does not depend on the sizes of blocks or on the
/// number of threads. Rows of equal similarity are in order of their number.
public struct CosineSearch: Sendable {
  /// The rows that are looked for.
  public let pool: EmbeddingMatrix
  /// Queries that are answered together; only time and memory depend on it.
  public var queryBlock = 4096
  /// Rows of the pool that are read together; only time and memory depend on it.
  public var poolBlock = 4096

  /// Prepares to search a pool.
  ///
  /// - Parameter pool: The rows that are looked for; whether they are normalised does not matter.
  public init(_ pool: EmbeddingMatrix) { self.pool = pool }

  /// The nearest rows of each query.
  ///
  /// - Parameters:
  ///   - queries: `[Q, D]`.
  ///   - count: How many neighbours, at least 1; all rows if the pool has fewer.
  /// - Returns: A table `[Q, min(count, N)]`.
  /// - Throws: ``CurationError`` if the widths differ or `count` is below 1.
  public func nearest(
    to queries: EmbeddingMatrix, count: Int
  ) throws(CurationError) -> NeighbourTable {
    var table = NeighbourTable(
      queryCount: queries.rowCount, neighbourCount: min(max(count, 0), pool.rowCount))
    try forEachQuery(of: queries, count: count, excludesSelf: false) { _, found in
      table.append(found)
    }
    return table
  }

  /// The nearest other rows of each row of the pool: the k-nearest-neighbour graph.
  ///
  /// - Parameter count: How many neighbours, at least 1; all other rows if there are fewer.
  /// - Returns: A table `[N, min(count, N - 1)]`, without each row itself but with its duplicates.
  /// - Throws: ``CurationError`` if `count` is below 1.
  public func neighbours(count: Int) throws(CurationError) -> NeighbourTable {
    var table = NeighbourTable(
      queryCount: pool.rowCount, neighbourCount: min(max(count, 0), max(pool.rowCount - 1, 0)))
    try forEachNeighbourhood(count: count) { _, found in table.append(found) }
    return table
  }

  /// Calls a closure with the nearest other rows of each row of the pool, in order of the rows.
  ///
  /// - Parameters:
  ///   - count: How many neighbours, at least 1; all other rows if there are fewer.
  ///   - body: Gets a row and its neighbours, most similar first.
  /// - Throws: ``CurationError`` if `count` is below 1.
  public func forEachNeighbourhood(
    count: Int, _ body: (_ row: Int, _ neighbours: [Neighbour]) -> Void
  ) throws(CurationError) {
    try forEachQuery(of: pool, count: count, excludesSelf: true, body)
  }

  private func forEachQuery(
    of queries: EmbeddingMatrix, count: Int, excludesSelf: Bool,
    _ body: (Int, [Neighbour]) -> Void
  ) throws(CurationError) {
    try pool.checkWidth(of: queries)
    guard count >= 1 else {
      throw .usage(problem: "\(count) neighbours were asked for; at least 1 is needed")
    }
    for block in RowBlocks(count: queries.rowCount, size: queryBlock) {
      var selections = [NearestSelection](
        repeating: NearestSelection(limit: count), count: block.count)
      let unit = try queries.unitBlock(block)
      let stored = try queries.storedBlock(block)
      for rows in RowBlocks(count: pool.rowCount, size: poolBlock) {
        let other = try pool.unitBlock(rows)
        let raw = try pool.storedBlock(rows)
        try CurationError.tensors { () throws(TorchError) in
          let pair = BlockPair(
            queries: queries, queryRows: block, pool: pool, poolRows: rows,
            excludesSelf: excludesSelf)
          let scores = try withoutGradient { () throws(TorchError) in
            try unit.matmul(other.transpose(0, 1))  // [Q, N] of the blocks
          }
          try pair.absorb(scores, stored: stored, raw: raw, into: &selections)
        }
      }
      for (offset, selection) in selections.enumerated() {
        body(block.lowerBound + offset, selection.nearest)
      }
    }
  }
}

/// A block of queries and a block of the pool.
private struct BlockPair {
  let queries: EmbeddingMatrix
  let queryRows: Range<Int>
  let pool: EmbeddingMatrix
  let poolRows: Range<Int>
  let excludesSelf: Bool

  /// The largest deviation of a float32 product of unit rows from the exact cosine.
  ///
  /// Source: Higham, 2002, section 3.1: `D` roundings of products and sums; eight more cover those of
  /// the unit rows and of the result.
  private var error: Float { Float(pool.columns + 8) * 0x1p-24 * 1.05 }

  /// Passes the scores on to the selection of each query.
  func absorb(
    _ scores: Tensor, stored: Tensor, raw: Tensor, into selections: inout [NearestSelection]
  ) throws(TorchError) {
    let columns = pool.columns
    unsafe try scores.withFloats { scores throws(TorchError) in
      unsafe try stored.withFloats { stored throws(TorchError) in
        unsafe try raw.withFloats { raw throws(TorchError) in
          unsafe selections.withUnsafeMutableBufferPointer { selections in
            // Each index is touched by one thread only.
            let selections = unsafe selections
            RowBlocks.inParallel(queryRows.count) { part in
              for index in part {
                let query = unsafe stored.row(index, columns)
                let factor = queries.inverseNorms[queryRows.lowerBound + index]
                unsafe selections[index].absorb(
                  scores.row(index, poolRows.count), firstRow: poolRows.lowerBound,
                  excluded: excludesSelf ? queryRows.lowerBound + index : nil, error: error
                ) { row in
                  let other = unsafe raw.row(row - poolRows.lowerBound, columns)
                  let product = unsafe ExactProducts.dot(query, other)
                  return Float(product * (factor * pool.inverseNorms[row]))
                }
              }
            }
          }
        }
      }
    }
  }
}
