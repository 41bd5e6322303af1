public import Torch

/// The sizes of a ``LinearSegmentationHead``.
public struct LinearSegmentationHeadConfig: Equatable, Sendable, Codable {
  /// Channels of each map that is joined, `D` for a block of the backbone.
  public var channels: [Int]
  /// The number of classes.
  public var classes: Int
  /// Which of the given maps are joined, in this order; `nil` for all.
  public var inputIndices: [Int]?
  /// A factor for each joined map by which it is scaled first; `nil` for none.
  public var resizeFactors: [Double]?
  /// The share of channels that are dropped before the last layer when training.
  public var dropoutRate = 0.1
  /// Added to the variance in the batch norm.
  public var batchNormEpsilon = 1e-5
  /// Share of the newest batch in the running statistics of the batch norm.
  public var batchNormMomentum = 0.1

  /// Creates sizes; what is left out is that of the published heads.
  ///
  /// - Parameters:
  ///   - channels: Channels of each map that is joined.
  ///   - classes: The number of classes.
  public init(channels: [Int], classes: Int) {
    self.channels = channels
    self.classes = classes
  }

  /// The head on the last so many blocks: 1 for `linear`, 4 for `ms`.
  ///
  /// - Parameters:
  ///   - embedDim: Width of the backbone's tokens.
  ///   - taps: The number of blocks.
  ///   - classes: The number of classes.
  public init(embedDim: Int, taps: Int, classes: Int) {
    self.init(channels: Array(repeating: embedDim, count: max(taps, 0)), classes: classes)
  }
}

/// A batch norm and a linear layer from patch tokens to class logits.
///
/// Maps of several blocks are brought to the size of the first by linear interpolation and joined.
///
/// Source: Oquab et al., 2023, section 7.4; the released `BNHead`. Parameter names are those of the
/// released files below `decode_head`: `bn.…`, `conv_seg.weight`, `conv_seg.bias`.
///
/// Shapes: `B` images, `K` classes, an `h × w` grid of patches.
public final class LinearSegmentationHead: SegmentationHead {
  /// The sizes.
  public let config: LinearSegmentationHeadConfig
  /// All parameters by name.
  public let parameters: ParameterStore
  private let norm: BatchNorm
  private let weight: Parameter
  private let bias: Parameter

  /// Registers the parameters under a scope.
  ///
  /// The linear layer starts from a normal distribution with σ 0.01, its bias from 0.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: `TorchError` if a size is not positive, the lists of the configuration differ in
  ///   length, or a name is taken.
  public init(
    _ config: LinearSegmentationHeadConfig, in scope: ParameterScope
  ) throws(TorchError) {
    let count = config.channels.count
    let isPossible =
      count > 0 && config.channels.allSatisfy { $0 > 0 } && config.classes > 0
      && (config.inputIndices?.count ?? count) == count
      && (config.resizeFactors?.count ?? count) == count
    guard isPossible else { throw TorchError("segmentation_head", "impossible sizes: \(config)") }
    self.config = config
    parameters = scope.parameterStore
    let width = config.channels.reduce(0, +)
    norm = try BatchNorm(
      width, epsilon: config.batchNormEpsilon, momentum: config.batchNormMomentum,
      in: scope / "bn")
    weight = try (scope / "conv_seg").parameter(
      "weight", [config.classes, width, 1, 1], .normal(deviation: 0.01))
    bias = try (scope / "conv_seg").parameter("bias", [config.classes], .zeros)
  }

  /// The number of maps that are joined.
  public var taps: Int { config.channels.count }
  /// The number of classes.
  public var classes: Int { config.classes }

  /// The logits of maps in evaluation.
  ///
  /// - Parameter maps: Maps `[B, C, h, w]`; vectors `[B, C]` count as maps of one pixel.
  /// - Returns: Logits, `[B, K, h, w]`, at the size of the first joined map.
  /// - Throws: `TorchError` if a chosen map is missing or the channels do not fit.
  public func callAsFunction(_ maps: [Tensor]) throws(TorchError) -> Tensor {
    try callAsFunction(maps, .evaluation)
  }

  /// The logits of maps.
  ///
  /// - Parameters:
  ///   - inputs: Maps `[B, C, h, w]`; vectors `[B, C]`, such as class tokens, count as maps of one
  ///     pixel.
  ///   - context: Training or evaluation.
  /// - Returns: Logits, `[B, K, h, w]`, at the size of the first joined map.
  /// - Throws: `TorchError` if a chosen map is missing or the channels do not fit; when training with
  ///   dropout also without a generator.
  public func callAsFunction(
    _ inputs: [Tensor], _ context: ForwardContext
  ) throws(TorchError) -> Tensor {
    var x = try norm(join(inputs), isTraining: context.isTraining)
    if context.isTraining, config.dropoutRate > 0 {
      guard let generator = context.generator else {
        throw TorchError("segmentation_head", "dropout needs a generator")
      }
      x = try x.droppingChannels(rate: config.dropoutRate, generator: generator)
    }
    return try x.conv2d(weight: weight.value, bias: bias.value)
  }

  /// The chosen maps at the size of the first, joined along channels.
  private func join(_ inputs: [Tensor]) throws(TorchError) -> Tensor {
    let chosen = config.inputIndices ?? Array(0..<taps)
    guard chosen.allSatisfy(inputs.indices.contains) else {
      throw TorchError("segmentation_head", "takes maps \(chosen), given \(inputs.count)")
    }
    var maps: [Tensor] = []
    for (position, index) in chosen.enumerated() {
      var map = inputs[index]
      if map.rank == 2 { map = try map.unsqueeze(dim: -1).unsqueeze(dim: -1) }  // [B, C, 1, 1]
      if let factors = config.resizeFactors { map = try map.scaled(by: factors[position]) }
      if let first = maps.first {
        let (_, _, h, w) = try first.shape4()
        map = try map.resizedBilinear(height: h, width: w)
      }
      maps.append(map)
    }
    return try .cat(maps, dim: 1)
  }
}
