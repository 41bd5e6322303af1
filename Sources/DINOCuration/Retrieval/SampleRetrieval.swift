/// Takes the rows of a pool that are nearest to each seed.
///
/// Source: Oquab et al., 2023, section 3 and table 15: four neighbours for seed sets of more than a
/// million images, 32 for ImageNet-1k. The table counts seeds times neighbours; rows that several
/// seeds bring are the same images.
public struct SampleRetrieval: Sendable {
  /// The number of rows for each seed.
  public var neighbours: Int

  /// Called from several threads with the share of the work that is done, 0 to 1.
  public var progress: (@Sendable (Double) -> Void)?

  /// Describes the retrieval.
  ///
  /// - Parameter neighbours: The number of rows for each seed, at least 1.
  public init(neighbours: Int) { self.neighbours = neighbours }

  /// A row of the pool that was retrieved.
  public struct Retrieved: Sendable, Equatable {
    /// The row of the pool.
    public let row: Int
    /// The seed that it is most similar to, of those that brought it; the lowest of equals.
    public let seed: Int
    /// The similarity to that seed.
    public let similarity: Float
    /// The number of seeds that brought it.
    public let seedCount: Int
  }

  /// What was retrieved.
  public struct Result: Sendable {
    /// The rows for each seed, `[Q, k]`, most similar first.
    public let table: NeighbourTable
    /// The distinct rows, ascending, with the seed that brought each.
    public let retrieved: [Retrieved]

    /// The number of rows when one that several seeds bring counts as often.
    public var countWithMultiplicity: Int { table.rows.count }
    /// The distinct rows, ascending.
    public var rows: [Int] { retrieved.map(\.row) }
  }

  /// Retrieves rows.
  ///
  /// - Parameters:
  ///   - pool: `[N, D]`.
  ///   - seeds: `[Q, D]`.
  /// - Returns: The nearest rows of each seed and their union.
  /// - Throws: ``CurationError`` if the widths differ or the number of neighbours is below 1.
  public func callAsFunction(
    from pool: EmbeddingMatrix, seeds: EmbeddingMatrix
  ) throws(CurationError) -> Result {
    var search = CosineSearch(pool)
    search.progress = progress
    let table = try search.nearest(to: seeds, count: neighbours)
    var best: [Int: Retrieved] = [:]
    for seed in 0..<table.queryCount {
      for found in table[seed] {
        let known = best[found.row]
        let keeps = known.map { $0.similarity >= found.similarity } ?? false
        best[found.row] = Retrieved(
          row: found.row, seed: keeps ? known?.seed ?? seed : seed,
          similarity: keeps ? known?.similarity ?? found.similarity : found.similarity,
          seedCount: (known?.seedCount ?? 0) + 1)
      }
    }
    return Result(table: table, retrieved: best.values.sorted { $0.row < $1.row })
  }
}
