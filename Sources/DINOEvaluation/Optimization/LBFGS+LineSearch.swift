extension LBFGS {
  /// A ray along which the function falls at first.
  struct Line {
    let origin: [Double]
    let direction: [Double]
    let value: Double
    let slope: Double
  }

  /// A point on the ray.
  struct Trial {
    let length: Double
    let point: [Double]
    let value: Double
    let gradient: [Double]
    let slope: Double
  }

  /// Constants of the strong Wolfe conditions, as Nocedal and Wright choose them for quasi-Newton.
  private static let sufficientDecrease = 1e-4
  private static let curvature = 0.9
  /// What rounding may add to a value near the minimum, relative to it.
  private static let rounding = 1e-14

  /// A point on the ray where the strong Wolfe conditions hold.
  ///
  /// - Parameters:
  ///   - line: The ray.
  ///   - first: The first length tried.
  ///   - function: Gives value and gradient at a point.
  /// - Returns: The point; the lowest one found if the evaluations are used up; nil if none is lower.
  /// - Throws: What the function throws.
  func search<Failure: Error>(
    _ line: Line, from first: Double, _ function: ([Double]) throws(Failure) -> Evaluation
  ) throws(Failure) -> Trial? {
    var low = Trial(
      length: 0, point: line.origin, value: line.value, gradient: [], slope: line.slope)
    var high: Trial?
    var length = first
    for _ in 0..<max(lineSearchSteps, 1) {
      let trial = try evaluate(line, length, function)
      let isAboveLow = low.length > 0 && trial.value > low.value
      if !trial.value.isFinite || isTooHigh(trial, line) || isAboveLow {
        high = trial
      } else if abs(trial.slope) <= -Self.curvature * line.slope {
        return trial
      } else if let end = high {
        // Algorithm 3.6: keep the minimum between `low` and `high`.
        if trial.slope * (end.length - low.length) >= 0 { high = low }
        low = trial
      } else if trial.slope >= 0 {
        high = low
        low = trial
      } else {
        low = trial
      }
      guard let end = high else {
        length *= 4
        continue
      }
      guard abs(end.length - low.length) > 1e-16 * max(end.length, low.length) else { break }
      length = between(low, end)
    }
    // A step without the curvature condition is still a step down.
    return low.length > 0 && low.value < line.value ? low : nil
  }

  private func isTooHigh(_ trial: Trial, _ line: Line) -> Bool {
    trial.value > line.value + Self.sufficientDecrease * trial.length * line.slope
      + Self.rounding * abs(line.value)
  }

  private func evaluate<Failure: Error>(
    _ line: Line, _ length: Double, _ function: ([Double]) throws(Failure) -> Evaluation
  ) throws(Failure) -> Trial {
    let point = line.origin.indices.map { line.origin[$0] + length * line.direction[$0] }
    let (value, gradient) = try function(point)
    return Trial(
      length: length, point: point, value: value, gradient: gradient,
      slope: dot(gradient, line.direction))
  }

  /// The minimum of the cubic through both ends, kept away from them.
  ///
  /// Source: Nocedal and Wright, 2006, equation 3.59.
  private func between(_ one: Trial, _ other: Trial) -> Double {
    let width = other.length - one.length
    let middle = one.length + width / 2
    guard one.value.isFinite, other.value.isFinite else { return middle }
    let first = one.slope + other.slope - 3 * (other.value - one.value) / width
    let square = first * first - one.slope * other.slope
    guard square >= 0 else { return middle }
    let root = square.squareRoot() * (width < 0 ? -1 : 1)
    let divisor = other.slope - one.slope + 2 * root
    guard divisor != 0 else { return middle }
    let length = other.length - width * (other.slope + root - first) / divisor
    let (least, most) = (one.length + 0.1 * width, one.length + 0.9 * width)
    guard length.isFinite else { return middle }
    return min(max(length, min(least, most)), max(least, most))
  }
}
