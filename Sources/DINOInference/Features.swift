public import DINOModels

/// The patch tokens of an image, `[N, D]` on an `h × w` grid.
public struct PatchMap: Sendable {
  /// The values, row by row of the grid.
  public let values: [Float]
  /// The grid.
  public let grid: PatchGrid
  /// The width of a token, `D`.
  public let width: Int

  /// Creates a map.
  ///
  /// - Parameters:
  ///   - values: The values, `[N, D]`.
  ///   - grid: The grid, `N` patches.
  ///   - width: The width of a token.
  /// - Precondition: The number of values is that of the sizes.
  public init(values: [Float], grid: PatchGrid, width: Int) {
    precondition(values.count == grid.count * width, "an odd map of patches")
    self.values = values
    self.grid = grid
    self.width = width
  }

  /// The token of a patch, `[D]`.
  ///
  /// - Parameters:
  ///   - row: The row of the grid.
  ///   - column: The column of the grid.
  /// - Returns: The values, or nil outside the grid.
  public func token(row: Int, column: Int) -> ArraySlice<Float>? {
    guard (0..<grid.height).contains(row), (0..<grid.width).contains(column) else { return nil }
    let start = (row * grid.width + column) * width
    return values[start..<start + width]
  }
}

/// What the model sees in one image, all after the final norm.
public struct ImageFeatures: Sendable {
  /// The class token, `[D]`: the image as a whole.
  public let clsToken: [Float]
  /// The registers, `[R, D]`; empty for models without them.
  public let registerTokens: [Float]
  /// The patch tokens, `[N, D]`: what is where.
  public let patches: PatchMap

  init(_ batch: TokenBatch, image: Int) {
    clsToken = Array(batch.clsToken(image))
    registerTokens = Array(batch.registerTokens(image))
    patches = PatchMap(
      values: Array(batch.patchTokens(image)), grid: batch.grid, width: batch.width)
  }
}

/// How much the class token attends to each patch, per head, `[H, N]`.
///
/// The weights on the class token and the registers are left out, so rows do not sum to 1.
public struct AttentionMap: Sendable {
  /// The weights, head by head.
  public let values: [Float]
  /// The number of heads, `H`.
  public let heads: Int
  /// The grid of the patches.
  public let grid: PatchGrid

  /// Creates a map.
  ///
  /// - Parameters:
  ///   - values: The weights, `[H, N]`.
  ///   - heads: The number of heads.
  ///   - grid: The grid of the patches.
  /// - Precondition: The number of values is that of the sizes.
  public init(values: [Float], heads: Int, grid: PatchGrid) {
    precondition(values.count == heads * grid.count, "an odd map of attention")
    self.values = values
    self.heads = heads
    self.grid = grid
  }
}
