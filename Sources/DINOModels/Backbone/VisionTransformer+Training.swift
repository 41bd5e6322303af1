public import Torch

/// Crops of one size that go through the backbone together.
public struct CropBatch {
  /// Normalised pixels, `[B, C, H, W]`.
  public let images: Tensor
  /// Patches to hide, bool `[B, N]`; nil hides none.
  public let mask: Tensor?
  /// Patches whose tokens are wanted, as positions in `[B · N]`.
  public let patches: [Int]

  /// Creates a batch.
  ///
  /// - Parameters:
  ///   - images: Normalised pixels, `[B, C, H, W]`.
  ///   - mask: Patches to hide, bool `[B, N]`.
  ///   - patches: Patches whose tokens are wanted, as positions in `[B · N]`.
  public init(_ images: Tensor, mask: Tensor? = nil, patches: [Int] = []) {
    self.images = images
    self.mask = mask
    self.patches = patches
  }
}

/// What ``VisionTransformer/trainingPass(_:_:recomputes:)`` gives: tokens, and the way back.
public final class TrainingPass {
  /// The normalised class tokens of all batches, then the wanted patches of all, in the order they were
  /// given, `[R, D]`.
  public let tokens: Tensor
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

  init(
    tokens: Tensor, segments: [Segment] = [], embedded: Tensor? = nil, last: Tensor? = nil
  ) {
    self.tokens = tokens
    self.segments = segments
    self.embedded = embedded
    self.last = last
  }

  /// Carries the gradients on into the parts that were not kept.
  ///
  /// To be called once, after the backward pass of everything that was computed from ``tokens``.
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
  /// Tokens of crops of several sizes, with gradients.
  ///
  /// The linear layers run once over the tokens of all crops; attention stays within each image. After
  /// the last attention only the wanted tokens go on: the others reach no loss.
  ///
  /// Source: Oquab et al., 2023, section 5 (nested tensors in self-attention).
  ///
  /// - Parameters:
  ///   - crops: The crops.
  ///   - context: Training or evaluation; stochastic depth draws a subset of each batch.
  ///   - recomputes: Whether only the input of each block is kept, and the rest computed again on
  ///     the way back: less memory for a third more work.
  /// - Returns: The wanted tokens, and the way back.
  /// - Throws: ``TorchError`` if a shape does not fit.
  public func trainingPass(
    _ crops: [CropBatch], _ context: ForwardContext, recomputes: Bool = false
  ) throws(TorchError) -> TrainingPass {
    var (parts, groups): ([Tensor], [TokenGroup]) = ([], [])
    for crop in crops {
      let (x, _) = try prepareTokens(crop.images, mask: crop.mask)
      let (b, n, d) = try x.shape3()
      parts.append(try x.reshape(b * n, d))
      groups.append(TokenGroup(images: b, tokens: n))
    }
    let embedded = parts.count == 1 ? parts[0] : try Tensor.cat(parts)
    let wanted = wantedRows(of: crops, groups)
    let stages = try blocks.enumerated().map { index, block throws(TorchError) in
      let draws = try block.draws(groups, context)
      let rows = index == blocks.count - 1 ? wanted : nil
      return { (values: Tensor) throws(TorchError) -> Tensor in
        try block(PackedTokens(values: values, groups: groups), draws, keeping: rows)
      }
    }
    var x = embedded
    guard recomputes else {
      for stage in stages { x = try stage(x) }
      return TrainingPass(tokens: try norm(x))
    }
    var segments: [TrainingPass.Segment] = []
    for stage in stages {
      let input = try x.detached().requiringGrad()
      x = try withoutGradient { () throws(TorchError) in try stage(input) }
      segments.append(.init(input: input, forward: stage))
    }
    let last = try x.detached().requiringGrad()
    return TrainingPass(
      tokens: try norm(last), segments: segments, embedded: embedded, last: last)
  }

  /// The rows of the class tokens and of the wanted patches among packed tokens.
  private func wantedRows(of crops: [CropBatch], _ groups: [TokenGroup]) -> [Int] {
    var (classes, patches): ([Int], [Int]) = ([], [])
    var start = 0
    for (crop, group) in zip(crops, groups) {
      let prefix = config.numPrefixTokens
      let count = group.tokens - prefix
      classes += (0..<group.images).map { start + $0 * group.tokens }
      patches += crop.patches.map { start + $0 / count * group.tokens + prefix + $0 % count }
      start += group.rows
    }
    return classes + patches
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

  /// Maps packed tokens; given rows, only these go on after attention.
  func callAsFunction(
    _ x: PackedTokens, _ draws: PackedDraws, keeping rows: [Int]? = nil
  ) throws(TorchError) -> Tensor {
    var mixed = try dropPath.add(to: x, draws.attention) { x throws(TorchError) in
      try attn(norm1.recomputed(x.values), groups: x.groups, scale: ls1)
    }
    var draw = draws.ffn
    if let rows {
      mixed = PackedTokens(
        values: try mixed.values.selecting(rows, dim: 0),
        groups: [TokenGroup(images: rows.count, tokens: 1)])
      draw = try draw.among(rows)
    }
    return try dropPath.add(to: mixed, draw) { x throws(TorchError) in
      try mlp(norm2.recomputed(x.values), scale: ls2)
    }.values
  }
}
