public import Torch

/// From normalised images of any size to depth maps.
///
/// Padding, backbone, head, clamping to the head's range, interpolation to the image's size.
///
/// Source: Oquab et al., 2023, section 7.4; `DepthEncoderDecoder` of the released code.
public struct DepthEstimator {
  /// What is done beyond one pass over the whole image.
  public struct Options: Equatable, Sendable {
    /// Windows whose maps are averaged; `nil` takes the whole image at once.
    public var window: SlidingWindow?
    /// Whether the map of the mirrored image is averaged in.
    public var averagesFlip = false
    /// What happens to the padding.
    public var paddingRemoval = PaddingRemoval.squeeze

    /// Creates the options of the released code's plain inference.
    public init() {}
  }

  /// The depth range, metres; maps are clamped to it.
  public var range: ClosedRange<Double> { head.range }
  private let backbone: DenseBackbone
  private let head: any DepthHead

  /// Joins a backbone and a head.
  ///
  /// - Parameters:
  ///   - backbone: Gives the taps that the head takes, without the final norm.
  ///   - head: The head.
  public init(backbone: DenseBackbone, head: any DepthHead) {
    self.backbone = backbone
    self.head = head
  }

  /// Joins a model and a head: the last block for a head of one tap, the released choice of blocks
  /// for four.
  ///
  /// - Parameters:
  ///   - model: The backbone, with registers or without.
  ///   - head: The head.
  ///   - layers: Which blocks, if not the released choice.
  public init(_ model: VisionTransformer, head: any DepthHead, layers: LayerSelection? = nil) {
    let choice: LayerSelection =
      head.taps == 4 ? .fourTaps(ofDepth: model.config.depth) : .last(head.taps)
    self.init(
      backbone: DenseBackbone(model, layers ?? choice, normalize: false), head: head)
  }

  /// The depth of each pixel; nothing is recorded for a backward pass.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - options: Windows and flips.
  ///   - size: The size of the result, if not that of the images.
  /// - Returns: Metres, `[B, 1, H, W]`.
  /// - Throws: `TorchError` if a shape does not fit.
  public func callAsFunction(
    _ images: Tensor, _ options: Options = Options(), size: DenseSize? = nil
  ) throws(TorchError) -> Tensor {
    try withoutGradient { () throws(TorchError) in
      var depth = try inference(images, options, size: size)
      if options.averagesFlip {
        let mirrored = try inference(images.flip(dims: [3]), options, size: size)
        depth = try (depth + mirrored.flip(dims: [3])) / 2
      }
      return depth
    }
  }

  private func inference(
    _ images: Tensor, _ options: Options, size: DenseSize?
  ) throws(TorchError) -> Tensor {
    let map: Tensor
    if let window = options.window {
      map = try window.mean(over: images) { crop throws(TorchError) in
        try coarse(crop).fitted(
          to: crop, patchSize: backbone.patchSize, options.paddingRemoval)
      }
    } else if let size, options.paddingRemoval == .squeeze {
      // One interpolation from the head's map to the size, as in the original.
      return try coarse(images).resizedBilinear(height: size.height, width: size.width)
    } else {
      map = try coarse(images).fitted(
        to: images, patchSize: backbone.patchSize, options.paddingRemoval)
    }
    guard let size, map.shape[2...] != [size.height, size.width] else { return map }
    return try map.resizedBilinear(height: size.height, width: size.width)
  }

  /// The head's map of padded images, clamped.
  private func coarse(_ images: Tensor) throws(TorchError) -> Tensor {
    try head(backbone(images)).clamped(from: range.lowerBound, to: range.upperBound)
  }
}
