internal import CKernels

/// Sums in double precision whose order is the same on every processor, and scans of scores.
public enum ExactSums {
  /// The number of values that are added side by side.
  public static let lanes = Int(CK_LANES)

  /// The sums of products of the values of each lane; values after the last whole lanes are left out.
  ///
  /// - Parameters:
  ///   - one: Values.
  ///   - other: As many.
  /// - Returns: One sum per lane.
  public static func dot(
    _ one: UnsafeBufferPointer<Float>, _ other: UnsafeBufferPointer<Float>
  ) -> SIMD8<Double> {
    sums(one.baseAddress, other.baseAddress) {
      ck_dot($0, $1, Int64(min(one.count, other.count)), $2)
    }
  }

  /// The sums of squared differences of the values of each lane; values after the last whole lanes are left
  /// out.
  ///
  /// - Parameters:
  ///   - row: Values.
  ///   - point: As many.
  /// - Returns: One sum per lane.
  public static func squaredDistance(
    _ row: UnsafeBufferPointer<Float>, _ point: UnsafeBufferPointer<Double>
  ) -> SIMD8<Double> {
    sums(row.baseAddress, point.baseAddress) {
      ck_squared_distance($0, $1, Int64(min(row.count, point.count)), $2)
    }
  }

  private static func sums<One, Other>(
    _ one: UnsafePointer<One>?, _ other: UnsafePointer<Other>?,
    _ body: (UnsafePointer<One>, UnsafePointer<Other>, UnsafeMutablePointer<Double>) -> Void
  ) -> SIMD8<Double> {
    guard let one, let other else { return .zero }
    var result = SIMD8<Double>.zero
    withUnsafeMutableBytes(of: &result) { bytes in
      if let first = bytes.bindMemory(to: Double.self).baseAddress { body(one, other, first) }
    }
    return result
  }

  /// Adds the values of a row to sums.
  ///
  /// - Parameters:
  ///   - row: Values.
  ///   - sums: At least as many.
  public static func accumulate(
    _ row: UnsafeBufferPointer<Float>, to sums: UnsafeMutablePointer<Double>
  ) {
    if let first = row.baseAddress { ck_accumulate(first, Int64(row.count), sums) }
  }

  /// The largest score less its bound.
  ///
  /// - Parameters:
  ///   - scores: As many scores as bounds.
  ///   - less: What is subtracted from each.
  /// - Returns: Negative infinity if there is none.
  public static func largest(
    _ scores: UnsafePointer<Float>, less: UnsafeBufferPointer<Float>
  ) -> Float {
    guard let first = less.baseAddress else { return -.infinity }
    return ck_largest(scores, first, Int64(less.count))
  }

  /// Calls a closure with each place, rising, whose score less its bound is at least a threshold.
  ///
  /// - Parameters:
  ///   - threshold: The threshold.
  ///   - scores: As many scores as bounds.
  ///   - less: What is subtracted from each.
  ///   - body: Gets the place.
  public static func forEach(
    atLeast threshold: Float, _ scores: UnsafePointer<Float>, less: UnsafeBufferPointer<Float>,
    _ body: (Int) -> Void
  ) {
    guard let first = less.baseAddress else { return }
    let count = Int64(less.count)
    var place = ck_next_at_least(scores, first, 0, count, threshold)
    while place < count {
      body(Int(place))
      place = ck_next_at_least(scores, first, place + 1, count, threshold)
    }
  }
}
