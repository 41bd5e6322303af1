public import Torch

/// Multinomial logistic regression with an L2 penalty, in double precision.
///
/// The weights minimise `C · Σ cross-entropy + ‖W‖² / 2`; the intercepts bear no penalty. Classes
/// without a training row have probability 0.
///
/// Source: Oquab et al., 2023, appendix B.3; `dinov2.eval.log_regression` on cuML's L-BFGS.
///
/// Shapes: `N` rows, `D` features, `K` classes.
public struct LogisticRegression: Sendable {
  /// `C`: the larger, the weaker the penalty.
  public let inverseRegularization: Double
  /// The number of classes, `K`.
  public let classes: Int
  /// The search for the weights.
  public let minimum: LBFGS.Minimum
  /// The classes that have weights, ascending: `minimum.point` is `[present, D + 1]`, intercept last.
  private let present: [Int]
  private let width: Int

  /// Finds the weights.
  ///
  /// - Parameters:
  ///   - features: `[N, D]`.
  ///   - labels: The class index of each row, below `classes`.
  ///   - classes: The number of classes.
  ///   - inverseRegularization: `C`, positive.
  ///   - start: A fit of the same rows to begin from, which saves steps; zeros if left out.
  ///   - solver: The search.
  /// - Throws: `TorchError` if there is no row, not one label for each, or `C` is not positive.
  public init(
    features: Tensor, labels: [Int], classes: Int, inverseRegularization: Double,
    startingFrom start: LogisticRegression? = nil, solver: LBFGS = LBFGS()
  ) throws(TorchError) {
    let (n, d) = try features.shape2()
    guard n > 0, n == labels.count, labels.allSatisfy({ (0..<classes).contains($0) }) else {
      throw TorchError(
        "logistic_regression", "\(labels.count) labels for \(n) rows in \(classes) classes")
    }
    guard inverseRegularization > 0, inverseRegularization.isFinite else {
      throw TorchError("logistic_regression", "C is \(inverseRegularization); must be positive")
    }
    present = Set(labels).sorted()
    width = d
    self.classes = classes
    self.inverseRegularization = inverseRegularization
    let places = Dictionary(uniqueKeysWithValues: present.enumerated().map { ($1, $0) })
    let objective = try LogisticObjective(
      features, labels: labels.map { places[$0] ?? 0 }, classes: present.count,
      penalty: 1 / (inverseRegularization * Double(n)))
    var first = [Double](repeating: 0, count: present.count * (d + 1))
    if let start, start.present == present, start.width == d { first = start.minimum.point }
    minimum = try solver.minimize(from: first) { point throws(TorchError) in
      try objective(point)
    }
  }

  /// The scores of the classes, minus infinity for classes without a training row.
  ///
  /// - Parameter features: `[M, D]`.
  /// - Returns: Logits, `[M, K]`, float64.
  /// - Throws: `TorchError` if the width differs.
  public func logits(_ features: Tensor) throws(TorchError) -> Tensor {
    let weights = try Tensor(minimum.point, [present.count, width + 1])
    let scores = try features.to(dtype: .float64).withOnes().linear(weight: weights, bias: nil)
    guard present.count < classes else { return scores }
    let missing = try Tensor.full([scores.size(0), 1], -.infinity, dtype: .float64)
    let places = Dictionary(uniqueKeysWithValues: present.enumerated().map { ($1, $0) })
    return try Tensor.cat([scores, missing], dim: 1)
      .selecting((0..<classes).map { places[$0] ?? present.count }, dim: 1)
  }

  /// The probabilities of the classes.
  ///
  /// - Parameter features: `[M, D]`.
  /// - Returns: `[M, K]`, float64; each row sums to 1.
  /// - Throws: `TorchError` if the width differs.
  public func probabilities(_ features: Tensor) throws(TorchError) -> Tensor {
    try logits(features).softmax(dim: 1)
  }
}

/// The mean cross-entropy with its penalty, and the gradient.
struct LogisticObjective {
  private let features: Tensor  // [N, D + 1], the last column is 1
  private let targets: Tensor  // [N, K], one-hot
  private let penalized: Tensor  // [D + 1], 0 for the intercept
  private let penalty: Double
  private let shape: [Int]

  /// Keeps the rows.
  init(
    _ features: Tensor, labels: [Int], classes: Int, penalty: Double
  ) throws(TorchError) {
    let (n, d) = try features.shape2()
    self.features = try features.to(dtype: .float64).withOnes()
    let ones = try Tensor.ones([n, 1], dtype: .float64)
    targets = try Tensor.zeros([n, classes], dtype: .float64)
      .scatterAdding(ones, at: Tensor(labels.map(Int64.init), [n, 1]), dim: 1)
    penalized = try Tensor([Double](repeating: 1, count: d) + [0])
    self.penalty = penalty
    shape = [classes, d + 1]
  }

  /// Value and gradient at weights `[K, D + 1]`.
  func callAsFunction(_ point: [Double]) throws(TorchError) -> LBFGS.Evaluation {
    try withoutGradient { () throws(TorchError) in
      let n = try Double(features.size(0))
      let weights = try Tensor(point, shape)
      let logs = try features.linear(weight: weights, bias: nil).logSoftmax(dim: 1)  // [N, K]
      let held = try weights * penalized
      let entropy = try -(logs * targets).sum().item() / n
      let value = try entropy + (held * held).sum().item() * penalty / 2
      let errors = try (logs.exp() - targets) / n
      let gradient = try errors.transpose(0, 1).matmul(features) + held * penalty
      return (value, try gradient.array(of: Double.self))
    }
  }
}

extension Tensor {
  /// A matrix with a last column of ones.
  fileprivate func withOnes() throws(TorchError) -> Tensor {
    let column = try Tensor.ones([size(0), 1], dtype: dtype ?? .float64)
    return try .cat([self, column], dim: 1)
  }
}
