internal import Torch

/// Coordinates in which features have mean 0 and, as far as that is sensible, unit covariance.
///
/// Features of a backbone are strongly correlated, and a linear layer learns them slowly. Here the weights
/// that are learnt belong to whitened features `A · (x − mean)` with `A` the inverse root of the covariance;
/// the layer is applied with the weights `W · A`, so that features stay as they are and nothing is left to
/// be undone when the head is written.
///
/// What is added to all variances keeps directions of little variance small, so that they are learnt late:
/// few images say little about them, and a head stops before it follows them.
///
/// Source: principal component whitening; Kessy, Lewin and Strimmer, 2018, section 2.
///
/// Shapes: `F` features, `K` outputs.
struct FeatureConditioning {
  /// `[F]`.
  let mean: Tensor
  /// `[F]`.
  let variance: Tensor
  /// Whitening `[F, F]`, rows by principal component; nil divides by the deviation alone.
  private let whitening: Tensor?
  private let deviation: Tensor

  /// The widest features that are whitened; beyond it the eigenvectors cost more than they save.
  private static let widest = 2048
  /// The most rows that the covariance is taken of.
  private static let mostRows = 65_536
  /// What is added to variances of the principal components, as a share of their mean.
  private static let shrinkage = 0.1

  /// Goes over rows.
  ///
  /// - Parameters:
  ///   - count: The number of parts.
  ///   - whitens: Whether correlations are removed too; needs many more rows than features.
  ///   - rows: The rows of a part, `[n, F]`.
  /// - Throws: `TorchError` if there is no part, or too little memory.
  init(
    _ count: Int, whitens: Bool, _ rows: (Int) throws(TorchError) -> Tensor
  ) throws(TorchError) {
    guard count > 0 else { throw TorchError("feature_statistics", "there are no rows") }
    let width = try rows(0).size(1)
    let sum = try Tensor.zeros([width], dtype: .float64)
    let squares = try Tensor.zeros([width], dtype: .float64)
    var number = 0
    for part in 0..<count {
      let values = try rows(part).to(dtype: .float64)
      number += try values.size(0)
      try sum.add(inPlace: values.sum(dim: 0))
      try squares.add(inPlace: (values * values).sum(dim: 0))
    }
    let exactMean = try sum / Double(number)
    mean = try exactMean.to(dtype: .float32)
    variance = try (squares / Double(number) - exactMean * exactMean).clamped(from: 0)
      .to(dtype: .float32)
    deviation = try (variance + 1e-5).sqrt()
    guard whitens, width <= Self.widest, number > 4 * width else {
      whitening = nil
      return
    }
    let step = max(number / Self.mostRows, 1)
    let covariance = try Tensor.zeros([width, width], dtype: .float64)
    var seen = 0
    for part in stride(from: 0, to: count, by: step) {
      let centred = try rows(part) - mean
      try covariance.add(
        inPlace: centred.transpose(0, 1).matmul(centred).to(dtype: .float64))
      seen += try centred.size(0)
    }
    let (values, vectors) = try (covariance / Double(max(seen, 1))).symmetricEigen()
    let variances = try values.clamped(from: 0)
    let added = try variances.mean().item() * Self.shrinkage + 1e-12
    whitening = try (vectors / (variances + added).sqrt()).transpose(0, 1)
      .to(dtype: .float32).contiguous()
  }

  /// Deviations that are at least a share of others'.
  ///
  /// - Parameters:
  ///   - other: Features of the same columns.
  ///   - share: The share.
  /// - Returns: A conditioning that divides by deviations alone.
  /// - Throws: `TorchError` if the widths differ.
  func bounded(by other: FeatureConditioning, share: Double) throws(TorchError)
    -> FeatureConditioning
  {
    FeatureConditioning(
      mean: mean, variance: variance, whitening: nil,
      deviation: try deviation.maximum(other.deviation * share))
  }

  private init(mean: Tensor, variance: Tensor, whitening: Tensor?, deviation: Tensor) {
    self.mean = mean
    self.variance = variance
    self.whitening = whitening
    self.deviation = deviation
  }

  /// The weights of the features themselves.
  ///
  /// - Parameter learnt: The weights that are learnt, `[K, F]`.
  /// - Returns: What the layer is applied with, `[K, F]`.
  /// - Throws: `TorchError` if the width differs.
  func weights(_ learnt: Tensor) throws(TorchError) -> Tensor {
    guard let whitening else { return try learnt / deviation }
    return try learnt.matmul(whitening)
  }

  /// The layer with learnt weights, applied to features.
  ///
  /// - Parameters:
  ///   - x: Features, `[N, F]`.
  ///   - learnt: The weights that are learnt, `[K, F]`.
  ///   - bias: `[K]`, if there is one.
  /// - Returns: `[N, K]`.
  /// - Throws: `TorchError` if a width differs.
  func layer(_ x: Tensor, _ learnt: Tensor, bias: Tensor?) throws(TorchError) -> Tensor {
    try (x - mean).linear(weight: weights(learnt), bias: bias)
  }
}
