public import Torch

/// Cuts images into patches and projects each to a token.
///
/// Source: Dosovitskiy et al., 2021, equation 1. One convolution whose stride is its kernel.
///
/// Shapes: `B` images, `C` channels, `p` patch side, `D` width; patches row by row.
public final class PatchEmbed {
  private let proj: Conv2d
  private let config: VisionTransformerConfig

  /// Registers `proj.weight` `[D, C, p, p]` and `proj.bias` `[D]`.
  public init(
    _ config: VisionTransformerConfig, in scope: ParameterScope
  ) throws(TorchError) {
    let shape = ConvolutionShape(
      inputs: config.inChannels, outputs: config.embedDim, kernel: config.patchSize,
      stride: config.patchSize)
    proj = try Conv2d(shape, in: scope / "proj")
    self.config = config
  }

  /// Projects every patch.
  ///
  /// - Parameter images: `[B, C, H, W]`; `H` and `W` are multiples of the patch side.
  /// - Returns: Tokens, `[B, H/p · W/p, D]`, and the grid of patches.
  /// - Throws: ``TorchError`` for another number of channels or a size that is no multiple.
  public func callAsFunction(
    _ images: Tensor
  ) throws(TorchError) -> (tokens: Tensor, grid: PatchGrid) {
    let grid = try PatchGrid(of: images, config)
    let tokens = try proj(images)  // [B, D, h, w]
      .flatten(from: 2)  // [B, D, N]
      .transpose(1, 2)  // [B, N, D]
    return (tokens, grid)
  }
}

/// The number of patches down and across an image.
public struct PatchGrid: Equatable, Hashable, Sendable {
  /// Patches from top to bottom.
  public var height: Int
  /// Patches from left to right.
  public var width: Int

  /// Creates a grid.
  public init(height: Int, width: Int) {
    self.height = height
    self.width = width
  }

  /// The number of patches.
  public var count: Int { height * width }

  /// The grid of a batch of images.
  ///
  /// - Parameters:
  ///   - images: `[B, C, H, W]`.
  ///   - config: The model's sizes.
  /// - Throws: ``TorchError`` for another number of channels or a size that is no multiple of the
  ///   patch side.
  public init(of images: Tensor, _ config: VisionTransformerConfig) throws(TorchError) {
    let (_, channels, imageHeight, imageWidth) = try images.shape4()
    guard channels == config.inChannels else {
      throw TorchError(
        "patch_embed", "the image has \(channels) channels, the model takes \(config.inChannels)")
    }
    let p = config.patchSize
    guard imageHeight % p == 0, imageWidth % p == 0, imageHeight >= p, imageWidth >= p else {
      throw TorchError(
        "patch_embed",
        "the image is \(imageHeight) × \(imageWidth) (height × width); both sides must be "
          + "multiples of the patch side \(p): crop or pad to "
          + "\(imageHeight / p * p) × \(imageWidth / p * p)")
    }
    self.init(height: imageHeight / p, width: imageWidth / p)
  }
}
