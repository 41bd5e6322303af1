/// Limited-memory BFGS: minimises a smooth function by its gradients.
///
/// Each step searches along `−H·g`, where the inverse curvature `H` is built from the last few steps,
/// until the strong Wolfe conditions hold.
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
  ///   - function: Gives value and gradient at a point.
  /// - Returns: The best point found; ``Minimum/hasConverged`` says whether it is a minimum.
  /// - Throws: What the function throws.
  public func minimize<Failure: Error>(
    from start: [Double], _ function: ([Double]) throws(Failure) -> Evaluation
  ) throws(Failure) -> Minimum {
    var point = start
    var current = try function(start)
    var history: [Step] = []
    var iterations = 0
    while iterations < maxIterations, size(current.gradient) > gradientTolerance {
      var direction = descent(from: current.gradient, history)
      var slope = dot(direction, current.gradient)
      if !(slope < 0) {
        // Rounding has spoilt the curvature: start anew.
        history = []
        direction = current.gradient.map { -$0 }
        slope = dot(direction, current.gradient)
      }
      let first = history.isEmpty ? min(1, 1 / total(current.gradient)) : 1
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
  private func descent(from gradient: [Double], _ history: [Step]) -> [Double] {
    var direction = gradient.map { -$0 }
    var shares = [Double](repeating: 0, count: history.count)
    for (index, step) in history.enumerated().reversed() {
      shares[index] = step.scale * dot(step.step, direction)
      add(-shares[index], step.change, to: &direction)
    }
    if let last = history.last {
      let scale = 1 / (last.scale * dot(last.change, last.change))
      for index in direction.indices { direction[index] *= scale }
    }
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
    for index in target.indices { target[index] += scale * values[index] }
  }
}

/// The inner product.
func dot(_ one: [Double], _ other: [Double]) -> Double {
  var sum = 0.0
  for index in one.indices { sum += one[index] * other[index] }
  return sum
}
