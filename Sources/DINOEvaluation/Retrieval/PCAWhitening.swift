public import Torch

/// A rotation and scaling after which descriptors vary alike in all directions.
///
/// Source: Jégou and Chum, 2012, section 2.
public final class PCAWhitening {
  /// The width of whitened descriptors.
  public let dimensions: Int
  private let mean: Tensor
  private let projection: Tensor

  /// Learns from descriptors.
  ///
  /// - Parameters:
  ///   - descriptors: `[N, D]`, at least two rows; best not those that are searched.
  ///   - dimensions: How many directions are kept, largest variance first; `nil` for all that vary.
  ///   - epsilon: Directions whose variance is below this share of the largest are left out.
  /// - Throws: `TorchError` if there are too few rows or none of them differ.
  public init(
    _ descriptors: Tensor, dimensions: Int? = nil, epsilon: Double = 1e-9
  ) throws(TorchError) {
    let (n, d) = try descriptors.shape2()
    guard n > 1, d > 0 else {
      throw TorchError(
        "pca_whitening", "needs at least two rows", operands: [descriptors.typeDescription])
    }
    let rows = try descriptors.detached().to(dtype: .float64)
    let mean = try rows.mean(dim: 0)
    let centred = try rows - mean
    let covariance = try centred.transpose(0, 1).matmul(centred) / Double(n - 1)
    let (values, vectors) = try covariance.symmetricEigen()
    let variances = try values.array(of: Double.self)  // ascending
    let largest = variances.last ?? 0
    guard largest > 0, largest.isFinite else {
      throw TorchError("pca_whitening", "the rows do not differ or are not finite")
    }
    let usable = variances.filter { $0 > epsilon * largest }.count
    let kept = Swift.max(Swift.min(dimensions ?? usable, usable), 1)
    let order = Array((d - kept..<d).reversed())
    let scales = try values.selecting(order, dim: 0).pow(-0.5)
    self.mean = mean
    projection = try vectors.selecting(order, dim: 1) * scales  // [D, kept]
    self.dimensions = kept
  }

  /// Whitens descriptors.
  ///
  /// - Parameters:
  ///   - descriptors: `[N, D]`.
  ///   - normalizes: Whether rows are scaled to unit length afterwards.
  /// - Returns: `[N, dimensions]`, float32.
  /// - Throws: `TorchError` if the width differs.
  public func callAsFunction(
    _ descriptors: Tensor, normalizes: Bool = true
  ) throws(TorchError) -> Tensor {
    let rows = try descriptors.to(dtype: .float64)
    let white = try (rows - mean).matmul(projection)
    return try (normalizes ? white.normalized() : white).to(dtype: .float32)
  }
}
