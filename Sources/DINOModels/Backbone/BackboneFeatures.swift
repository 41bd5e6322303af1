public import Torch

/// What a backbone makes of a batch of images.
///
/// Shapes: `B` images, `R` registers, `N` patches on an `h × w` grid, `D` width.
public struct BackboneFeatures {
  /// All tokens after the final norm, `[B, 1 + R + N, D]`.
  public let normalized: Tensor
  /// All tokens before the final norm, `[B, 1 + R + N, D]`.
  public let prenorm: Tensor
  /// The grid of patches.
  public let grid: PatchGrid
  /// `R`.
  public let numRegisterTokens: Int

  /// Creates the outputs of a forward pass.
  public init(normalized: Tensor, prenorm: Tensor, grid: PatchGrid, numRegisterTokens: Int) {
    self.normalized = normalized
    self.prenorm = prenorm
    self.grid = grid
    self.numRegisterTokens = numRegisterTokens
  }

  /// The class tokens after the final norm, `[B, D]`.
  public var clsToken: Tensor {
    get throws(TorchError) { try normalized.select(dim: 1, 0) }
  }

  /// The registers after the final norm, `[B, R, D]`.
  public var registerTokens: Tensor {
    get throws(TorchError) { try normalized.narrow(dim: 1, 1..<1 + numRegisterTokens) }
  }

  /// The patch tokens after the final norm, `[B, N, D]`, row by row.
  public var patchTokens: Tensor {
    get throws(TorchError) {
      let first = 1 + numRegisterTokens
      return try normalized.narrow(dim: 1, first..<first + grid.count)
    }
  }

  /// The patch tokens as maps, `[B, D, h, w]`.
  public var patchMaps: Tensor {
    get throws(TorchError) {
      let (b, _, d) = try patchTokens.shape3()
      return try patchTokens.reshape(b, grid.height, grid.width, d).permute(0, 3, 1, 2)
        .contiguous()
    }
  }
}

/// Which blocks' outputs are wanted.
public enum LayerSelection: Equatable, Sendable {
  /// The last so many blocks.
  case last(Int)
  /// Blocks by index, counted from 0; results come in the order of the blocks.
  case listed([Int])

  /// The chosen indices.
  ///
  /// - Parameter depth: The number of blocks.
  /// - Returns: The indices.
  /// - Throws: ``TorchError`` if there is no such block.
  public func indices(ofDepth depth: Int) throws(TorchError) -> Set<Int> {
    let chosen: Set<Int> =
      switch self {
      case .last(let count): Set(depth - count..<Swift.max(depth, depth - count))
      case .listed(let list): Set(list)
      }
    if let wrong = chosen.first(where: { !(0..<depth).contains($0) }) {
      throw TorchError("intermediate_layers", "no block \(wrong); the model has \(depth)")
    }
    return chosen
  }
}
