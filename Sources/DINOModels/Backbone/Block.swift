public import Torch

/// A transformer block: `x + LS₁(attention(LN₁ x))`, then `x + LS₂(ffn(LN₂ x))`.
///
/// Source: Dosovitskiy et al., 2021, equations 2–3; LayerScale: Touvron et al., 2021, equation 1.
///
/// Shapes: `B` images, `N` tokens, `D` width.
public final class Block {
  /// Attention, for its weights.
  let attn: Attention
  /// The norm before attention.
  let norm1: LayerNorm
  let norm2: LayerNorm
  let mlp: any FeedForward
  let ls1: Parameter?
  let ls2: Parameter?
  let dropPath: StochasticDepth

  /// Registers the block's parameters under `scope`.
  ///
  /// - Parameters:
  ///   - config: The model's sizes.
  ///   - dropPathRate: The rate of stochastic depth in this block.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if a name is taken.
  public init(
    _ config: VisionTransformerConfig, dropPathRate: Double = 0, in scope: ParameterScope
  ) throws(TorchError) {
    let dim = config.embedDim
    norm1 = try LayerNorm(dim, epsilon: config.layerNormEpsilon, in: scope / "norm1")
    attn = try Attention(config, in: scope / "attn")
    ls1 = try Self.layerScale(config, in: scope / "ls1")
    norm2 = try LayerNorm(dim, epsilon: config.layerNormEpsilon, in: scope / "norm2")
    mlp =
      config.ffnLayer.isGated
      ? try SwiGLUFFN(config, in: scope / "mlp") : try MLP(config, in: scope / "mlp")
    ls2 = try Self.layerScale(config, in: scope / "ls2")
    dropPath = StochasticDepth(rate: dropPathRate)
  }

  private static func layerScale(
    _ config: VisionTransformerConfig, in scope: ParameterScope
  ) throws(TorchError) -> Parameter? {
    guard let start = config.layerScale else { return nil }
    return try scope.parameter("gamma", [config.embedDim], .constant(start))
  }

  /// Maps the tokens, drawing stochastic depth when training.
  ///
  /// - Parameters:
  ///   - x: Tokens, `[B, N, D]`.
  ///   - context: Training or evaluation.
  /// - Returns: Tokens, `[B, N, D]`.
  /// - Throws: ``TorchError`` if the shape does not fit.
  public func callAsFunction(
    _ x: Tensor, _ context: ForwardContext = .evaluation
  ) throws(TorchError) -> Tensor {
    let (batch, dtype) = (try x.size(0), x.dtype ?? .float32)
    let attentionDraw = try dropPath.draw(batch: batch, context, dtype: dtype)
    let ffnDraw = try dropPath.draw(batch: batch, context, dtype: dtype)
    return try self(x, attentionDraw: attentionDraw, ffnDraw: ffnDraw)
  }

  /// Maps the tokens with given draws of stochastic depth.
  ///
  /// - Parameters:
  ///   - x: Tokens, `[B, N, D]`.
  ///   - attentionDraw: For the attention branch.
  ///   - ffnDraw: For the feed-forward branch.
  /// - Returns: Tokens, `[B, N, D]`.
  /// - Throws: ``TorchError`` if the shape does not fit.
  public func callAsFunction(
    _ x: Tensor, attentionDraw: StochasticDepth.Draw, ffnDraw: StochasticDepth.Draw
  ) throws(TorchError) -> Tensor {
    let mixed = try dropPath.add(to: x, attentionDraw) { x throws(TorchError) in
      try attn(norm1.recomputed(x), scale: ls1)
    }
    return try dropPath.add(to: mixed, ffnDraw) { x throws(TorchError) in
      try mlp(norm2.recomputed(x), scale: ls2)
    }
  }
}
