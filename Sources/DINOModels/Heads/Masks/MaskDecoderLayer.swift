package import Torch

/// Attention of queries to tokens, of several heads, where each query may be kept from some tokens.
///
/// Source: Vaswani et al., 2017, section 3.2.
///
/// Shapes: `B` images, `Q` queries, `N` tokens, `C` channels.
package final class QueryAttention {
  private let numHeads: Int
  private let query: Linear
  private let key: Linear
  private let value: Linear
  private let output: Linear

  /// Registers the parameters under a scope.
  ///
  /// - Parameters:
  ///   - channels: Width of queries and tokens, a multiple of the number of heads.
  ///   - numHeads: The number of heads.
  ///   - scope: Where the parameters are registered.
  /// - Throws: `TorchError` if a name is taken.
  package init(_ channels: Int, numHeads: Int, in scope: ParameterScope) throws(TorchError) {
    self.numHeads = numHeads
    query = try Linear(channels, channels, in: scope / "q")
    key = try Linear(channels, channels, in: scope / "k")
    value = try Linear(channels, channels, in: scope / "v")
    output = try Linear(channels, channels, in: scope / "proj")
  }

  /// Lets queries gather what they look for.
  ///
  /// - Parameters:
  ///   - queries: `[B, Q, C]`.
  ///   - keys: `[B, N, C]`.
  ///   - values: `[B, N, C]`.
  ///   - bias: Added to the scores, `[B, 1, Q, N]`.
  /// - Returns: `[B, Q, C]`.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func callAsFunction(
    _ queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor? = nil
  ) throws(TorchError) -> Tensor {
    let (b, n, c) = try queries.shape3()
    let width = Double(c / numHeads)
    let q = try split(query(queries)) / width.squareRoot()  // [B, heads, Q, c]
    var scores = try q.matmul(split(key(keys)).transpose(2, 3))  // [B, heads, Q, N]
    if let bias { scores = try scores + bias }
    let x = try scores.softmax(dim: -1).matmul(split(value(values)))
    return try output(x.transpose(1, 2).reshape(b, n, c))
  }

  private func split(_ x: Tensor) throws(TorchError) -> Tensor {
    let (b, n, c) = try x.shape3()
    return try x.reshape(b, n, numHeads, c / numHeads).transpose(1, 2)
  }
}

/// One layer of a mask decoder: masked attention to the patches, attention among the queries, and a
/// perceptron, each on normed queries and added to them.
///
/// Source: Cheng et al., 2022 (Mask2Former), section 3.2.2; norms come first here, which trains without
/// tuning.
final class MaskDecoderLayer {
  private let crossNorm: LayerNorm
  private let cross: QueryAttention
  private let selfNorm: LayerNorm
  private let own: QueryAttention
  private let norm: LayerNorm
  private let first: Linear
  private let second: Linear

  /// Width of the hidden layer over that of its input; source: Vaswani et al., 2017.
  private static let mlpRatio = 4

  init(_ config: MaskSegmentationHeadConfig, in scope: ParameterScope) throws(TorchError) {
    let width = config.channels
    crossNorm = try LayerNorm(width, epsilon: 1e-6, in: scope / "cross_norm")
    cross = try QueryAttention(width, numHeads: config.numHeads, in: scope / "cross_attn")
    selfNorm = try LayerNorm(width, epsilon: 1e-6, in: scope / "self_norm")
    own = try QueryAttention(width, numHeads: config.numHeads, in: scope / "self_attn")
    norm = try LayerNorm(width, epsilon: 1e-6, in: scope / "norm")
    first = try Linear(width, Self.mlpRatio * width, in: scope / "mlp" / "fc1")
    second = try Linear(Self.mlpRatio * width, width, in: scope / "mlp" / "fc2")
  }

  /// - Parameters:
  ///   - queries: `[B, Q, C]`.
  ///   - positions: What tells queries apart, `[Q, C]`.
  ///   - keys: Tokens with their positions, `[B, N, C]`.
  ///   - values: Tokens, `[B, N, C]`.
  ///   - bias: What keeps queries from tokens, `[B, 1, Q, N]`.
  /// - Returns: `[B, Q, C]`.
  /// - Throws: `TorchError` if the shapes do not fit.
  func callAsFunction(
    _ queries: Tensor, positions: Tensor, keys: Tensor, values: Tensor, bias: Tensor?
  ) throws(TorchError) -> Tensor {
    var x = queries
    x = try x + cross(crossNorm(x) + positions, keys: keys, values: values, bias: bias)
    let normed = try selfNorm(x)
    let placed = try normed + positions
    x = try x + own(placed, keys: placed, values: normed)
    return try x + second(first(norm(x)).gelu())
  }
}
