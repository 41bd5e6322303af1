public import Torch

/// The scale-invariant loss of depth maps.
///
/// With `g = ln(prediction + ε) − ln(truth + ε)` over the pixels whose depth is known:
///
///     loss = weight · √(var(g) + 0.15 · mean(g)²)
///
/// and in warm-up `weight · √0.15 · |mean(g)|`, which only fits the scale.
///
/// Source: Eigen et al., 2014, equation 4, in the form of Bhat et al., 2021 (AdaBins), equation 4;
/// `SigLoss` of the released code, with the unbiased variance.
public struct SigLoss: Equatable, Sendable {
  /// Factor of the loss.
  public var weight = 1.0
  /// Depths above it are not compared, metres; `nil` compares all.
  public var maxDepth: Double?
  /// Whether only pixels with a depth above 0 count.
  public var masksUnknown = true
  /// `ε`, metres.
  public var epsilon = 1e-3

  /// Creates the loss of the released recipes.
  public init() {}

  /// The loss of a batch.
  ///
  /// - Parameters:
  ///   - prediction: Metres, any shape, positive.
  ///   - truth: Metres, the same shape; 0 where unknown.
  ///   - isWarmingUp: Whether the variance is left out; the released recipes do so for the first 100
  ///     steps.
  /// - Returns: A scalar; 0 if no pixel counts.
  /// - Throws: `TorchError` if the shapes differ.
  public func callAsFunction(
    _ prediction: Tensor, truth: Tensor, isWarmingUp: Bool = false
  ) throws(TorchError) -> Tensor {
    guard prediction.shape == truth.shape else {
      throw TorchError(
        "sig_loss", "shapes differ",
        operands: [prediction.typeDescription, truth.typeDescription])
    }
    var (predicted, known) = (try prediction.flatten(), try truth.flatten())
    if masksUnknown {
      let mask = try DepthMask(maxDepth: maxDepth)(known)
      (predicted, known) = (try predicted.masked(by: mask), try known.masked(by: mask))
    }
    let count = predicted.elementCount
    guard count > 0 else { return try prediction.sum() * 0 }
    let g = try (predicted + epsilon).log() - (known + epsilon).log()
    var square = try g.mean().pow(2) * 0.15
    // The variance of a single value is not defined.
    if !isWarmingUp, count > 1 { square = try square + g.variance(dim: 0) }
    // The root has no finite slope at 0, where everything fits.
    return try square.clamped(from: 1e-30).sqrt() * weight
  }
}

/// Which pixels of a depth map are known: above 0 and, if there is a limit, at most that.
struct DepthMask {
  let maxDepth: Double?

  /// - Returns: bool, the shape of `truth`.
  func callAsFunction(_ truth: Tensor) throws(TorchError) -> Tensor {
    let isKnown = try truth.isGreater(than: 0)
    guard let maxDepth else { return isKnown }
    return try isKnown * truth.isAtMost(maxDepth)
  }
}
