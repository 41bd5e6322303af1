internal import Synchronization
internal import Torch

/// Exact search for the most similar rows of a pool by cosine similarity.
///
///     m(s, r) = f(s) · f(r) / (‖f(s)‖ ‖f(r)‖)
///
/// Source: Oquab et al., 2023, section 3 (self-supervised image retrieval).
///
/// Blocks of queries meet blocks of the pool in products of matrices, in bfloat16 or 16-bit integers where
/// the processor multiplies them faster; the `[Q, N]` similarities are never held whole, and those of a
/// pool with itself are computed once for both directions. The products only sort out, by a bound of their
/// error: what could be among the nearest is computed once more in double precision and rounded to
/// float32, and that decides. So the result is a function of the embeddings alone: it does not depend on the
/// sizes of blocks, on the number of threads or on the processor. Rows of equal similarity are in order of
/// their number.
public struct CosineSearch: Sendable {
  /// The rows that are looked for.
  public let pool: EmbeddingMatrix
  /// Queries that are answered together; only time and memory depend on it.
  public var queryBlock = 1024
  /// Rows of the pool that are read together; only time and memory depend on it.
  public var poolBlock = 2048
  /// Called from several threads with the share of the work that is done, 0 to 1.
  public var progress: (@Sendable (Double) -> Void)?
  /// What products are computed in; only time depends on it.
  var precision = UnitRows.Precision.best
  /// The most bytes that the candidates of the queries may take, of which the rest waits.
  var candidateBytes = 4 << 30

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
    try forEachQuery(of: queries, count: count) { _, found in table.append(found) }
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
    try forEachQuery(of: nil, count: count, body)
  }

  /// Calls a closure with the nearest rows of each query, in order; those of each other row if there are
  /// no queries.
  private func forEachQuery(
    of queries: EmbeddingMatrix?, count: Int, _ body: (Int, [Neighbour]) -> Void
  ) throws(CurationError) {
    if let queries { try pool.checkWidth(of: queries) }
    guard count >= 1 else {
      throw .usage(problem: "\(count) neighbours were asked for; at least 1 is needed")
    }
    guard pool.rowCount <= Int(Int32.max) else {
      throw .usage(
        problem: "\(pool.source): \(pool.rowCount) rows; at most \(Int32.max) are searched at once")
    }
    let asked = queries ?? pool
    let limit = min(count, max(pool.rowCount, 1))
    let together = max(queryBlock, candidateBytes / CandidateList.byteCount(limit: limit) & ~1023)
    let poolRows = try UnitRows(pool, 0..<pool.rowCount, precision)
    let exact = try ExactCosines(pool)
    let meter = Meter(total: asked.rowCount * pool.rowCount, report: progress)
    for part in RowBlocks(count: asked.rowCount, size: together) {
      let lists = QueryLists(
        count: part.count, limit: limit, error: precision.error(columns: pool.columns))
      let scan = PartScan(
        search: self, part: part, poolRows: poolRows,
        queryRows: queries == nil ? nil : try UnitRows(asked, part, precision), lists: lists,
        meter: meter)
      try scan.run()
      try finish(part, of: asked, count: count, lists, exact, body)
    }
  }

  /// Compares the candidates exactly and passes the nearest on.
  private func finish(
    _ part: Range<Int>, of queries: EmbeddingMatrix, count: Int, _ lists: QueryLists,
    _ exact: ExactCosines, _ body: (Int, [Neighbour]) -> Void
  ) throws(CurationError) {
    for block in RowBlocks(count: part.count, size: 4096) {
      let first = part.lowerBound + block.lowerBound
      let stored = try RowCopy(
        first..<(first + block.count), columns: pool.columns, as: .float32
      ) { rows throws(CurationError) in try queries.storedBlock(rows) }
      let results = Results(count: block.count)
      let counter = Workers.Counter(to: (block.count + 63) / 64)
      try Workers.run(atMost: (block.count + 63) / 64) { () throws(CurationError) in
        while let group = counter.take() {
          for index in (64 * group)..<min(64 * group + 64, block.count) {
            let query = unsafe stored.row(index)
            var found: [Neighbour] = []
            unsafe try exact.forEach(
              query, factor: queries.inverseNorms[first + index],
              rows: lists.take(block.lowerBound + index)
            ) { row, similarity in found.append(Neighbour(row: row, similarity: similarity)) }
            found.sort { $0.precedes($1) }
            if found.count > count { found.removeLast(found.count - count) }
            results.set(index, found)
          }
        }
      }
      for index in 0..<block.count { body(first + index, results.take(index)) }
    }
  }
}

/// What several threads find for queries of their own.
@safe private final class Results: @unchecked Sendable {
  // Each place is written by one thread, and read when all have ended.
  private let places: UnsafeMutablePointer<[Neighbour]>
  private let count: Int

