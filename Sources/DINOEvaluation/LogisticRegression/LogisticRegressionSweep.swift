internal import Glibc
public import Torch

/// Logistic regression whose penalty is chosen on rows that it was not fitted on.
///
/// Source: `dinov2.eval.log_regression`: 45 values of `C`; the first that gives the best top-1 on the
/// tuning rows is taken, and the model is fitted again on training and tuning rows together.
public struct LogisticRegressionSweep: Sendable {
  /// The values of `C` of the original: `10^linspace(-6, 5, 45)` in single precision.
  public static let standardGrid: [Double] = gridOfPowers(from: -6, to: 5, count: 45)

  /// Powers of ten whose exponents are evenly spaced, in single precision.
  ///
  /// - Parameters:
  ///   - first: The first exponent.
  ///   - last: The last exponent.
  ///   - count: How many.
  /// - Returns: The powers.
  public static func gridOfPowers(from first: Double, to last: Double, count: Int) -> [Double] {
    guard count > 1 else { return [Double(Float(pow(10, first)))] }
    return (0..<count).map { index in
      let exponent = Float(first + (last - first) * Double(index) / Double(count - 1))
      return Double(Float(pow(10, Double(exponent))))
    }
  }

  /// What a value of `C` gave.
  public struct Trial: Sendable, Equatable {
    /// `C`.
    public let inverseRegularization: Double
    /// The accuracy on the tuning rows.
    public let accuracy: Accuracy
  }

  /// The trials, in the order of the grid.
  public let trials: [Trial]
  /// The chosen trial.
  public let best: Trial
  /// The model on training and tuning rows.
  public let model: LogisticRegression

  /// Rows with classes.
  public struct Rows {
    /// `[N, D]`.
    public let features: Tensor
    /// The class index of each row.
    public let labels: [Int]

    /// Puts features and labels together.
    public init(_ features: Tensor, _ labels: [Int]) {
      self.features = features
      self.labels = labels
    }
  }

  /// Tries all values, chooses one and fits again.
  ///
  /// - Parameters:
  ///   - train: Rows that are fitted.
  ///   - tune: Rows to choose on.
  ///   - classes: The number of classes.
  ///   - grid: The values of `C`.
  ///   - solver: The search of each fit.
  ///   - progress: Called after each trial with the fit.
  /// - Throws: `TorchError` if a label or a value of `C` is out of range, or the grid is empty.
  public init(
    train: Rows, tune: Rows, classes: Int, grid: [Double] = standardGrid, solver: LBFGS = LBFGS(),
    progress: (Trial, LogisticRegression) throws(TorchError) -> Void = { _, _ in }
  ) throws(TorchError) {
    let objective = try LogisticObjective(train.features, labels: train.labels, classes: classes)
    var trials: [Trial] = []
    var last: LogisticRegression?
    for value in grid {
      let fit = try LogisticRegression(
        objective, inverseRegularization: value, startingFrom: last, solver: solver)
      let ranking = try ClassRanking(fit.logits(tune.features))
      let trial = Trial(
        inverseRegularization: value, accuracy: try ranking.accuracy(tune.labels))
      trials.append(trial)
      try progress(trial, fit)
      last = fit
    }
    guard var best = trials.first else { throw TorchError("sweep", "no value of C to try") }
    for trial in trials where trial.accuracy.top1 > best.accuracy.top1 { best = trial }
    model = try LogisticRegression(
      features: .cat([train.features, tune.features]), labels: train.labels + tune.labels,
      classes: classes, inverseRegularization: best.inverseRegularization, solver: solver)
    self.trials = trials
    self.best = best
  }
}
