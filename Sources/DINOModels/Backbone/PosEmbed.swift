public import Torch

/// Learned positions of the class token and of a square grid of patches.
///
/// Shapes: `M` side of the stored grid, `D` width.
public struct PosEmbed {
  private let stored: Parameter
  private let interpolation: PosEmbedInterpolation

  /// Registers `pos_embed` `[1, 1 + M·M, D]`.
  public init(
    _ config: VisionTransformerConfig, in scope: ParameterScope
  ) throws(TorchError) {
    let count = 1 + config.gridSize * config.gridSize
    stored = try scope.parameter("pos_embed", [1, count, config.embedDim], .vitWeights)
    interpolation = config.posEmbedInterpolation
  }

  /// The positions for a grid of patches.
  ///
  /// The stored values are used as they are only for the very grid they were trained on; another
  /// grid with as many patches is interpolated, in float32 at least.
  ///
  /// - Parameter grid: The patches of the image.
  /// - Returns: Class position and patch positions, `[1, 1 + h·w, D]`, in the stored dtype.
  /// - Throws: ``TorchError`` if libtorch runs out of memory.
  public func callAsFunction(for grid: PatchGrid) throws(TorchError) -> Tensor {
    let positions = stored.value
    let (_, count, dim) = try positions.shape3()
    let side = Int(Double(count - 1).squareRoot().rounded())
    if grid.height == side, grid.width == side { return positions }

    let exact = positions.dtype == .float64 ? positions : try positions.to(dtype: .float32)
    let square = try exact.narrow(dim: 1, 1..<count)
      .reshape(1, side, side, dim)
      .permute(0, 3, 1, 2)  // [1, D, M, M]
    let patches = try square.resizedBicubic(
      height: grid.height, width: grid.width, scales: scales(to: grid, from: side),
      antialias: interpolation.antialias
    )
    .permute(0, 2, 3, 1)
    .reshape(1, grid.count, dim)
    let classPosition = try exact.narrow(dim: 1, 0..<1)
    return try Tensor.cat([classPosition, patches], dim: 1)
      .to(dtype: positions.dtype ?? .float32)
  }

  /// With an offset the operator steps by `1 / scale` instead of by the ratio of the sizes.
  private func scales(
    to grid: PatchGrid, from side: Int
  ) -> (height: Double, width: Double)? {
    guard interpolation.offset != 0 else { return nil }
    return (
      (Double(grid.height) + interpolation.offset) / Double(side),
      (Double(grid.width) + interpolation.offset) / Double(side)
    )
  }
}