  init(count: Int) {
    self.count = count
    unsafe places = .allocate(capacity: max(count, 1))
    unsafe places.initialize(repeating: [], count: count)
  }

  deinit {
    unsafe places.deinitialize(count: count)
    unsafe places.deallocate()
  }

  func set(_ index: Int, _ found: [Neighbour]) { unsafe places[index] = found }

  func take(_ index: Int) -> [Neighbour] { unsafe places[index] }
}

/// Adds up how much of the work is done.
private final class Meter: Sendable {
  private let done = Atomic<Int>(0)
  private let total: Int
  private let report: (@Sendable (Double) -> Void)?

  init(total: Int, report: (@Sendable (Double) -> Void)?) {
    self.total = max(total, 1)
    self.report = report
  }

  func add(_ count: Int) {
    guard let report else { return }
    let done = done.add(count, ordering: .relaxed).newValue
    report(min(Double(done) / Double(total), 1))
  }
}

/// The search for some of the queries.
private struct PartScan: Sendable {
  let search: CosineSearch
  /// The queries; their lists are counted from 0.
  let part: Range<Int>
  let poolRows: UnitRows
  /// nil if the pool is searched for itself.
  let queryRows: UnitRows?
  let lists: QueryLists
  let meter: Meter

  private var isHalf: Bool { search.precision == .bfloat16 }

  func run() throws(CurationError) {
    guard queryRows == nil else { return try scanRectangle(0..<search.pool.rowCount) }
    // Rows within the part meet each other once for both; all others meet them one way.
    try scanTriangle()
    try scanRectangle(0..<part.lowerBound)
    try scanRectangle(part.upperBound..<search.pool.rowCount)
  }

  /// Queries and rows of which none is the other.
  private func scanRectangle(_ rows: Range<Int>) throws(CurationError) {
    guard !rows.isEmpty else { return }
    let size = max(search.queryBlock, 1)
    let blocks = (part.count + size - 1) / size
    let counter = Workers.Counter(to: blocks)
    try Workers.run(atMost: blocks) { () throws(CurationError) in
      while let number = counter.take() {
        let block = (number * size)..<min(number * size + size, part.count)
        let queries = try (queryRows ?? poolRows).block(shifted(block))
        for found in RowBlocks(count: rows.count, size: search.poolBlock) {
          let other = (rows.lowerBound + found.lowerBound)..<(rows.lowerBound + found.upperBound)
          unsafe try queries.forEachProduct(with: try poolRows.block(other)) { products, scores in
            let tile = tile(products, block, other)
            unsafe tile.scan(scores, isHalf: isHalf, .queries, into: lists)
          }
          meter.add(block.count * other.count)
        }
      }
    }
  }

  /// The rows of the part among themselves.
  private func scanTriangle() throws(CurationError) {
    let size = max(search.queryBlock, 1)
    let blocks = (part.count + size - 1) / size
    let counter = Workers.Counter(to: blocks)
    let locks = (0..<blocks).map { _ in BlockLock() }
    @Sendable func range(_ number: Int) -> Range<Int> {
      (number * size)..<min(number * size + size, part.count)
    }
    try Workers.run(atMost: blocks) { () throws(CurationError) in
      while let number = counter.take() {
        let block = range(number)
        let queries = try poolRows.block(shifted(block))
        for other in number..<blocks {
          let rows = shifted(range(other))
          unsafe try queries.forEachProduct(with: try poolRows.block(rows)) { products, scores in
            let tile = tile(products, block, rows)
            // In order of the numbers, so that no two threads wait for each other.
            locks[number].mutex.withLock { _ in
              guard other > number else {
                return unsafe tile.scan(scores, isHalf: isHalf, .otherQueries, into: lists)
              }
              locks[other].mutex.withLock { _ in
                unsafe tile.scan(scores, isHalf: isHalf, .both, into: lists)
              }
            }
          }
          meter.add((other > number ? 2 : 1) * block.count * rows.count)
        }
      }
    }
  }

  private func shifted(_ rows: Range<Int>) -> Range<Int> {
    (part.lowerBound + rows.lowerBound)..<(part.lowerBound + rows.upperBound)
  }

  /// Where products of a block of queries with a block of rows belong.
  private func tile(
    _ products: ProductRows.Block.Products, _ queries: Range<Int>, _ rows: Range<Int>
  ) -> ScoreTile {
    ScoreTile(
      queries: queries.lowerBound + products.rows.lowerBound..<queries.lowerBound
        + products.rows.upperBound,
      rows: rows.lowerBound + products.others.lowerBound..<rows.lowerBound
        + products.others.upperBound, stride: products.stride, offset: part.lowerBound)
  }

  /// The right to change the lists of a block.
  private final class BlockLock: Sendable { let mutex = Mutex(()) }
}
