public import Torch

/// A backbone as dense pipelines see it: padded images in, outputs of chosen blocks out.
public struct DenseBackbone {
  /// The side of a patch, pixels.
  public let patchSize: Int
  private let taps: (Tensor) throws(TorchError) -> [FeatureTap]

  /// Wraps any backbone.
  ///
  /// - Parameters:
  ///   - patchSize: The side of a patch, pixels.
  ///   - taps: The outputs of the chosen blocks in their order, for images `[B, C, H, W]` whose sides
  ///     are multiples of the patch side.
  public init(patchSize: Int, taps: @escaping (Tensor) throws(TorchError) -> [FeatureTap]) {
    self.patchSize = patchSize
    self.taps = taps
  }

  /// Takes chosen blocks of a model; registers take no part.
  ///
  /// - Parameters:
  ///   - model: The backbone.
  ///   - layers: Which blocks.
  ///   - normalize: Whether the final norm is applied; segmentation heads want it, depth heads do not.
  public init(_ model: VisionTransformer, _ layers: LayerSelection, normalize: Bool) {
    self.init(patchSize: model.config.patchSize) { images throws(TorchError) in
      try model.intermediateLayers(images, layers, normalize: normalize)
        .map { features throws(TorchError) in try FeatureTap(features) }
    }
  }

  /// The outputs of the chosen blocks for images of any size, zero-padded around the centre.
  ///
  /// - Parameter images: Normalised pixels, `[B, C, H, W]`.
  /// - Returns: One tap per block.
  /// - Throws: `TorchError` if a shape does not fit.
  public func callAsFunction(_ images: Tensor) throws(TorchError) -> [FeatureTap] {
    try taps(CenterPadding(multiple: patchSize)(images))
  }
}

extension LayerSelection {
  /// The blocks that the released heads on four blocks take.
  ///
  /// - Parameter depth: The number of blocks of the backbone.
  /// - Returns: Every quarter's last block for 12 (S, B), 24 (L) and 40 (g) blocks: 2, 5, 8, 11 and
  ///   so on; ViT-L is the exception with 4, 11, 17, 23.
  public static func fourTaps(ofDepth depth: Int) -> LayerSelection {
    // Source: `out_index` of the released depth configurations.
    if depth == 24 { return .listed([4, 11, 17, 23]) }
    return .listed((1...4).map { Swift.max($0 * depth / 4 - 1, 0) })
  }
}

/// How a map of the padded image becomes one of the image.
public enum PaddingRemoval: String, Sendable, Codable {
  /// The map is squeezed to the image's size, as in the original: everything moves a little.
  case squeeze
  /// The map is brought to the padded size and the padding is cut off.
  case crop
}

extension Tensor {
  /// Maps of padded images at the size of the images, by linear interpolation.
  ///
  /// - Parameters:
  ///   - images: The unpadded images, `[B, C, H, W]`.
  ///   - patchSize: The side of a patch.
  ///   - removal: What happens to the padding.
  /// - Returns: Maps, `[B, K, H, W]`.
  /// - Throws: `TorchError` if a rank is not 4.
  func fitted(
    to images: Tensor, patchSize: Int, _ removal: PaddingRemoval
  ) throws(TorchError) -> Tensor {
    let (_, _, h, w) = try images.shape4()
    guard removal == .crop else { return try resizedBilinear(height: h, width: w) }
    let margins = CenterPadding(multiple: patchSize).margins(height: h, width: w)
    return try resizedBilinear(
      height: margins.top + h + margins.bottom, width: margins.left + w + margins.right
    ).narrow(dim: 2, margins.top..<margins.top + h)
      .narrow(dim: 3, margins.left..<margins.left + w)
  }
}
