import Torch

/// The blocks of the cross-entropy's Hessian that belong to one class each.
///
/// That of class `k` is `Xᵀ diag(p_k (1 − p_k)) X / N`. Far from the start most rows are sure of their
/// class and hardly count; so the rows that count most enter as they are, the others with their mean.
/// Where blocks for all classes need too much memory, they share the mean of all classes.
///
/// Shapes: `N` rows, `D` features with the intercept's, `K` classes.
struct LogisticCurvature {
  /// Rows that enter as they are, for each feature.
  private static let rowsPerFeature = 4

  private let blocks: Tensor  // [K or 1, D, D], float64

  /// Computes the blocks.
  ///
  /// - Parameters:
  ///   - features: `[N, D]`, float64.
  ///   - probabilities: `[N, K]`, float64.
  ///   - byteLimit: The most that the inverse of all blocks may take.
  /// - Throws: `TorchError` if a shape does not fit.
  init(
    of features: Tensor, probabilities: Tensor, byteLimit: Int
  ) throws(TorchError) {
    let (n, d) = try features.shape2()
    let moments = try features.transpose(0, 1).matmul(features) / Double(n)
    // [K, N]: how much each row counts.
    let counts = try (probabilities - probabilities * probabilities).transpose(0, 1).contiguous()
    guard try counts.size(0) * d * d * MemoryLayout<Float>.size <= byteLimit else {
      blocks = try (moments * counts.mean().item()).unsqueeze(dim: 0)
      return
    }
    let (top, places) = try counts.topK(min(n, Self.rowsPerFeature * d))
    let others = try (counts.sum(dim: 1) - top.sum(dim: 1)).array(of: Double.self)
    var blocks: [Tensor] = []
    for index in others.indices {
      let rows = try features.selecting(places.select(dim: 0, index), dim: 0)  // [rows, D]
      let weighted = try rows * top.select(dim: 0, index).unsqueeze(dim: 1)
      let block = try rows.transpose(0, 1).matmul(weighted)
      blocks.append(try (block + moments * others[index]) / Double(n))
    }
    self.blocks = try .stack(blocks)
  }

  /// The inverse with the penalty.
  ///
  /// - Parameters:
  ///   - penalty: What half the squared weights are multiplied by, positive.
  ///   - penalized: `[D]`, 1 where the penalty holds.
  /// - Returns: The inverse of each block.
  /// - Throws: `TorchError` if a block is not positive definite, as of features that are no numbers.
  func inverse(penalty: Double, on penalized: Tensor) throws(TorchError) -> Inverse {
    let d = try penalized.size(0)
    let identity = try Tensor.zeros([d, d], dtype: .float64)
    try identity.fillDiagonal(1)
    let penalties = try identity * penalized * penalty
    // Rounding must not make a block indefinite.
    let traces = try (blocks * identity).sum(dim: 2).sum(dim: 1) + Double(d) * penalty
    let margin = try (traces * (1e-10 / Double(d))).unsqueeze(dim: 1).unsqueeze(dim: 2) * identity
    return Inverse(
      matrices: try (blocks + penalties + margin).symmetricInverse().to(dtype: .float32))
  }

  /// The inverse blocks, in single precision: they only say where to search.
  struct Inverse {
    fileprivate let matrices: Tensor  // [K or 1, D, D]

    /// Multiplies vectors `[K, D]`, all in one pass over the matrices.
    func products(with vectors: [[Double]]) throws(TorchError) -> [[Double]] {
      let (blocks, d) = try (matrices.size(0), matrices.size(1))
      let values = vectors.flatMap { $0.map(Float.init) }
      let joined = try Tensor(values, [vectors.count, values.count / (vectors.count * d), d])
      let products =
        if blocks == 1 {
          try joined.matmul(matrices)
        } else {
          try matrices.matmul(joined.permute(1, 2, 0)).permute(2, 0, 1)
        }
      return try products.unbind().map { product throws(TorchError) in
        try product.to(dtype: .float64).array(of: Double.self)
      }
    }
  }
}
