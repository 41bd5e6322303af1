public import Torch

/// From normalised images of any size to class probabilities and label maps.
///
/// Source: Oquab et al., 2023, section 7.4; `EncoderDecoder` of mmsegmentation with the released head.
public struct SemanticSegmenter {
  /// What is done beyond one pass over the whole image.
  public struct Options: Equatable, Sendable {
    /// Windows whose logits are averaged; `nil` takes the whole image at once.
    public var window: SlidingWindow?
    /// Factors by which the image is scaled; probabilities are averaged.
    public var scales: [Double] = [1]
    /// Whether the mirrored image is averaged in at each scale.
    public var averagesFlip = false
    /// What happens to the padding.
    public var paddingRemoval = PaddingRemoval.squeeze

    /// Creates the options of plain inference.
    public init() {}

    /// The published multi-scale protocol: windows of 640 by 320, five scales, flips.
    public static let multiScale: Options = {
      var options = Options()
      options.window = .multiScale
      options.scales = [1, 1.32, 1.73, 2.28, 3]
      options.averagesFlip = true
      return options
    }()
  }

  /// The number of classes.
  public var classes: Int { head.classes }
  private let backbone: DenseBackbone
  private let head: any SegmentationHead

  /// Joins a backbone and a head.
  ///
  /// - Parameters:
  ///   - backbone: Gives the taps that the head takes, after the final norm.
  ///   - head: The head.
  public init(backbone: DenseBackbone, head: any SegmentationHead) {
    self.backbone = backbone
    self.head = head
  }

  /// Joins a model and a head on its last blocks.
  ///
  /// - Parameters:
  ///   - model: The backbone, with registers or without.
  ///   - head: The head.
  ///   - layers: Which blocks, if not as many of the last ones as the head takes.
  public init(
    _ model: VisionTransformer, head: any SegmentationHead, layers: LayerSelection? = nil
  ) {
    self.init(
      backbone: DenseBackbone(model, layers ?? .last(head.taps), normalize: true), head: head)
  }

  /// The logits of each pixel of images or windows, in one pass.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - paddingRemoval: What happens to the padding.
  /// - Returns: Logits, `[B, K, H, W]`.
  /// - Throws: `TorchError` if a shape does not fit.
  public func logits(
    _ images: Tensor, paddingRemoval: PaddingRemoval = .squeeze
  ) throws(TorchError) -> Tensor {
    let maps = try backbone(images).map(\.maps)
    return try head(maps).fitted(
      to: images, patchSize: backbone.patchSize, paddingRemoval)
  }

  /// The class probabilities of each pixel; nothing is recorded for a backward pass.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - options: Windows, scales and flips.
  ///   - size: The size of the result, if not that of the images.
  /// - Returns: Probabilities, `[B, K, H, W]`.
  /// - Throws: `TorchError` if a shape does not fit or there is no usable scale.
  public func probabilities(
    _ images: Tensor, _ options: Options = Options(), size: DenseSize? = nil
  ) throws(TorchError) -> Tensor {
    try withoutGradient { () throws(TorchError) in
      let (_, _, h, w) = try images.shape4()
      let size = size ?? DenseSize(height: h, width: w)
      var sum: Tensor?
      var views = 0
      for scale in options.scales {
        let scaled = try Self.scaled(images, by: scale)
        for isMirrored in options.averagesFlip ? [false, true] : [false] {
          let view = isMirrored ? try scaled.flip(dims: [3]) : scaled
          var map = try probabilities(ofView: view, options, size)
          if isMirrored { map = try map.flip(dims: [3]) }
          if let sum { try sum.add(inPlace: map) } else { sum = map }
          views += 1
        }
      }
      guard let sum else { throw TorchError("segmentation", "there are no scales") }
      return views == 1 ? sum : try sum / Double(views)
    }
  }

  /// The most probable class of each pixel.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - options: Windows, scales and flips.
  ///   - size: The size of the result, if not that of the images.
  /// - Returns: Class indices, int64 `[B, H, W]`.
  /// - Throws: `TorchError` if a shape does not fit or there is no usable scale.
  public func labels(
    _ images: Tensor, _ options: Options = Options(), size: DenseSize? = nil
  ) throws(TorchError) -> Tensor {
    try probabilities(images, options, size: size).argmax(dim: 1)
  }

  private func probabilities(
    ofView images: Tensor, _ options: Options, _ size: DenseSize
  ) throws(TorchError) -> Tensor {
    var logits: Tensor
    if let window = options.window {
      logits = try window.mean(over: images) { crop throws(TorchError) in
        try self.logits(crop, paddingRemoval: options.paddingRemoval)
      }
    } else {
      logits = try self.logits(images, paddingRemoval: options.paddingRemoval)
    }
    if logits.shape[2...] != [size.height, size.width] {
      logits = try logits.resizedBilinear(height: size.height, width: size.width)
    }
    return try logits.softmax(dim: 1)
  }

  /// Images with sides scaled and rounded, as mmcv's `imrescale` does.
  private static func scaled(_ images: Tensor, by scale: Double) throws(TorchError) -> Tensor {
    guard scale != 1 else { return images }
    let (_, _, h, w) = try images.shape4()
    let sides = [h, w].map { Double($0) * scale + 0.5 }
    guard sides.allSatisfy({ $0 >= 1 && $0 < 1e6 }) else {
      throw TorchError(
        "segmentation", "scale \(scale) is not usable", operands: [images.typeDescription])
    }
    return try images.resizedBilinear(height: Int(sides[0]), width: Int(sides[1]))
  }
}
