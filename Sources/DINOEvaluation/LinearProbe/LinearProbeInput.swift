public import Torch

/// Which of a backbone's tokens a linear classifier sees.
///
/// The tokens of an image are kept as one row `[cls of the last L blocks, mean patch]`, `(L + 1) · D`
/// values, first block first, all after the final norm. Every input is a range of its columns, so one
/// forward pass serves all.
///
/// Source: `create_linear_input` of `dinov2.eval.linear`; Oquab et al., 2023, appendix B.3.
public struct LinearProbeInput: Sendable, Hashable {
  /// How many of the last blocks give their class token.
  public let blocks: Int
  /// Whether the mean patch token of the last block comes after them.
  public let usesAveragePooling: Bool

  /// Chooses tokens.
  ///
  /// - Parameters:
  ///   - blocks: How many of the last blocks give their class token.
  ///   - usesAveragePooling: Whether the mean patch token of the last block comes after them.
  public init(blocks: Int, usesAveragePooling: Bool) {
    self.blocks = blocks
    self.usesAveragePooling = usesAveragePooling
  }

  /// The four inputs of the original: one and four blocks, without and with pooling.
  public static let standard = inputs(blocks: [1, 4])

  /// Every number of blocks without and with pooling.
  ///
  /// - Parameter blocks: Numbers of blocks.
  /// - Returns: The inputs, in the original's order.
  public static func inputs(blocks: [Int]) -> [LinearProbeInput] {
    blocks.flatMap { count in
      [false, true].map { LinearProbeInput(blocks: count, usesAveragePooling: $0) }
    }
  }

  /// The columns of a row.
  ///
  /// - Parameters:
  ///   - layers: How many blocks the row has, `L`, at least ``blocks``.
  ///   - embedDim: The width of a token, `D`.
  /// - Returns: The range.
  public func columns(layers: Int, embedDim: Int) -> Range<Int> {
    (layers - blocks) * embedDim..<(layers + (usesAveragePooling ? 1 : 0)) * embedDim
  }

  /// Rows of the last blocks' tokens.
  ///
  /// - Parameter layers: For each block, first to last: class tokens `[B, D]` and patch tokens
  ///   `[B, N, D]`.
  /// - Returns: `[B, (L + 1) · D]`, float32.
  /// - Throws: `TorchError` if there is no block or shapes differ.
  public static func rows(
    _ layers: [(clsToken: Tensor, patchTokens: Tensor)]
  ) throws(TorchError) -> Tensor {
    guard let last = layers.last else { throw TorchError("linear_input", "no block") }
    var parts = layers.map(\.clsToken)
    parts.append(try last.patchTokens.mean(dim: 1))
    return try Tensor.cat(parts, dim: 1).to(dtype: .float32)
  }
}
