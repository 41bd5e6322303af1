public import Torch

/// Multi-head self-attention with one fused query/key/value projection.
///
/// Source: Dosovitskiy et al., 2021, appendix A, equations 5–8. Parameter names are those of the
/// released DINOv2 checkpoints: `qkv.weight`, `qkv.bias`, `proj.weight`, `proj.bias`.
///
/// Shapes: `B` images, `N` tokens (class, registers, patches), `D` width, `H` heads.
public final class Attention {
  private let qkv: Linear
  private let proj: Linear
  private let numHeads: Int

  /// Registers the layer's parameters under `scope`; weights truncated normal, σ 0.02.
  public init(_ config: VisionTransformerConfig, in scope: ParameterScope) throws(TorchError) {
    let dim = config.embedDim
    qkv = try Linear(
      dim, 3 * dim, bias: config.qkvBias, in: scope / "qkv", initializer: .vitWeights)
    proj = try Linear(
      dim, dim, bias: config.projBias, in: scope / "proj", initializer: .vitWeights)
    numHeads = config.numHeads
  }

  /// Mixes every token with every other token of the same image.
  ///
  /// - Parameters:
  ///   - x: Tokens, `[B, N, D]`, any floating-point dtype; mostly normalised.
  ///   - scale: LayerScale, `[D]`.
  /// - Returns: Tokens, `[B, N, D]`, with the dtype and device of `x`.
  /// - Throws: ``TorchError`` if `x` is not rank 3, or if libtorch runs out of memory.
  public func callAsFunction(
    _ x: RecomputedInput, scale: Parameter? = nil
  ) throws(TorchError) -> Tensor {
    try proj(mixed(qkv(x)).flatten(from: 2), scale: scale)
  }

  /// Mixes the tokens of each image of packed groups, `[T, D]` to `[T, D]`.
  func callAsFunction(
    _ x: RecomputedInput, groups: [TokenGroup], scale: Parameter?
  ) throws(TorchError) -> Tensor {
    let projected = PackedTokens(values: try qkv(x), groups: groups)
    let groups = try projected.split().map { group throws(TorchError) in
      try mixed(group).flatten(from: 2).flatten(from: 0, to: 1)
    }
    return try proj(groups.count == 1 ? groups[0] : Tensor.cat(groups), scale: scale)
  }

  /// Attention over projected tokens `[B, N, 3 · D]`: `[B, N, H, D/H]`.
  private func mixed(_ projected: Tensor) throws(TorchError) -> Tensor {
    let (q, k, v) = try heads(projected)
    return try Tensor.attention(query: q, key: k, value: v).transpose(1, 2)
  }

  /// The attention weights themselves, by an explicit softmax: the fused kernel never forms them.
  ///
  /// - Parameter x: Tokens, `[B, N, D]`.
  /// - Returns: Weights, `[B, H, N, N]`; each row (one query) sums to 1.
  /// - Throws: ``TorchError`` if `x` is not rank 3, or if libtorch runs out of memory.
  public func weights(_ x: Tensor) throws(TorchError) -> Tensor {
    let (q, k, _) = try heads(qkv(x))
    let scale = 1 / Double(try q.size(-1)).squareRoot()
    return try (q * scale).matmul(k.transpose(-2, -1)).softmax(dim: -1)
  }

  /// Queries, keys and values of projected tokens `[B, N, 3 · D]`, each `[B, H, N, D/H]`.
  private func heads(
    _ projected: Tensor
  ) throws(TorchError) -> (Tensor, Tensor, Tensor) {
    let (b, n, width) = try projected.shape3()
    return
      try projected
      .reshape(b, n, 3, numHeads, width / (3 * numHeads))  // [B, N, 3, H, D/H]
      .permute(2, 0, 3, 1, 4)  // [3, B, H, N, D/H]
      .unbind3()
  }
}

extension Initializer {
  /// What every linear weight of the original starts from.
  static let vitWeights = Initializer.truncatedNormal(deviation: 0.02)
}
