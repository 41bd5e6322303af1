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
  ///   - curvatureBytes: The most that the inverse curvature of all classes may take; beyond, they share
  ///     one, and the search takes more steps.
  ///   - solver: The search.
  /// - Throws: `TorchError` if there is no row, not one label for each, or `C` is not positive.
  public init(
    features: Tensor, labels: [Int], classes: Int, inverseRegularization: Double,
    curvatureBytes: Int = 1 << 30, solver: LBFGS = LBFGS()
  ) throws(TorchError) {
    let objective = try LogisticObjective(
      features, labels: labels, classes: classes, curvatureBytes: curvatureBytes)
    try self.init(objective, inverseRegularization: inverseRegularization, solver: solver)
  }

  /// Finds the weights for a value of `C`, from those for another one.
  init(
    _ objective: LogisticObjective, inverseRegularization: Double,
    startingFrom start: LogisticRegression? = nil, solver: LBFGS
  ) throws(TorchError) {
    guard inverseRegularization > 0, inverseRegularization.isFinite else {
      throw TorchError("logistic_regression", "C is \(inverseRegularization); must be positive")
    }
    objective.penalty = 1 / (inverseRegularization * Double(objective.rowCount))
    minimum = try solver.minimize(
      from: start?.minimum.point ?? objective.zeros, scaling: objective.scaled, objective.value)
    present = objective.present
    width = objective.width
    classes = objective.classes
    self.inverseRegularization = inverseRegularization
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
