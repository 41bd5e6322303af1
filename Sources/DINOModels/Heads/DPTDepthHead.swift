public import Torch

/// The sizes of a ``DPTDepthHead``.
public struct DPTDepthHeadConfig: Equatable, Sendable, Codable {
  /// What becomes of the class token.
  public enum Readout: String, Sendable, Codable {
    /// It is left out.
    case ignore
    /// It is added to each patch token.
    case add
    /// Joined with each patch token, then a linear layer and GELU; what the released heads do.
    case project
  }

  /// Width of the backbone's tokens.
  public var embedDim: Int
  /// Width of the maps that are fused.
  public var channels = 256
  /// Width of the four reassembled maps, finest first.
  public var reassembledChannels: [Int]
  /// What becomes of the class token.
  public var readout = Readout.project
  /// The smallest depth, metres.
  public var minDepth = 0.001
  /// The largest depth, metres: 10 for NYU, 80 for KITTI; the pipeline clamps to it.
  public var maxDepth = 10.0

  /// Creates sizes; what is left out is that of the released heads.
  ///
  /// - Parameter embedDim: Width of the backbone's tokens.
  public init(embedDim: Int) {
    self.embedDim = embedDim
    reassembledChannels = (0..<4).map { embedDim >> (3 - $0) }
  }
}

/// The dense prediction transformer's decoder for depth.
///
/// Features of four blocks become maps at 4, 2, 1 and ½ times the grid of patches, and are fused from
/// the coarsest to the finest, each time at twice the size.
///
/// Source: Ranftl et al., 2021, section 3.1; Oquab et al., 2023, section 7.4; the released `DPTHead`.
/// Parameter names are those of the released files below `decode_head`.
///
/// Shapes: `B` images, `D` width, an `h × w` grid of patches.
public final class DPTDepthHead: DepthHead {
  /// The sizes.
  public let config: DPTDepthHeadConfig
  /// All parameters by name.
  public let parameters: ParameterStore
  private let reassembly: [DPTReassembly]
  private let convolutions: [Conv2d]
  private let fusions: [DPTFusion]
  private let project: Conv2d
  private let output: (first: Conv2d, second: Conv2d, last: Conv2d)

  /// Registers the parameters under a scope.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: `TorchError` if a size is not positive, there are not four reassembled widths, or a
  ///   name is taken.
  public init(_ config: DPTDepthHeadConfig, in scope: ParameterScope) throws(TorchError) {
    let widths = config.reassembledChannels
    guard
      config.embedDim > 0, config.channels > 1, widths.count == 4,
      widths.allSatisfy({ $0 > 0 }), config.minDepth < config.maxDepth
    else { throw TorchError("dpt_head", "impossible sizes: \(config)") }
    self.config = config
    parameters = scope.parameterStore
    let width = config.channels
    reassembly = try (0..<4).map { level throws(TorchError) in
      try DPTReassembly(config, level: level, in: scope / "reassemble_blocks")
    }
    convolutions = try (0..<4).map { level throws(TorchError) in
      try Conv2d(
        ConvolutionShape(inputs: widths[level], outputs: width, kernel: 3, padding: 1),
        bias: false, in: scope / "convs" / level / "conv")
    }
    fusions = try (0..<4).map { step throws(TorchError) in
      try DPTFusion(width, hasSkip: step > 0, in: scope / "fusion_blocks" / step)
    }
    project = try Conv2d(
      ConvolutionShape(inputs: width, outputs: width, kernel: 3, padding: 1),
      in: scope / "project" / "conv")
    let head = scope / "conv_depth" / "head"
    output = (
      first: try Conv2d(
        ConvolutionShape(inputs: width, outputs: width / 2, kernel: 3, padding: 1), in: head / 0),
      second: try Conv2d(
        ConvolutionShape(inputs: width / 2, outputs: 32, kernel: 3, padding: 1), in: head / 2),
      last: try Conv2d(ConvolutionShape(inputs: 32, outputs: 1, kernel: 1), in: head / 4)
    )
  }

  /// The depth range, metres.
  public var range: ClosedRange<Double> { config.minDepth...config.maxDepth }

  /// The number of taps, 4.
  public var taps: Int { 4 }

  /// The depth of a batch of images.
  ///
  /// - Parameter taps: The outputs of four blocks without the final norm, in their order.
  /// - Returns: Metres, `[B, 1, 32⌈h/2⌉, 32⌈w/2⌉]`, at least the smallest depth.
  /// - Throws: `TorchError` if there are not four taps or the width does not fit.
  public func callAsFunction(_ taps: [FeatureTap]) throws(TorchError) -> Tensor {
    guard taps.count == 4 else {
      throw TorchError("dpt_head", "takes 4 taps, given \(taps.count)")
    }
    var maps: [Tensor] = []
    for (level, tap) in taps.enumerated() {
      maps.append(try convolutions[level](reassembly[level](tap)))
    }
    var x = try fusions[0](maps[3], skip: nil)
    for step in 1..<4 { x = try fusions[step](x, skip: maps[3 - step]) }
    x = try project(x).relu()
    x = try output.first(x).doubled()
    x = try output.last(output.second(x).relu())
    return try x.relu() + config.minDepth
  }
}

extension Tensor {
  /// Maps at twice the size, corners on corners, as in all of DPT.
  func doubled() throws(TorchError) -> Tensor {
    let (_, _, h, w) = try shape4()
    return try resizedBilinear(height: 2 * h, width: 2 * w, alignCorners: true)
  }
}
