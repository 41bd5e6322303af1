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
  /// - Parameter x: Tokens, `[B, N, D]`, any floating-point dtype.
  /// - Returns: Tokens, `[B, N, D]`, with the dtype and device of `x`.
  /// - Throws: ``TorchError`` if `x` is not rank 3, or if libtorch runs out of memory.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    let (b, n, d) = try x.shape3()
    let (q, k, v) = try queriesKeysValues(x)
    let mixed = try Tensor.attention(query: q, key: k, value: v)  // [B, H, N, D/H]
    return try proj(mixed.transpose(1, 2).reshape(b, n, d))
  }

  /// Mixes the tokens of each image of packed groups, `[T, D]` to `[T, D]`.
  func callAsFunction(_ x: PackedTokens) throws(TorchError) -> Tensor {
    let projected = PackedTokens(values: try qkv(x.values), groups: x.groups)
    let mixed = try projected.split().map { qkv throws(TorchError) in
      let (b, n, width) = try qkv.shape3()
      let d = width / 3
      let (q, k, v) =
        try qkv
        .reshape(b, n, 3, numHeads, d / numHeads)  // [B, N, 3, H, D/H]
        .permute(2, 0, 3, 1, 4)  // [3, B, H, N, D/H]
        .unbind3()
      return try Tensor.attention(query: q, key: k, value: v)  // [B, H, N, D/H]
        .transpose(1, 2)
        .reshape(b * n, d)
    }
    return try proj(mixed.count == 1 ? mixed[0] : Tensor.cat(mixed))
  }

  /// The attention weights themselves, by an explicit softmax: the fused kernel never forms them.
  ///
  /// - Parameter x: Tokens, `[B, N, D]`.
  /// - Returns: Weights, `[B, H, N, N]`; each row (one query) sums to 1.
  /// - Throws: ``TorchError`` if `x` is not rank 3, or if libtorch runs out of memory.
  public func weights(_ x: Tensor) throws(TorchError) -> Tensor {
    let (q, k, _) = try queriesKeysValues(x)
    let scale = 1 / Double(try q.size(-1)).squareRoot()
    return try (q * scale).matmul(k.transpose(-2, -1)).softmax(dim: -1)
  }

  private func queriesKeysValues(
    _ x: Tensor
  ) throws(TorchError) -> (Tensor, Tensor, Tensor) {
    let (b, n, d) = try x.shape3()
    return try qkv(x)
      .reshape(b, n, 3, numHeads, d / numHeads)  // [B, N, 3, H, D/H]
      .permute(2, 0, 3, 1, 4)  // [3, B, H, N, D/H]
      .unbind3()
  }
}

extension Initializer {
  /// What every linear weight of the original starts from.
  static let vitWeights = Initializer.truncatedNormal(deviation: 0.02)
}
