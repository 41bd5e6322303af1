public import Torch

/// Crops of one size that go through the backbone together.
public struct CropBatch {
  /// Normalised pixels, `[B, C, H, W]`.
  public let images: Tensor
  /// Patches to hide, bool `[B, N]`; nil hides none.
  public let mask: Tensor?

  /// Creates a batch.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - mask: Patches to hide, bool `[B, N]`.
  public init(_ images: Tensor, mask: Tensor? = nil) {
    self.images = images
    self.mask = mask
  }
}

/// What ``VisionTransformer/trainingPass(_:_:recomputes:)`` gives: features, and the way back.
public final class TrainingPass {
  /// The outputs for each batch of crops, in the order they were given.
  public let features: [BackboneFeatures]
  /// The blocks whose insides were not kept, and their inputs; the deepest last.
  private let segments: [Segment]

  /// A part of the network that is computed once more on the way back.
  struct Segment {
    /// The input, cut off from what made it.
    let input: Tensor
    /// Computes the output, with gradients.
    let forward: (Tensor) throws(TorchError) -> Tensor
  }

  private let embedded: Tensor?
  private let last: Tensor?

  init(features: [BackboneFeatures]) {
    self.features = features
    (segments, embedded, last) = ([], nil, nil)
  }

  init(features: [BackboneFeatures], segments: [Segment], embedded: Tensor, last: Tensor) {
    self.features = features
    self.segments = segments
    self.embedded = embedded
    self.last = last
  }

  /// Carries the gradients on into the parts that were not kept.
  ///
  /// To be called once, after the backward pass of everything that was computed from ``features``.
  ///
  /// - Throws: ``TorchError`` if a backward pass fails.
  public func backward() throws(TorchError) {
    guard let embedded, let last else { return }
    var gradient = last.grad
    for segment in segments.reversed() {
      guard let arrived = gradient else { return }
      let output = try segment.forward(segment.input)
      try output.backward(gradient: arrived)
      gradient = segment.input.grad
    }
    if let gradient { try embedded.backward(gradient: gradient) }
  }
}

extension VisionTransformer {
  /// Features of crops of several sizes, with gradients.
  ///
  /// The linear layers run once over the tokens of all crops; attention stays within each image.
  ///
  /// Source: Oquab et al., 2023, section 5 (nested tensors in self-attention).
  ///
  /// - Parameters:
  ///   - crops: The crops.
  ///   - context: Training or evaluation; stochastic depth draws a subset of each batch.
  ///   - recomputes: Whether only the input of each block is kept, and the rest computed again on
  ///     the way back: less memory for a third more work.
  /// - Returns: One set of features per batch of crops, and the way back.
  /// - Throws: ``TorchError`` if a shape does not fit.
  public func trainingPass(
    _ crops: [CropBatch], _ context: ForwardContext, recomputes: Bool = false
  ) throws(TorchError) -> TrainingPass {
    var (rows, groups, grids): ([Tensor], [TokenGroup], [PatchGrid]) = ([], [], [])
    for crop in crops {
      let (x, grid) = try prepareTokens(crop.images, mask: crop.mask)
      let (b, n, d) = try x.shape3()
      rows.append(try x.reshape(b * n, d))
      groups.append(TokenGroup(images: b, tokens: n))
      grids.append(grid)
    }
    let embedded = rows.count == 1 ? rows[0] : try Tensor.cat(rows)
    var x = PackedTokens(values: embedded, groups: groups)
    guard recomputes else {
      for block in blocks { x = try block(x, block.draws(groups, context)) }
      return TrainingPass(features: try features(of: x, grids))
    }
    var segments: [TrainingPass.Segment] = []
    for block in blocks {
      let input = try x.values.detached().requiringGrad()
      let draws = try block.draws(groups, context)
      let forward = { (values: Tensor) throws(TorchError) -> Tensor in
        try block(PackedTokens(values: values, groups: groups), draws).values
      }
      x.values = try withoutGradient { () throws(TorchError) in try forward(input) }
      segments.append(.init(input: input, forward: forward))
    }
    let last = try x.values.detached().requiringGrad()
    x.values = last
    return TrainingPass(
      features: try features(of: x, grids), segments: segments, embedded: embedded, last: last)
  }

  private func features(
    of x: PackedTokens, _ grids: [PatchGrid]
  ) throws(TorchError) -> [BackboneFeatures] {
    let normalized = PackedTokens(values: try norm(x.values), groups: x.groups)
    let (after, before) = (try normalized.split(), try x.split())
    return zip(zip(after, before), grids).map { tokens, grid in
      BackboneFeatures(
        normalized: tokens.0, prenorm: tokens.1, grid: grid,
        numRegisterTokens: config.numRegisterTokens)
    }
  }
}

extension Block {
  /// What stochastic depth draws for both branches.
  struct PackedDraws {
    let attention: StochasticDepth.PackedDraw
    let ffn: StochasticDepth.PackedDraw
  }

  /// Draws for both branches: first every group of the attention branch, then those of the other.
  func draws(
    _ groups: [TokenGroup], _ context: ForwardContext
  ) throws(TorchError) -> PackedDraws {
    PackedDraws(
      attention: try dropPath.draw(groups: groups, context),
      ffn: try dropPath.draw(groups: groups, context))
  }

  /// Maps packed tokens.
  func callAsFunction(
    _ x: PackedTokens, _ draws: PackedDraws
  ) throws(TorchError) -> PackedTokens {
    let mixed = try dropPath.add(to: x, draws.attention) { x throws(TorchError) in
      try scaled(
        attn(PackedTokens(values: norm1(x.values), groups: x.groups)), by: ls1)
    }
    return try dropPath.add(to: mixed, draws.ffn) { x throws(TorchError) in
      try scaled(mlp(norm2(x.values)), by: ls2)
    }
  }
}
