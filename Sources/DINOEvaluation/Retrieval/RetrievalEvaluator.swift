public import Torch

/// Measures rankings, one query at a time.
///
/// Source: Radenovic et al., 2018, section 5; `compute_map` of the revisited Oxford and Paris
/// benchmark, with the average precision by the trapezoid rule.
public struct RetrievalEvaluator: Equatable, Sendable {
  /// What one query found.
  public struct Query: Equatable, Sendable {
    /// The average precision; NaN for a query without positives.
    public var averagePrecision: Double
    /// The precision at each cut; NaN for a query without positives.
    public var precision: [Double]
    /// The share of the positives before each cut; NaN for a query without positives.
    public var recall: [Double]
    /// Whether a positive lies before each cut, 0 or 1; NaN for a query without positives.
    public var hit: [Double]
  }

  /// Where precision and recall are taken: after so many results, without junk.
  public let cuts: [Int]
  /// The queries in the order in which they were added.
  public private(set) var queries: [Query] = []

  /// Creates an evaluation without queries.
  ///
  /// - Parameter cuts: Where precision and recall are taken; numbers below 1 are left out.
  public init(cuts: [Int] = [1, 5, 10]) {
    self.cuts = cuts.filter { $0 > 0 }
  }

  /// Measures the ranking of one query.
  ///
  /// The precision at a cut is taken over at most as many results as the last positive's rank, as in
  /// the original, so that nothing found behind it counts against the query.
  ///
  /// - Parameters:
  ///   - ranking: Gallery rows, best first; may be cut short.
  ///   - truth: What the query should find.
  /// - Returns: The measures.
  @discardableResult
  public mutating func add(_ ranking: [Int], truth: RetrievalTruth) -> Query {
    let query = measure(ranking, truth)
    queries.append(query)
    return query
  }

  private func measure(_ ranking: [Int], _ truth: RetrievalTruth) -> Query {
    let positives = Set(truth.positive)
    guard !positives.isEmpty else {
      let none = cuts.map { _ in Double.nan }
      return Query(averagePrecision: .nan, precision: none, recall: none, hit: none)
    }
    // A row that is listed as both counts as positive, where the original would move it by itself.
    let junk = Set(truth.junk).subtracting(positives)
    var position = 0
    var found: [Int] = []  // Positions of positives without junk, from 0.
    for row in ranking where !junk.contains(row) {
      if positives.contains(row) { found.append(position) }
      position += 1
    }
    let last = found.last.map { $0 + 1 } ?? 1
    func before(_ cut: Int) -> Double { Double(found.prefix { $0 < cut }.count) }
    return Query(
      averagePrecision: Self.averagePrecision(found, positives: positives.count),
      precision: cuts.map { before(min(last, $0)) / Double(min(last, $0)) },
      recall: cuts.map { before($0) / Double(positives.count) },
      hit: cuts.map { before($0) > 0 ? 1 : 0 })
  }

  /// The area under precision over recall, by trapezoids.
  ///
  /// - Parameters:
  ///   - positions: Positions of the found positives, rising, from 0.
  ///   - positives: The number of all positives.
  /// - Returns: 0 to 1.
  private static func averagePrecision(_ positions: [Int], positives: Int) -> Double {
    var sum = 0.0
    for (index, position) in positions.enumerated() {
      let before = position == 0 ? 1 : Double(index) / Double(position)
      let after = Double(index + 1) / Double(position + 1)
      sum += (before + after) / 2 / Double(positives)
    }
    return sum
  }

  /// The mean average precision over the queries with positives, NaN if there are none.
  public var mAP: Double { mean(\.averagePrecision) }

  /// The mean precision at each cut over the queries with positives.
  public var meanPrecision: [Double] { cuts.indices.map { index in mean { $0.precision[index] } } }

  /// The mean recall at each cut over the queries with positives.
  public var meanRecall: [Double] { cuts.indices.map { index in mean { $0.recall[index] } } }

  /// The share of queries with positives that find one before each cut: recall@k as metric learning
  /// has it.
  public var hitRate: [Double] { cuts.indices.map { index in mean { $0.hit[index] } } }

  private func mean(_ value: (Query) -> Double) -> Double {
    let values = queries.map(value).filter { !$0.isNaN }
    return values.reduce(0, +) / Double(values.count)
  }
}

extension RetrievalEvaluator {
  /// Gallery rows by falling cosine similarity.
  ///
  /// - Parameters:
  ///   - query: Descriptors of queries, `[Q, D]`, of any length.
  ///   - gallery: Descriptors of the gallery, `[N, D]`.
  ///   - limit: At most so many rows; `nil` for all.
  /// - Returns: For each query its rows, best first, and their similarities.
  /// - Throws: `TorchError` if the widths differ or the gallery is empty.
  public static func rankings(
    of query: Tensor, in gallery: Tensor, limit: Int? = nil
  ) throws(TorchError) -> [[(row: Int, similarity: Float)]] {
    try withoutGradient { () throws(TorchError) in
      let (q, _) = try query.shape2()
      let (n, _) = try gallery.shape2()
      guard n > 0 else { throw TorchError("retrieval", "the gallery is empty") }
      let count = Swift.max(Swift.min(limit ?? n, n), 1)
      let known = try gallery.to(dtype: .float32).normalized().transpose(0, 1)  // [D, N]
      var rankings: [[(row: Int, similarity: Float)]] = []
      for start in stride(from: 0, to: q, by: 256) {
        let chunk = try query.narrow(dim: 0, start..<Swift.min(start + 256, q))
        let similarities = try chunk.to(dtype: .float32).normalized().matmul(known)  // [q, N]
        let best = try similarities.topK(count, dim: 1)
        let rows = try best.indices.array(of: Int64.self)
        let values = try best.values.floats()
        for first in stride(from: 0, to: rows.count, by: count) {
          rankings.append((first..<first + count).map { (Int(rows[$0]), values[$0]) })
        }
      }
      return rankings
    }
  }
}
