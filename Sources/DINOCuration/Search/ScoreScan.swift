/// Fast passes over a row of scores.
enum ScoreScan {
  /// The first position from `start` on whose score is at least `threshold`, or nil.
  static func first(
    in scores: UnsafeBufferPointer<Float>, from start: Int, atLeast threshold: Float
  ) -> Int? {
    guard let base = scores.baseAddress else { return nil }
    let limit = SIMD16<Float>(repeating: threshold)
    var position = start
    while position + 16 <= scores.count {
      let values = unsafe UnsafeRawPointer(base + position).loadUnaligned(as: SIMD16<Float>.self)
      if any(values .>= limit) {
        for lane in 0..<16 where values[lane] >= threshold { return position + lane }
      }
      position += 16
    }
    while position < scores.count {
      if unsafe scores[position] >= threshold { return position }
      position += 1
    }
    return nil
  }

  /// The largest score; negative infinity if there is none.
  static func maximum(of scores: UnsafeBufferPointer<Float>) -> Float {
    guard let base = scores.baseAddress else { return -.infinity }
    var best = SIMD16<Float>(repeating: -.infinity)
    var position = 0
    while position + 16 <= scores.count {
      let values = unsafe UnsafeRawPointer(base + position).loadUnaligned(as: SIMD16<Float>.self)
      best.replace(with: values, where: values .> best)
      position += 16
    }
    var result = best.max()
    while position < scores.count {
      result = unsafe max(result, scores[position])
      position += 1
    }
    return result
  }
}
