/// A number of draws, divided as evenly as the sizes of parts allow.
///
/// Every part gives all it has up to a cut; the cut is the largest integer for which no more than the
/// target is given. What is missing is given one each by parts that are larger than the cut.
///
/// Source: Vo et al., 2024, section 3.4.
public struct BalancedSplit: Sendable, Equatable {
  /// The largest number that a part gives; the largest size if everything fits.
  public let cut: Int
  /// What each part gives.
  public let counts: [Int]
  /// What is missing from the target; fewer than there are candidates, 0 if everything fits.
  public let remainder: Int
  /// The parts that are larger than the cut, ascending; empty if everything fits.
  public let candidates: [Int]

  /// Divides a target.
  ///
  /// - Parameters:
  ///   - target: The number of draws, at least 0.
  ///   - sizes: The size of each part, at least 0.
  ///   - multiplier: How often each member may be drawn, at least 1.
  /// - Throws: ``CurationError/usage(problem:)`` if a number is negative or too large.
  public init(
    target: Int, sizes: [Int], multiplier: Int = 1
  ) throws(CurationError) {
    var available: [Int] = []
    var total = 0
    for size in sizes {
      let (product, overflows) = size.multipliedReportingOverflow(by: multiplier)
      let (sum, exceeds) = total.addingReportingOverflow(product)
      guard size >= 0, multiplier >= 1, !overflows, !exceeds else {
        throw .usage(problem: "a part of size \(size) cannot be drawn from \(multiplier) times")
      }
      available.append(product)
      total = sum
    }
    guard target >= 0, multiplier >= 1 else {
      throw .usage(
        problem: "\(target) draws of each at most \(multiplier) times were asked for; at least 0 "
          + "and at least 1 were expected")
    }
    let largest = available.max() ?? 0
    guard total > target else {
      (cut, counts, remainder, candidates) = (largest, available, 0, [])
      return
    }
    // The largest cut whose sum does not exceed the target, by bisection.
    var (low, high) = (0, largest)
    while low < high {
      let middle = low + (high - low + 1) / 2
      let sum = available.reduce(0) { $0 + min(middle, $1) }
      if sum <= target { low = middle } else { high = middle - 1 }
    }
    let limit = low
    cut = limit
    counts = available.map { min(limit, $0) }
    remainder = target - counts.reduce(0, +)
    candidates = available.indices.filter { available[$0] > limit }
  }

  /// What each part gives when the remainder is given by candidates drawn at random.
  ///
  /// - Parameter random: Where the random numbers come from.
  /// - Returns: Counts whose sum is the target, or all there is.
  public func filled(_ random: inout CounterRandom) -> [Int] {
    var result = counts
    for part in random.choose(remainder, of: candidates) { result[part] += 1 }
    return result
  }
}
