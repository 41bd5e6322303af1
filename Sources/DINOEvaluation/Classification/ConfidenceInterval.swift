/// Between which bounds a share lies, by drawing queries again with replacement.
///
/// Source: Efron, 1979; the percentile method.
public struct ConfidenceInterval: Sendable, Equatable {
  /// The lower bound.
  public let lower: Double
  /// The upper bound.
  public let upper: Double
  /// The share of the drawn values that lies between, such as 0.95.
  public let level: Double

  /// Draws the share of hits again and again.
  ///
  /// - Parameters:
  ///   - hits: Whether each query was answered rightly.
  ///   - level: The share of the drawn values between the bounds, above 0 and below 1.
  ///   - draws: How often all queries are drawn, at least 1.
  ///   - seed: Equal seeds give equal bounds.
  /// - Returns: The interval; nil if there is no query or a setting is out of range.
  public static func bootstrap(
    _ hits: [Bool], level: Double = 0.95, draws: Int = 1000, seed: UInt64 = 0
  ) -> ConfidenceInterval? {
    guard !hits.isEmpty, draws > 0, level > 0, level < 1 else { return nil }
    var random = SplitMix64(state: seed)
    let ones = UInt64(hits.count { $0 })
    let bound = UInt64(hits.count)
    // Which query is drawn does not matter, only whether it is one of the hits.
    let shares = (0..<draws).map { _ in
      var drawn = 0
      for _ in hits.indices where random.next(upperBound: bound) < ones { drawn += 1 }
      return Double(drawn) / Double(hits.count)
    }
    return between(shares, level)
  }

  /// Draws images again and again and takes a statistic of each draw.
  ///
  /// - Parameters:
  ///   - count: The number of images.
  ///   - level: The share of the drawn values between the bounds, above 0 and below 1.
  ///   - draws: How often all images are drawn, at least 1.
  ///   - seed: Equal seeds give equal bounds.
  ///   - statistic: The value for the images of a draw, by their numbers.
  /// - Returns: The interval; nil if there is no image or a setting is out of range. Draws whose
  ///   statistic is no number do not count.
  public static func bootstrap(
    of count: Int, level: Double = 0.95, draws: Int = 1000, seed: UInt64 = 0,
    _ statistic: ([Int]) -> Double
  ) -> ConfidenceInterval? {
    guard count > 0, draws > 0, level > 0, level < 1 else { return nil }
    var random = SplitMix64(state: seed)
    let values = (0..<draws).map { _ in
      statistic((0..<count).map { _ in Int(random.next(upperBound: UInt64(count))) })
    }.filter(\.isFinite)
    return values.isEmpty ? nil : between(values, level)
  }

  /// The bounds that leave equal shares of the values out on both sides.
  private static func between(_ values: [Double], _ level: Double) -> ConfidenceInterval {
    let sorted = values.sorted()
    let tail = (1 - level) / 2
    return ConfidenceInterval(
      lower: quantile(sorted, tail), upper: quantile(sorted, 1 - tail), level: level)
  }

  /// A quantile of sorted values, linear between neighbours.
  private static func quantile(_ sorted: [Double], _ share: Double) -> Double {
    let position = share * Double(sorted.count - 1)
    let below = Int(position)
    let above = min(below + 1, sorted.count - 1)
    return sorted[below] + (position - Double(below)) * (sorted[above] - sorted[below])
  }
}

/// A small stream of random numbers.
///
/// Source: Steele, Lea and Flood, 2014.
private struct SplitMix64: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }
}
