public import Torch

/// The sizes of a ``LinearDepthHead``.
public struct LinearDepthHeadConfig: Equatable, Sendable, Codable {
  /// Width of the backbone's tokens.
  public var embedDim: Int
  /// The number of blocks that features are taken from; 1 or 4 in the released heads.
  public var taps: Int
  /// The smallest depth, metres.
  public var minDepth = 0.001
  /// The largest depth, metres: 10 for NYU, 80 for KITTI.
  ///
  /// The released loader always uses 80 for this head, also with weights that were trained for 10.
  public var maxDepth = 80.0
  /// How logits become metres; `nil` regresses the depth itself.
  public var bins: DepthBins? = DepthBins()
  /// Without bins: whether a sigmoid times the largest depth replaces the positive part.
  public var scalesSigmoid = false
  /// How often finer than the grid of patches the result is.
  public var upsampling = 4

  /// Creates sizes; what is left out is that of the released heads.
  ///
  /// - Parameters:
  ///   - embedDim: Width of the backbone's tokens.
  ///   - taps: The number of blocks that features are taken from.
  public init(embedDim: Int, taps: Int) {
    self.embedDim = embedDim
    self.taps = taps
  }
}

/// A linear layer from patch and class tokens to depth.
///
/// Each patch token gets the class token of its image behind it; the taps are joined and projected
/// to the logits of depth bins, which are interpolated to a finer grid. The original interpolates
/// before it projects; both are linear and the weights of an interpolation sum to 1, so the order is
/// free, and this one costs a sixteenth.
///
/// Source: Oquab et al., 2023, section 7.4; the released `BNHead`, which has no batch norm. Parameter
/// names are those of the released files below `decode_head`: `conv_depth.weight`, `conv_depth.bias`.
///
/// Shapes: `B` images, `D` width, an `h × w` grid of patches.
public final class LinearDepthHead: DepthHead {
  /// The sizes.
  public let config: LinearDepthHeadConfig
  /// All parameters by name.
  public let parameters: ParameterStore
  private let projection: Conv2d

  /// Registers the parameters under a scope.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: `TorchError` if a size is not positive or a name is taken.
  public init(_ config: LinearDepthHeadConfig, in scope: ParameterScope) throws(TorchError) {
    let channels = config.bins?.count ?? 1
    guard
      config.embedDim > 0, config.taps > 0, config.upsampling > 0, channels > 0,
      config.minDepth < config.maxDepth
    else { throw TorchError("linear_depth_head", "impossible sizes: \(config)") }
    self.config = config
    parameters = scope.parameterStore
    projection = try Conv2d(
      ConvolutionShape(inputs: 2 * config.embedDim * config.taps, outputs: channels, kernel: 1),
      in: scope / "conv_depth")
  }

  /// The depth range, metres.
  public var range: ClosedRange<Double> { config.minDepth...config.maxDepth }

  /// The number of taps.
  public var taps: Int { config.taps }

  /// The depth of a batch of images.
  ///
  /// - Parameter taps: The outputs of the blocks without the final norm, in their order.
  /// - Returns: Metres, `[B, 1, 4h, 4w]`, not clamped.
  /// - Throws: `TorchError` if the number of taps, a grid or the width does not fit.
  public func callAsFunction(_ taps: [FeatureTap]) throws(TorchError) -> Tensor {
    guard taps.count == config.taps else {
      throw TorchError("linear_depth_head", "takes \(config.taps) taps, given \(taps.count)")
    }
    let joined = try taps.map { tap throws(TorchError) in try tap.joinedMaps }
    let (_, _, h, w) = try joined[0].shape4()
    let logits = try projection(.cat(joined, dim: 1))
      .resizedBilinear(height: config.upsampling * h, width: config.upsampling * w)
    if let bins = config.bins { return try bins.depth(of: logits, in: range) }
    return config.scalesSigmoid
      ? try logits.sigmoid() * config.maxDepth : try logits.relu() + config.minDepth
  }
}
