/// The scores of one row in bfloat16, each between two bounds that are less by numbers of its own.
@safe struct ScoreScan {
  private let scores: UnsafeRawPointer
  private let least: UnsafeBufferPointer<Float>
  private let count: Int
  /// The largest lower bound; negative infinity if there is no score.
  let maximum: Float

  /// Looks for the largest lower bound.
  ///
  /// - Parameters:
  ///   - scores: The scores.
  ///   - most: What a score is larger than its lower bound by.
  ///   - least: What a score is larger than its upper bound by.
  init(
    _ scores: UnsafeRawPointer, less most: UnsafeBufferPointer<Float>,
    to least: UnsafeBufferPointer<Float>
  ) {
    unsafe self.scores = scores
    unsafe self.least = least
    count = most.count
    var best = SIMD16<Float>(repeating: -.infinity)
    var position = 0
    while position + 16 <= count {
      let values = unsafe Self.load(scores, most, position)
      best.replace(with: values, where: values .> best)
      position += 16
    }
    var maximum = best.max()
    while position < count {
      maximum = unsafe max(maximum, Self.one(scores, most, position))
      position += 1
    }
    self.maximum = maximum
  }

  /// Calls a closure with each place, rising, whose upper bound is at least a threshold.
  func forEach(atLeast threshold: Float, _ body: (Int) -> Void) {
    var position = 0
    while position + 16 <= count {
      if any(unsafe Self.load(scores, least, position) .>= threshold) {
        for place in position..<(position + 16)
        where unsafe Self.one(scores, least, place) >= threshold { body(place) }
      }
      position += 16
    }
    while position < count {
      if unsafe Self.one(scores, least, position) >= threshold { body(position) }
      position += 1
    }
  }

  private static func load(
    _ scores: UnsafeRawPointer, _ norms: UnsafeBufferPointer<Float>, _ position: Int
  ) -> SIMD16<Float> {
    guard let base = norms.baseAddress else { return .init(repeating: -.infinity) }
    let less = unsafe UnsafeRawPointer(base + position).loadUnaligned(as: SIMD16<Float>.self)
    return unsafe BFloat16Bits.load(scores + position * MemoryLayout<UInt16>.size) - less
  }

  private static func one(
    _ scores: UnsafeRawPointer, _ norms: UnsafeBufferPointer<Float>, _ position: Int
  ) -> Float {
    unsafe BFloat16Bits.one(scores + position * MemoryLayout<UInt16>.size) - norms[position]
  }
}
