import Torch

/// The mean cross-entropy of a linear model with its penalty, the gradient and the inverse curvature.
///
/// Shapes: `N` rows, `D` features, `K` classes that have a row.
final class LogisticObjective {
  /// How many evaluations a curvature serves: computing one takes as long as several.
  private static let evaluationsPerCurvature = 50

  /// The number of classes, with those that have no row.
  let classes: Int
  /// The classes that have a row, ascending.
  let present: [Int]
  /// `D`.
  let width: Int
  /// `N`.
  let rowCount: Int
  /// What half the squared weights, not the intercepts, are multiplied by.
  var penalty = 0.0 { didSet { inverse = nil } }

  private let curvatureBytes: Int
  private let features: Tensor  // [N, D + 1], the last column is 1
  private let labels: Tensor  // [N, 1], places in `present`, int64
  private let classSums: Tensor  // [K, D + 1], the features of each class
  private let penalized: Tensor  // [D + 1], 0 for the intercept
  private var probabilities: Tensor?  // [N, K], at the point that was evaluated last
  private var evaluations = 0
  private var curvature: LogisticCurvature?
  private var inverse: LogisticCurvature.Inverse?

  /// Keeps the rows.
  ///
  /// - Parameters:
  ///   - features: `[N, D]`.
  ///   - labels: The class index of each row.
  ///   - classes: The number of classes, with those that have no row.
  ///   - curvatureBytes: The most that the inverse curvature may take.
  /// - Throws: `TorchError` if there is no row, or not one label below `classes` for each.
  init(
    _ features: Tensor, labels: [Int], classes: Int, curvatureBytes: Int = 1 << 30
  ) throws(TorchError) {
    let (n, d) = try features.shape2()
    guard n > 0, n == labels.count, labels.allSatisfy({ (0..<classes).contains($0) }) else {
      throw TorchError(
        "logistic_regression", "\(labels.count) labels for \(n) rows in \(classes) classes")
    }
    self.classes = classes
    self.curvatureBytes = curvatureBytes
    present = Set(labels).sorted()
    (rowCount, width) = (n, d)
    let places = Dictionary(uniqueKeysWithValues: present.enumerated().map { ($1, Int64($0)) })
    let rows = try Tensor(labels.map { places[$0] ?? 0 }, [n])
    self.features = try features.to(dtype: .float64).withOnes()
    self.labels = try rows.unsqueeze(dim: 1)
    classSums = try Tensor.zeros([present.count, d + 1], dtype: .float64)
      .indexAdding(self.features, at: rows, dim: 0)
    penalized = try Tensor([Double](repeating: 1, count: d) + [0])
  }

  /// Weights of zero, `[K, D + 1]`.
  var zeros: [Double] { [Double](repeating: 0, count: present.count * (width + 1)) }

  /// Value and gradient at weights `[K, D + 1]`.
  func value(_ point: [Double]) throws(TorchError) -> LBFGS.Evaluation {
    try withoutGradient { () throws(TorchError) in
      let weights = try Tensor(point, [present.count, width + 1])
      let held = try weights * penalized
      let logs = try features.linear(weight: weights, bias: nil).logSoftmax(dim: 1)  // [N, K]
      let entropy = try -logs.gather(dim: 1, labels).mean().item()
      let value = try entropy + (held * held).sum().item() * penalty / 2
      try logs.exponentiate()
      let gradient = try (logs.transpose(0, 1).matmul(features) - classSums) / Double(rowCount)
      try gradient.add(inPlace: held, scale: penalty)
      probabilities = logs
      evaluations += 1
      return (value, try gradient.array(of: Double.self))
    }
  }

  /// The products of the inverse curvature with vectors, `[K, D + 1]` each.
  func scaled(_ vectors: [[Double]]) throws(TorchError) -> [[Double]] {
    try withoutGradient { () throws(TorchError) in
      if curvature == nil || evaluations >= Self.evaluationsPerCurvature, let probabilities {
        curvature = try LogisticCurvature(
          of: features, probabilities: probabilities, byteLimit: curvatureBytes)
        (evaluations, inverse) = (0, nil)
      }
      if inverse == nil { inverse = try curvature?.inverse(penalty: penalty, on: penalized) }
      return try inverse?.products(with: vectors) ?? vectors
    }
  }
}

extension Tensor {
  /// A matrix with a last column of ones.
  func withOnes() throws(TorchError) -> Tensor {
    let column = try Tensor.ones([size(0), 1], dtype: dtype ?? .float64)
    return try .cat([self, column], dim: 1)
  }
}
