public import Torch

/// Spreads the class tokens of a batch: the nearest neighbours are pushed apart.
///
/// `−mean ln(dᵢ + ε)`, where `dᵢ` is the distance of a unit vector to its nearest neighbour in the
/// batch (by inner product, itself excluded). Always in float32, so that the floor `ε` = 1e-8 counts
/// and equal vectors give a large, finite value. A batch of one has no neighbour and gives 0.
///
/// Source: Sablayrolles et al., 2019, equation 2; Oquab et al., 2023, section 4.
public struct KoLeoLoss: Equatable, Sendable {
  private static let epsilon = 1e-8

  /// Creates the loss.
  public init() {}

  /// The loss of a batch.
  ///
  /// - Parameter x: Vectors, `[B, D]`, any floating-point dtype; lengths do not matter.
  /// - Returns: A scalar, float32.
  /// - Throws: ``TorchError`` if `x` is not of rank 2.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    guard try x.shape2().0 > 1 else { return try .zeros([]) }
    let unit = try x.to(dtype: .float32).normalized(dim: -1, epsilon: Self.epsilon)
    return try -(distances(unit) + Self.epsilon).log().mean()
  }

  /// The nearest neighbour of each vector.
  ///
  /// - Parameter unit: Unit vectors, `[B, D]`.
  /// - Returns: Indices, int64 `[B]`.
  /// - Throws: ``TorchError`` if `unit` is not of rank 2.
  package func neighbours(_ unit: Tensor) throws(TorchError) -> Tensor {
    try withoutGradient { () throws(TorchError) in
      let similarities = try unit.matmul(unit.transpose(0, 1))
      try similarities.fillDiagonal(-.infinity)
      return try similarities.argmax(dim: 1)
    }
  }

  private func distances(_ unit: Tensor) throws(TorchError) -> Tensor {
    let nearest = try unit.selecting(neighbours(unit), dim: 0)
    // PyTorch's pairwise distance adds ε to every component.
    return try (unit - nearest + Self.epsilon).norm(dim: -1)
  }
}
