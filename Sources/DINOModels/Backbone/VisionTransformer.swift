public import Torch

/// The backbone: patches and positions in, features out.
///
/// Token order is class, registers, patches row by row. Registers carry no position; the mask
/// token replaces patch embeddings before positions are added. Parameter names are those of the
/// released checkpoints.
///
/// Source: Dosovitskiy et al., 2021; Oquab et al., 2023, section 4 and table 17; registers:
/// Darcet et al., 2023.
///
/// Shapes: `B` images, `R` registers, `N` patches, `D` width.
public final class VisionTransformer {
  /// The sizes.
  public let config: VisionTransformerConfig
  /// All parameters by name.
  public let parameters: ParameterStore

  private let clsToken: Parameter
  private let maskToken: Parameter
  private let registerTokens: Parameter?
  private let patchEmbed: PatchEmbed
  /// The positions.
  public let posEmbed: PosEmbed
  let blocks: [Block]
  let norm: LayerNorm

  /// Builds the model and registers its parameters.
  ///
  /// Tokens start from a normal distribution with σ 1e-6 (the mask token from 0), positions and
  /// linear weights from a truncated normal with σ 0.02, biases from 0, the patch projection as
  /// PyTorch's convolutions.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if the configuration contradicts itself.
  public init(_ config: VisionTransformerConfig, in scope: ParameterScope) throws(TorchError) {
    let problems = config.problems()
    guard problems.isEmpty else {
      throw TorchError("vision_transformer", problems.joined(separator: "; "))
    }
    self.config = config
    parameters = scope.parameterStore
    let dim = config.embedDim
    let tiny = Initializer.normal(deviation: 1e-6)
    patchEmbed = try PatchEmbed(config, in: scope / "patch_embed")
    clsToken = try scope.parameter("cls_token", [1, 1, dim], tiny)
    posEmbed = try PosEmbed(config, in: scope)
    registerTokens =
      config.numRegisterTokens > 0
      ? try scope.parameter("register_tokens", [1, config.numRegisterTokens, dim], tiny) : nil
    var blocks: [Block] = []
    for index in 0..<config.depth {
      let rate = config.dropPathRate(ofBlock: index)
      blocks.append(try Block(config, dropPathRate: rate, in: scope / "blocks" / index))
    }
    self.blocks = blocks
    norm = try LayerNorm(dim, epsilon: config.layerNormEpsilon, in: scope / "norm")
    maskToken = try scope.parameter("mask_token", [1, dim], .zeros)
  }

  /// Features of a batch of images.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`; sides are multiples of the patch side.
  ///   - mask: Patches to hide, bool `[B, N]`; `nil` hides none.
  ///   - context: Training or evaluation.
  /// - Returns: All outputs.
  /// - Throws: ``TorchError`` if a shape does not fit.
  public func forwardFeatures(
    _ images: Tensor, mask: Tensor? = nil, _ context: ForwardContext = .evaluation
  ) throws(TorchError) -> BackboneFeatures {
    var (x, grid) = try prepareTokens(images, mask: mask)
    for block in blocks { x = try block(x, context) }
    return try BackboneFeatures(
      normalized: norm(x), prenorm: x, grid: grid, numRegisterTokens: config.numRegisterTokens)
  }

  /// The normalised class tokens of a batch of images, `[B, D]`.
  public func callAsFunction(_ images: Tensor) throws(TorchError) -> Tensor {
    try forwardFeatures(images).clsToken
  }

  /// The outputs of chosen blocks, in the order of the blocks.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - layers: Which blocks.
  ///   - normalize: Whether the final norm is applied to each of them.
  /// - Returns: One set of outputs per chosen block.
  /// - Throws: ``TorchError`` if there is no such block or a shape does not fit.
  public func intermediateLayers(
    _ images: Tensor, _ layers: LayerSelection, normalize: Bool = true
  ) throws(TorchError) -> [BackboneFeatures] {
    let chosen = try layers.indices(ofDepth: config.depth)
    var (x, grid) = try prepareTokens(images, mask: nil)
    var outputs: [BackboneFeatures] = []
    for (index, block) in blocks.enumerated() {
      x = try block(x)
      guard chosen.contains(index) else { continue }
      outputs.append(
        BackboneFeatures(
          normalized: normalize ? try norm(x) : x, prenorm: x, grid: grid,
          numRegisterTokens: config.numRegisterTokens))
    }
    return outputs
  }

  /// The attention weights of one block, by an explicit softmax.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - block: Counted from 0; the last one if left out.
  /// - Returns: Weights over all tokens, `[B, H, 1 + R + N, 1 + R + N]`, and the grid of patches.
  /// - Throws: ``TorchError`` if there is no such block or a shape does not fit.
  public func attentionWeights(
    _ images: Tensor, block: Int? = nil
  ) throws(TorchError) -> (weights: Tensor, grid: PatchGrid) {
    let index = block ?? config.depth - 1
    guard blocks.indices.contains(index) else {
      throw TorchError("attention", "no block \(index); the model has \(config.depth)")
    }
    var (x, grid) = try prepareTokens(images, mask: nil)
    for earlier in blocks[..<index] { x = try earlier(x) }
    return (try blocks[index].attn.weights(blocks[index].norm1(x)), grid)
  }

  func prepareTokens(
    _ images: Tensor, mask: Tensor?
  ) throws(TorchError) -> (Tensor, PatchGrid) {
    let b = try images.size(0)
    var (patches, grid) = try patchEmbed(images)
    if let mask {
      let hidden = try mask.unsqueeze(dim: -1)  // [B, N, 1]
      patches = try maskToken.value.to(dtype: patches.dtype ?? .float32).unsqueeze(dim: 0)
        .selected(where: hidden, else: patches)
    }
    let cls = try clsToken.value.expand(b, -1, -1)
    var x = try Tensor.cat([cls, patches], dim: 1)
    x = try x + posEmbed(for: grid)
    guard let registerTokens else { return (x, grid) }
    let registers = try registerTokens.value.expand(b, -1, -1)
    let count = try x.size(1)
    x = try Tensor.cat(
      [x.narrow(dim: 1, 0..<1), registers, x.narrow(dim: 1, 1..<count)], dim: 1)
    return (x, grid)
  }
}

extension VisionTransformerConfig {
  /// The rate of stochastic depth in a block.
  func dropPathRate(ofBlock index: Int) -> Double {
    guard !dropPathUniform, depth > 1 else { return dropPathRate }
    return dropPathRate * Double(index) / Double(depth - 1)
  }
}
