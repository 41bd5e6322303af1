public import Torch

/// What a dense head takes from one block of the backbone.
///
/// Registers take no part, so a tap is the same for backbones with and without them.
///
/// Shapes: `B` images, `D` width, an `h × w` grid of patches.
public struct FeatureTap {
  /// The patch tokens as maps, `[B, D, h, w]`.
  public let maps: Tensor
  /// The class tokens, `[B, D]`.
  public let clsToken: Tensor

  /// Creates a tap.
  ///
  /// - Parameters:
  ///   - maps: The patch tokens as maps, `[B, D, h, w]`.
  ///   - clsToken: The class tokens, `[B, D]`.
  /// - Throws: `TorchError` if batch and width of both differ.
  public init(maps: Tensor, clsToken: Tensor) throws(TorchError) {
    let (b, d, _, _) = try maps.shape4()
    guard clsToken.shape == [b, d] else {
      throw TorchError(
        "feature_tap", "expected class tokens [\(b), \(d)]",
        operands: [maps.typeDescription, clsToken.typeDescription])
    }
    self.maps = maps
    self.clsToken = clsToken
  }

  /// Takes the outputs of a block as they are: normed or not.
  ///
  /// - Parameter features: The outputs of the block.
  /// - Throws: `TorchError` if the outputs contradict themselves.
  public init(_ features: BackboneFeatures) throws(TorchError) {
    try self.init(maps: features.patchMaps, clsToken: features.clsToken)
  }

  /// Patch tokens with the class token of their image behind each, `[B, 2D, h, w]`.
  var joinedMaps: Tensor {
    get throws(TorchError) {
      let (b, d, h, w) = try maps.shape4()
      let cls = try clsToken.reshape(b, d, 1, 1).expand(b, d, h, w)
      return try .cat([maps, cls], dim: 1)
    }
  }
}
