public import Torch

/// Generalised-mean pooling of patch tokens into one descriptor.
///
/// `(mean over patches of max(x, ε)ᵖ)^(1/p)`: the mean for p = 1, the maximum for large p.
///
/// Source: Radenovic et al., 2019, equation 3.
public struct GeMPooling: Equatable, Sendable {
  /// The exponent `p`, positive.
  public var exponent = 3.0
  /// Values are at least this.
  public var epsilon = 1e-6

  /// Creates the pooling with the exponent 3.
  public init() {}

  /// Pools patch tokens.
  ///
  /// - Parameter tokens: Patch tokens, `[B, N, D]`.
  /// - Returns: Descriptors of unit length, `[B, D]`.
  /// - Throws: `TorchError` if the rank is not 3 or there are no tokens.
  public func callAsFunction(_ tokens: Tensor) throws(TorchError) -> Tensor {
    let (_, n, _) = try tokens.shape3()
    guard n > 0, exponent > 0 else {
      throw TorchError(
        "gem", "needs tokens and a positive exponent", operands: [tokens.typeDescription])
    }
    return try tokens.clamped(from: epsilon).pow(exponent).mean(dim: 1).pow(1 / exponent)
      .normalized()
  }
}
