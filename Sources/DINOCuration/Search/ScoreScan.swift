/// The scores of one row, each less a number of its own.
@safe struct ScoreScan<Element: ScoreElement> {
  private let scores: UnsafeRawPointer
  private let norms: UnsafeBufferPointer<Float>
  private let count: Int
  /// The largest score; negative infinity if there is none.
  let maximum: Float

  /// Looks for the largest score.
  init(_ scores: UnsafeRawPointer, less norms: UnsafeBufferPointer<Float>) {
    unsafe self.scores = scores
    unsafe self.norms = norms
    count = norms.count
    var best = SIMD16<Float>(repeating: -.infinity)
    var position = 0
    while position + 16 <= count {
      let values = unsafe Self.load(scores, norms, position)
      best.replace(with: values, where: values .> best)
      position += 16
    }
    var maximum = best.max()
    while position < count {
      maximum = unsafe max(maximum, Self.one(scores, norms, position))
      position += 1
    }
    self.maximum = maximum
  }

  /// Calls a closure with each place, rising, whose score is at least a threshold.
  func forEach(atLeast threshold: Float, _ body: (Int) -> Void) {
    var position = 0
    while position + 16 <= count {
      if any(unsafe Self.load(scores, norms, position) .>= threshold) {
        for place in position..<(position + 16)
        where unsafe Self.one(scores, norms, place) >= threshold { body(place) }
      }
      position += 16
    }
    while position < count {
      if unsafe Self.one(scores, norms, position) >= threshold { body(position) }
      position += 1
    }
  }

  private static func load(
    _ scores: UnsafeRawPointer, _ norms: UnsafeBufferPointer<Float>, _ position: Int
  ) -> SIMD16<Float> {
    guard let base = norms.baseAddress else { return .init(repeating: -.infinity) }
    let less = unsafe UnsafeRawPointer(base + position).loadUnaligned(as: SIMD16<Float>.self)
    return unsafe Element.load(scores + position * MemoryLayout<Element>.size) - less
  }

  private static func one(
    _ scores: UnsafeRawPointer, _ norms: UnsafeBufferPointer<Float>, _ position: Int
  ) -> Float {
    unsafe Element.one(scores + position * MemoryLayout<Element>.size) - norms[position]
  }
}
