public import Torch

/// The multi-scale loss of the gradients of log depth.
///
/// At each stride, with `d = (ln(prediction + ε) − ln(truth + ε)) · mask`:
///
///     loss = weight · Σ over strides of (Σ |d[y] − d[y + 2]| + Σ |d[x] − d[x + 2]|) / known pixels
///
/// where both ends of a difference are known.
///
/// Source: Li and Snavely, 2018 (MegaDepth), equation 4; `GradientLoss` of the released code.
public struct GradientLoss: Equatable, Sendable {
  /// Which dimensions differences and strides act on.
  public enum Axes: String, CaseIterable, Sendable, Codable {
    /// Rows and columns of each map, as intended.
    case rowsAndColumns
    /// The first two dimensions, as the released code slices them: in a batch `[B, 1, H, W]` images
    /// are compared with each other and nothing is compared within a map; with two images per device
    /// the loss is 0. The published weight of 0.5 was chosen with this.
    case firstTwo
  }

  /// Factor of the loss.
  public var weight = 0.5
  /// Depths above it are not compared, metres; `nil` compares all.
  public var maxDepth: Double?
  /// Whether only pixels with a depth above 0 count.
  public var masksUnknown = true
  /// `ε`, metres.
  public var epsilon = 1e-3
  /// Every so many pixels are looked at.
  public var strides = [1, 2, 4, 6]
  /// Which dimensions are meant.
  public var axes = Axes.rowsAndColumns

  /// Creates the corrected loss with the weight of the released recipes.
  public init() {}

  /// The loss of a batch.
  ///
  /// - Parameters:
  ///   - prediction: Metres, `[…, H, W]`, positive.
  ///   - truth: Metres, the same shape; 0 where unknown.
  /// - Returns: A scalar; scales at which no pixel counts add nothing.
  /// - Throws: `TorchError` if the shapes differ, the rank is below 2 or a stride is not positive.
  public func callAsFunction(
    _ prediction: Tensor, truth: Tensor
  ) throws(TorchError) -> Tensor {
    guard prediction.shape == truth.shape, prediction.rank >= 2 else {
      throw TorchError(
        "gradient_loss", "needs two maps of one shape",
        operands: [prediction.typeDescription, truth.typeDescription])
    }
    let dims = axes == .firstTwo ? [0, 1] : [truth.rank - 2, truth.rank - 1]
    var loss = try Tensor.zeros(
      [], dtype: prediction.dtype ?? .float32, device: prediction.device)
    for stride in strides {
      let predicted = try prediction.every(stride, dim: dims[0]).every(stride, dim: dims[1])
      let known = try truth.every(stride, dim: dims[0]).every(stride, dim: dims[1])
      loss = try loss + atScale(predicted, known, dims)
    }
    return try loss * weight
  }

  private func atScale(
    _ prediction: Tensor, _ truth: Tensor, _ dims: [Int]
  ) throws(TorchError) -> Tensor {
    let dtype = prediction.dtype ?? .float32
    let mask =
      masksUnknown
      ? try DepthMask(maxDepth: maxDepth)(truth).to(dtype: dtype)
      : try Tensor.ones(truth.shape, dtype: dtype, device: truth.device)
    let d = try ((prediction + epsilon).log() - (truth + epsilon).log()) * mask
    var sum = try Tensor.zeros([], dtype: dtype, device: prediction.device)
    for dim in dims {
      let count = try truth.size(dim)
      guard count > 2 else { continue }
      let (near, far) = (0..<count - 2, 2..<count)
      let change = try (d.narrow(dim: dim, near) - d.narrow(dim: dim, far)).abs()
      let both = try mask.narrow(dim: dim, near) * mask.narrow(dim: dim, far)
      sum = try sum + (change * both).sum()
    }
    return try sum / mask.sum().clamped(from: 1)
  }
}
