public import Torch

/// Segmentation by masks: learnt queries look for something in the image, and each gives a mask and a class.
///
/// The patch tokens of some blocks are joined and made narrower. A small pixel path makes embeddings finer
/// than the patches of them. Queries attend to the tokens inside of the mask that they had one layer before;
/// a mask is the product of a query's embedding with those of the pixels. Classes of pixels follow from all
/// queries together.
///
/// Source: Cheng et al., 2022 (Mask2Former), with one scale of features, as a plain ViT has it (Kerssies et
/// al., 2025).
///
/// Shapes: `B` images, an `h × w` grid of patches, `L · D` channels of all blocks side by side, `C` channels,
/// `Q` queries, `K` classes, `H × W` pixel embeddings.
public final class MaskSegmentationHead: SegmentationHead {
  /// The sizes.
  public let config: MaskSegmentationHeadConfig
  /// All parameters by name.
  public let parameters: ParameterStore
  /// The first layer, `L · D` to `C`.
  package let project: Linear
  private let norm: LayerNorm
  private let context: DetectionConvolution
  private let finer: [DetectionUpsampling]
  private let pixels: Linear
  private let queries: Parameter
  private let positions: Parameter
  private let layers: [MaskDecoderLayer]
  private let outputNorm: LayerNorm
  private let classifier: Linear
  private let masks: [Linear]

  /// Registers the parameters under a scope.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: `TorchError` if a size is impossible or a name is taken.
  public init(
    _ config: MaskSegmentationHeadConfig, in scope: ParameterScope
  ) throws(TorchError) {
    if let problem = config.problem { throw TorchError("mask_head", problem) }
    self.config = config
    parameters = scope.parameterStore
    let width = config.channels
    project = try Linear(config.taps * config.embedDim, width, in: scope / "project")
    norm = try LayerNorm(width, epsilon: 1e-6, in: scope / "norm")
    context = try DetectionConvolution(width, in: scope / "pixel" / "context")
    finer = try (0..<config.upsampling.trailingZeroBitCount).map { index throws(TorchError) in
      try DetectionUpsampling(width, in: scope / "pixel" / "up" / index)
    }
    pixels = try Linear(width, width, in: scope / "pixel" / "embed")
    queries = try scope.parameter(
      "query_feat", [config.queries, width], .normal(deviation: 1))
    positions = try scope.parameter(
      "query_embed", [config.queries, width], .normal(deviation: 1))
    layers = try (0..<config.layers).map { index throws(TorchError) in
      try MaskDecoderLayer(config, in: scope / "layers" / index)
    }
    outputNorm = try LayerNorm(width, epsilon: 1e-6, in: scope / "decoder_norm")
    classifier = try Linear(width, config.classes + 1, in: scope / "class_embed")
    masks = try (0..<3).map { index throws(TorchError) in
      try Linear(width, width, in: scope / "mask_embed" / "layers" / index)
    }
  }

  /// The number of blocks.
  public var taps: Int { config.taps }
  /// The number of classes.
  public var classes: Int { config.classes }

  /// The logarithms of the classes' scores; see ``MaskPrediction/semanticLogits()``.
  ///
  /// - Parameter maps: The patch tokens of the blocks, each `[B, D, h, w]`.
  /// - Returns: `[B, K, H, W]`.
  /// - Throws: `TorchError` if the number of maps or a shape does not fit.
  public func callAsFunction(_ maps: [Tensor]) throws(TorchError) -> Tensor {
    guard maps.count == taps else {
      throw TorchError("mask_head", "takes \(taps) maps, given \(maps.count)")
    }
    let patches = try Tensor.cat(maps, dim: 1).permute(0, 2, 3, 1)  // [B, h, w, L · D]
    guard let last = try predictions(project(patches)).last else {
      throw TorchError("mask_head", "there are no layers")
    }
    return try last.semanticLogits()
  }

  /// The masks and classes of the initial queries and after each layer.
  ///
  /// - Parameter projected: What the first layer gives, `[B, h, w, C]`.
  /// - Returns: One prediction more than there are layers; the last one counts.
  /// - Throws: `TorchError` if the shape does not fit.
  package func predictions(_ projected: Tensor) throws(TorchError) -> [MaskPrediction] {
    let (b, h, w, c) = try projected.shape4()
    let x = try norm(projected)
    let pixels = try pixelEmbeddings(x)  // [B, H, W, C]
    let tokens = try x.reshape(b, h * w, c)
    let keys = try tokens + SinePositions.tensor(height: h, width: w, like: x)
    var state = try queries.value.expand(b, config.queries, c)
    var last = try predict(state, pixels)
    var predictions = [last]
    for layer in layers {
      state = try layer(
        state, positions: positions.value, keys: keys, values: tokens,
        bias: last.attentionBias(height: h, width: w))
      last = try predict(state, pixels)
      predictions.append(last)
    }
    return predictions
  }

  private func pixelEmbeddings(_ x: Tensor) throws(TorchError) -> Tensor {
    var map = try x + context(x)
    for layer in finer { map = try layer(map) }
    return try pixels(map)
  }

  private func predict(
    _ state: Tensor, _ pixels: Tensor
  ) throws(TorchError) -> MaskPrediction {
    let (b, h, w, c) = try pixels.shape4()
    let normed = try outputNorm(state)
    var embedding = normed
    for (index, layer) in masks.enumerated() {
      embedding = try layer(embedding)
      if index < masks.count - 1 { embedding = try embedding.relu() }
    }
    let masks = try embedding.matmul(pixels.reshape(b, h * w, c).transpose(1, 2))  // [B, Q, H · W]
    return MaskPrediction(
      classLogits: try classifier(normed),
      maskLogits: try masks.reshape(b, config.queries, h, w))
  }
}
