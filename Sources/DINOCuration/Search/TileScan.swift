internal import Torch

/// Numbers as a product of matrices leaves them.
protocol ScoreElement: BitwiseCopyable {
  /// Sixteen numbers.
  static func load(_ source: UnsafeRawPointer) -> SIMD16<Float>
  /// One number.
  static func one(_ source: UnsafeRawPointer) -> Float
}

extension Float: ScoreElement {
  static func load(_ source: UnsafeRawPointer) -> SIMD16<Float> {
    unsafe source.loadUnaligned(as: SIMD16<Float>.self)
  }

  static func one(_ source: UnsafeRawPointer) -> Float {
    unsafe source.loadUnaligned(as: Float.self)
  }
}

/// The upper half of a float32.
struct BFloat16Bits: ScoreElement {
  private let bits: UInt16

  static func load(_ source: UnsafeRawPointer) -> SIMD16<Float> {
    let bits = unsafe source.loadUnaligned(as: SIMD16<UInt16>.self)
    let wide = SIMD16<UInt32>(truncatingIfNeeded: bits) &<< 16
    return unsafe unsafeBitCast(wide, to: SIMD16<Float>.self)
  }

  static func one(_ source: UnsafeRawPointer) -> Float {
    Float(bitPattern: UInt32(unsafe source.loadUnaligned(as: UInt16.self)) << 16)
  }
}

/// Similarities of a block of queries to a block of rows, `[Q, N]`, and what they are passed on to.
struct ScoreTile {
  /// The queries by the numbers of their lists.
  let queries: Range<Int>
  /// The rows.
  let rows: Range<Int>
  /// The distance from the similarities of a query to those of the next, in values.
  let stride: Int
  /// What makes of the number of a list that of its row, where queries are rows.
  let offset: Int

  /// Who hears of a similarity.
  enum Direction {
    /// The query.
    case queries
    /// The query, unless the row is itself.
    case otherQueries
    /// The query and the row, which has a list too.
    case both
  }

  /// Adds to the lists every row that could be near.
  func scan(
    _ scores: UnsafeRawPointer, isHalf: Bool, _ direction: Direction, into lists: QueryLists
  ) {
    switch (isHalf, direction) {
    case (true, .both): unsafe scanBothWays(scores, as: BFloat16Bits.self, into: lists)
    case (false, .both): unsafe scanBothWays(scores, as: Float.self, into: lists)
    case (true, _): unsafe scan(scores, as: BFloat16Bits.self, direction, into: lists)
    case (false, _): unsafe scan(scores, as: Float.self, direction, into: lists)
    }
  }

  private func scan<Element: ScoreElement>(
    _ scores: UnsafeRawPointer, as type: Element.Type, _ direction: Direction,
    into lists: QueryLists
  ) {
    let size = MemoryLayout<Element>.size
    for position in 0..<queries.count {
      let query = queries.lowerBound + position
      let line = unsafe scores + position * stride * size
      var threshold = unsafe lists.thresholds[query]
      let excluded = direction == .otherQueries ? query + offset - rows.lowerBound : -1
      func look(_ column: Int) {
        let score = unsafe Element.one(line + column * size)
        guard score >= threshold, column != excluded else { return }
        threshold = lists.add(query, rows.lowerBound + column, score)
      }
      var column = 0
      while column + 16 <= rows.count {
        if any(unsafe Element.load(line + column * size) .>= threshold) {
          for lane in column..<(column + 16) { look(lane) }
        }
        column += 16
      }
      while column < rows.count {
        look(column)
        column += 1
      }
    }
  }

  private func scanBothWays<Element: ScoreElement>(
    _ scores: UnsafeRawPointer, as type: Element.Type, into lists: QueryLists
  ) {
    let size = MemoryLayout<Element>.size
    let firstList = rows.lowerBound - offset
    let rowThresholds = unsafe lists.thresholds + firstList
    for position in 0..<queries.count {
      let query = queries.lowerBound + position
      let line = unsafe scores + position * stride * size
      var threshold = unsafe lists.thresholds[query]
      func look(_ column: Int) {
        let score = unsafe Element.one(line + column * size)
        if score >= threshold { threshold = lists.add(query, rows.lowerBound + column, score) }
        if unsafe score >= rowThresholds[column] {
          _ = lists.add(firstList + column, query + offset, score)
        }
      }
      var column = 0
      while column + 16 <= rows.count {
        let values = unsafe Element.load(line + column * size)
        let limits = unsafe UnsafeRawPointer(rowThresholds + column)
          .loadUnaligned(as: SIMD16<Float>.self)
        if any((values .>= threshold) .| (values .>= limits)) {
          for lane in column..<(column + 16) { look(lane) }
        }
        column += 16
      }
      while column < rows.count {
        look(column)
        column += 1
      }
    }
  }
}

/// The candidates of all queries; each query is changed by one thread at a time.
@safe final class QueryLists: @unchecked Sendable {
  /// The thresholds of the lists, side by side so that sixteen are read at once.
  let thresholds: UnsafeMutablePointer<Float>
  private let lists: UnsafeMutablePointer<CandidateList>
  private let count: Int

  /// Empty lists.
  init(count: Int, limit: Int, error: Float) {
    self.count = count
    unsafe thresholds = .allocate(capacity: max(count, 1))
    unsafe lists = .allocate(capacity: max(count, 1))
    unsafe thresholds.initialize(repeating: -.infinity, count: count)
    unsafe lists.initialize(repeating: CandidateList(limit: limit, error: error), count: count)
  }

  deinit {
    unsafe lists.deinitialize(count: count)
    unsafe lists.deallocate()
    unsafe thresholds.deallocate()
  }

  /// Adds a candidate and tells the query's threshold.
  func add(_ query: Int, _ row: Int, _ score: Float) -> Float {
    unsafe lists[query].add(row, score)
    let threshold = unsafe lists[query].threshold
    unsafe thresholds[query] = threshold
    return threshold
  }

  /// The candidates of a query, whose list is empty afterwards.
  func take(_ query: Int) -> [Int32] {
    unsafe lists[query].compact()
    defer { unsafe lists[query].clear() }
    return unsafe lists[query].rows
  }
}
