public import Torch

/// The feed-forward network of a block: every token on its own, `[B, N, D]` to `[B, N, D]`.
public protocol FeedForward {
  /// Maps every token.
  func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor
}

/// Linear, exact GELU, linear.
///
/// Source: Dosovitskiy et al., 2021, section 3.1. Parameters `fc1`, `fc2`.
public final class MLP: FeedForward {
  private let fc1: Linear
  private let fc2: Linear

  /// Registers both layers under `scope`.
  public init(_ config: VisionTransformerConfig, in scope: ParameterScope) throws(TorchError) {
    let hidden = config.ffnHiddenDim
    fc1 = try Linear(
      config.embedDim, hidden, bias: config.ffnBias, in: scope / "fc1", initializer: .vitWeights)
    fc2 = try Linear(
      hidden, config.embedDim, bias: config.ffnBias, in: scope / "fc2", initializer: .vitWeights)
  }

  /// Maps every token.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try fc2(fc1(x).gelu())
  }
}

/// Gated linear unit with SiLU: `w3(silu(x₁) · x₂)`, where `w12` makes `x₁` and `x₂` at once.
///
/// Source: Shazeer, 2020, equation 5. Parameters `w12` `[2h, D]`, `w3` `[D, h]`.
public final class SwiGLUFFN: FeedForward {
  private let w12: Linear
  private let w3: Linear

  /// Registers both layers under `scope`.
  public init(_ config: VisionTransformerConfig, in scope: ParameterScope) throws(TorchError) {
    let hidden = config.ffnHiddenDim
    w12 = try Linear(
      config.embedDim, 2 * hidden, bias: config.ffnBias, in: scope / "w12",
      initializer: .vitWeights)
    w3 = try Linear(
      hidden, config.embedDim, bias: config.ffnBias, in: scope / "w3", initializer: .vitWeights)
  }

  /// Maps every token.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    let halves = try w12(x).chunk(2, dim: -1)
    return try w3(halves[0].silu() * halves[1])
  }
}
