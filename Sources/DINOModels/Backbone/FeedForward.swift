public import Torch

/// The feed-forward network of a block: every token on its own, `[…, D]` to `[…, D]`.
public protocol FeedForward {
  /// Maps every token.
  ///
  /// - Parameters:
  ///   - x: The tokens, mostly normalised.
  ///   - scale: LayerScale, `[D]`.
  /// - Returns: The tokens.
  /// - Throws: `TorchError` if the width does not fit.
  func callAsFunction(_ x: RecomputedInput, scale: Parameter?) throws(TorchError) -> Tensor
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
  public func callAsFunction(
    _ x: RecomputedInput, scale: Parameter?
  ) throws(TorchError) -> Tensor {
    let activated = RecomputedInput(from: [try fc1(x)]) { sources throws(TorchError) in
      try sources[0].gelu()
    }
    return try fc2(activated, scale: scale)
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
  public func callAsFunction(
    _ x: RecomputedInput, scale: Parameter?
  ) throws(TorchError) -> Tensor {
    let gated = RecomputedInput(from: [try w12(x)]) { sources throws(TorchError) in
      let halves = try sources[0].chunk(2, dim: -1)
      return try halves[0].silu() * halves[1]
    }
    return try w3(gated, scale: scale)
  }
}
