/// Rows that could be among the nearest of a query, by approximate similarities.
///
/// With approximations that are off by at most `error`, each of the nearest `limit` rows has one that is at
/// least the `limit`-th largest less `2 · error`: what is below is dropped, the rest is compared exactly in
/// the end.
struct CandidateList {
  private var scores: [Float] = []
  private(set) var rows: [Int32] = []
  private var capacity: Int
  private let limit: Int
  private let margin: Float

  /// An approximation below this is of no use; rises as rows are added.
  private(set) var threshold = -Float.infinity

  /// The bytes that a list takes as long as few rows are nearly equal.
  static func byteCount(limit: Int) -> Int { 8 * startCapacity(limit) + 64 }

  private static func startCapacity(_ limit: Int) -> Int { limit + limit / 2 + 64 }

  /// Prepares to keep the nearest `limit` rows, at least 1.
  init(limit: Int, error: Float) {
    self.limit = limit
    margin = 2 * error
    capacity = Self.startCapacity(limit)
  }

  /// Adds a row whose approximate similarity is not below ``threshold``.
  mutating func add(_ row: Int, _ score: Float) {
    scores.append(score)
    rows.append(Int32(truncatingIfNeeded: row))
    if scores.count >= capacity { compact() }
  }

  /// Drops rows that cannot be among the nearest.
  mutating func compact() {
    guard scores.count > limit else { return }
    var copy = scores
    threshold = copy.largest(limit) - margin
    var kept = 0
    for index in scores.indices where scores[index] >= threshold {
      scores[kept] = scores[index]
      rows[kept] = rows[index]
      kept += 1
    }
    scores.removeLast(scores.count - kept)
    rows.removeLast(rows.count - kept)
    // Many nearly equal rows must not be looked through at every step.
    if 4 * kept > 3 * capacity { capacity = 2 * kept + 128 }
  }

  /// Frees the memory.
  mutating func clear() { (scores, rows) = ([], []) }
}

extension [Float] {
  /// The `rank`-th largest value; the array is reordered.
  ///
  /// Source: Hoare, 1961 (Find).
  fileprivate mutating func largest(_ rank: Int) -> Float {
    unsafe withUnsafeMutableBufferPointer { values in
      var (low, high) = (0, values.count - 1)
      let place = rank - 1
      while low < high {
        let pivot = unsafe values[low + (high - low) / 2]
        var (left, right) = (low, high)
        while left <= right {
          while unsafe values[left] > pivot { left += 1 }
          while unsafe values[right] < pivot { right -= 1 }
          if left <= right {
            unsafe values.swapAt(left, right)
            left += 1
            right -= 1
          }
        }
        if place <= right { high = right } else if place >= left { low = left } else { break }
      }
      return unsafe values[place]
    }
  }
}
