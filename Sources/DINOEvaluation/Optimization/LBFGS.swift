/// Limited-memory BFGS: minimises a smooth function by its gradients.
///
/// Each step searches along `−H·g`, where the inverse curvature `H` is built from the last few steps,
/// until the strong Wolfe conditions hold. `H` starts from a multiple of the identity, or of an inverse
/// curvature that the caller knows: the better that is, the fewer steps.
///
/// Source: Liu and Nocedal, 1989; Nocedal and Wright, 2006, algorithms 7.4, 7.5, 3.5 and 3.6.
public struct LBFGS: Sendable {
  /// How many steps the curvature is built from.
  public var memory = 10
  /// The most steps; the original's logistic regression allows 1,000.
  public var maxIterations = 1000
  /// The largest component of the gradient at which the search ends.
  public var gradientTolerance = 1e-7
  /// The most evaluations along one line.
  public var lineSearchSteps = 50

  /// Creates a minimiser.
  public init() {}

  /// A value of the function and its gradient.
  public typealias Evaluation = (value: Double, gradient: [Double])

  /// The products of an inverse curvature with vectors.
  public typealias Scaling<Failure: Error> = ([[Double]]) throws(Failure) -> [[Double]]

  /// Where the search ended.
  public struct Minimum: Sendable {
    /// The point.
    public let point: [Double]
    /// The value there.
    public let value: Double
    /// The largest component of the gradient there.
    public let gradientSize: Double
    /// The steps taken.
    public let iterations: Int
    /// Whether the gradient became small enough.
    public let hasConverged: Bool
  }

  /// Minimises a function.
  ///
  /// - Parameters:
  ///   - start: Where to begin.
  ///   - scaling: Multiplies vectors by an inverse curvature near the point that was evaluated last; it
  ///     must be symmetric and positive definite, and may change. The identity if left out.
  ///   - function: Gives value and gradient at a point.
  /// - Returns: The best point found; ``Minimum/hasConverged`` says whether it is a minimum.
  /// - Throws: What the function throws.
  public func minimize<Failure: Error>(
    from start: [Double], scaling: Scaling<Failure>? = nil,
    _ function: ([Double]) throws(Failure) -> Evaluation
  ) throws(Failure) -> Minimum {
    var point = start
    var current = try function(start)
    var history: [Step] = []
    var iterations = 0
    while iterations < maxIterations, size(current.gradient) > gradientTolerance {
      var direction = try descent(from: current.gradient, history, scaling)
      var slope = dot(direction, current.gradient)
      var first = 1.0
      if !(slope < 0) {
        // Rounding has spoilt the curvature: start anew.
        history = []
        direction = current.gradient.map { -$0 }
        slope = dot(direction, current.gradient)
        first = min(1, 1 / total(current.gradient))
      } else if history.isEmpty, scaling == nil {
        first = min(1, 1 / total(current.gradient))
      }
      let line = Line(origin: point, direction: direction, value: current.value, slope: slope)
      guard let found = try search(line, from: first, function) else {
        if history.isEmpty { break }
        history = []
        continue
      }
      let step = found.point.indices.map { found.point[$0] - point[$0] }
      let change = point.indices.map { found.gradient[$0] - current.gradient[$0] }
      let curvature = dot(step, change)
      if curvature > 0 {
        history.append(Step(step: step, change: change, scale: 1 / curvature))
        if history.count > max(memory, 1) { history.removeFirst() }
      }
      point = found.point
      current = (found.value, found.gradient)
      iterations += 1
    }
    let size = size(current.gradient)
    return Minimum(
      point: point, value: current.value, gradientSize: size, iterations: iterations,
      hasConverged: size <= gradientTolerance)
  }

  private struct Step {
    let step: [Double]
    let change: [Double]
    let scale: Double
  }

  /// `−H·g` by the two loops of algorithm 7.4.
  private func descent<Failure: Error>(
    from gradient: [Double], _ history: [Step], _ scaling: Scaling<Failure>?
  ) throws(Failure) -> [Double] {
    var direction = gradient.map { -$0 }
    var shares = [Double](repeating: 0, count: history.count)
    for (index, step) in history.enumerated().reversed() {
      shares[index] = step.scale * dot(step.step, direction)
      add(-shares[index], step.change, to: &direction)
    }
    guard let last = history.last else { return try scaling?([direction])[0] ?? direction }
    let scaled = try scaling?([direction, last.change]) ?? [direction, last.change]
    // As long as the last step says.
    let length = 1 / (last.scale * dot(last.change, scaled[1]))
    direction = scaled[0].map { $0 * length }
    for (index, step) in history.enumerated() {
      let share = step.scale * dot(step.change, direction)
      add(shares[index] - share, step.step, to: &direction)
    }
    return direction
  }

  private func size(_ gradient: [Double]) -> Double {
    gradient.reduce(0) { max($0, abs($1)) }
  }

  private func total(_ gradient: [Double]) -> Double {
    gradient.reduce(0) { $0 + abs($1) }
  }

  private func add(_ scale: Double, _ values: [Double], to target: inout [Double]) {
    unsafe target.withUnsafeMutableBufferPointer { target in
      unsafe values.withUnsafeBufferPointer { values in
        for index in 0..<min(target.count, values.count) {
          unsafe target[index] += scale * values[index]
        }
      }
    }
  }
}

/// The inner product, in eight sums that a processor can keep at once.
func dot(_ one: [Double], _ other: [Double]) -> Double {
  unsafe one.withUnsafeBytes { one in
    unsafe other.withUnsafeBytes { other in
      let count = min(one.count, other.count)
      let lanes = count / 64
      var sums = SIMD8<Double>()
      for lane in 0..<lanes {
        unsafe sums +=
          one.loadUnaligned(fromByteOffset: lane * 64, as: SIMD8<Double>.self)
          * other.loadUnaligned(fromByteOffset: lane * 64, as: SIMD8<Double>.self)
      }
      var sum = sums.sum()
      for offset in stride(from: lanes * 64, to: count, by: 8) {
        unsafe sum +=
          one.load(fromByteOffset: offset, as: Double.self)
          * other.load(fromByteOffset: offset, as: Double.self)
      }
      return sum
    }
  }
}
