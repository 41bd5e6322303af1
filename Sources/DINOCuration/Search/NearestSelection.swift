/// The nearest rows of one query among those that passed by so far.
///
/// Scores of a float32 product only sort out: whatever could belong to the nearest rows, given the
/// largest possible error of the product, is computed once more exactly, and that decides.
struct NearestSelection {
  /// The nearest rows, most similar first.
  private(set) var nearest: [Neighbour] = []
  private var pending: [Int] = []
  private let limit: Int

  /// Prepares to keep `limit` rows, at least 1.
  init(limit: Int) { self.limit = limit }

  /// Looks at the scores of consecutive rows.
  ///
  /// - Parameters:
  ///   - scores: Approximate similarities.
  ///   - firstRow: The row of the first score.
  ///   - excluded: A row that does not count, or nil.
  ///   - error: The largest deviation of a score from the exact similarity.
  ///   - exact: Computes the similarity of a row.
  mutating func absorb(
    _ scores: UnsafeBufferPointer<Float>, firstRow: Int, excluded: Int?, error: Float,
    exact: (Int) -> Float
  ) {
    var threshold = threshold(error)
    var position = 0
    while let found = unsafe ScoreScan.first(in: scores, from: position, atLeast: threshold) {
      position = found + 1
      if firstRow + found == excluded { continue }
      pending.append(firstRow + found)
      guard pending.count >= limit + 64 else { continue }
      settle(exact)
      threshold = self.threshold(error)
    }
    settle(exact)
  }

  /// The lowest score that a row among the nearest could have.
  private func threshold(_ error: Float) -> Float {
    guard nearest.count == limit, let last = nearest.last else { return -.infinity }
    return last.similarity - error
  }

  private mutating func settle(_ exact: (Int) -> Float) {
    guard !pending.isEmpty else { return }
    for row in pending {
      let found = Neighbour(row: row, similarity: exact(row))
      if nearest.count == limit, let last = nearest.last, !found.precedes(last) { continue }
      insert(found)
    }
    pending.removeAll(keepingCapacity: true)
  }

  /// Puts a row at its place, by bisection.
  private mutating func insert(_ found: Neighbour) {
    var (low, high) = (0, nearest.count)
    while low < high {
      let middle = (low + high) / 2
      if nearest[middle].precedes(found) { low = middle + 1 } else { high = middle }
    }
    nearest.insert(found, at: low)
    if nearest.count > limit { nearest.removeLast() }
  }
}
