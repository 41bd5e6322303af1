internal import Torch

/// Images of one size among packed tokens.
public struct TokenGroup: Equatable, Sendable {
  /// The number of images.
  public var images: Int
  /// The number of tokens of each.
  public var tokens: Int

  /// The number of rows that the group takes.
  var rows: Int { images * tokens }
}

/// Tokens of images of several sizes in one matrix, group after group, so that linear layers run
/// once for all of them.
///
/// Shapes: `T` tokens of all groups, `D` width.
struct PackedTokens {
  /// The tokens, `[T, D]`.
  var values: Tensor
  /// The groups, in the order of the rows.
  let groups: [TokenGroup]

  /// The tokens of each group, `[B, N, D]`.
  func split() throws(TorchError) -> [Tensor] {
    guard groups.count > 1 else {
      return try groups.map { group throws(TorchError) in
        try values.reshape(group.images, group.tokens, -1)
      }
    }
    let parts = try values.split(groups.map(\.rows), dim: 0)
    return try zip(parts, groups).map { part, group throws(TorchError) in
      try part.reshape(group.images, group.tokens, -1)
    }
  }
}

extension StochasticDepth {
  /// Which images of packed groups a branch is computed for.
  enum PackedDraw {
    /// Every image, unscaled.
    case all
    /// The rows (int64, `[M]`) of the images that are kept, what they form, and the factor of each
    /// row, `[M, 1]`.
    case subset(rows: Tensor, groups: [TokenGroup], scales: Tensor)

    /// The same draw for a choice of the tokens, each of which stands alone.
    func among(_ chosen: [Int]) throws(TorchError) -> PackedDraw {
      guard case .subset(let rows, _, let scales) = self else { return .all }
      let drawn = zip(
        try rows.array(of: Int64.self), try scales.flatten().array(of: Float.self))
      let scale = Dictionary(uniqueKeysWithValues: drawn)
      let kept = chosen.enumerated().compactMap { place, row in
        scale[Int64(row)].map { (row: Int64(place), scale: $0) }
      }
      return .subset(
        rows: try Tensor(kept.map(\.row)), groups: [TokenGroup(images: kept.count, tokens: 1)],
        scales: try Tensor(kept.map(\.scale), [kept.count, 1]))
    }
  }

  /// Draws a subset of the images of each group, whatever the rate: the form that the original uses
  /// for packed crops.
  ///
  /// - Parameters:
  ///   - groups: The groups.
  ///   - context: Training or evaluation, and the random numbers; one permutation per group.
  /// - Returns: The draw; `.all` in evaluation.
  /// - Throws: ``TorchError`` if the numbers cannot be drawn.
  func draw(
    groups: [TokenGroup], _ context: ForwardContext
  ) throws(TorchError) -> PackedDraw {
    guard context.isTraining, rate > 0 else { return .all }
    guard let generator = context.generator else {
      throw TorchError("stochastic_depth", "training needs a generator in the context")
    }
    var (rows, kept, scales): ([Int64], [TokenGroup], [Float]) = ([], [], [])
    var start = 0
    for group in groups {
      let count = keptCount(of: group.images)
      let order = try Tensor.randperm(group.images, generator: generator).array(of: Int64.self)
      for image in order.prefix(count) {
        let first = start + Int(image) * group.tokens
        rows += (first..<first + group.tokens).map(Int64.init)
      }
      kept.append(TokenGroup(images: count, tokens: group.tokens))
      let scale = Float(group.images) / Float(count)
      scales += Array(repeating: scale, count: count * group.tokens)
      start += group.rows
    }
    return .subset(
      rows: try Tensor(rows), groups: kept, scales: try Tensor(scales, [scales.count, 1]))
  }

  /// Adds a residual branch to packed tokens.
  ///
  /// - Parameters:
  ///   - x: The tokens.
  ///   - draw: What was drawn for this branch.
  ///   - residual: The branch.
  /// - Returns: The tokens.
  /// - Throws: ``TorchError`` if the branch throws.
  func add(
    to x: PackedTokens, _ draw: PackedDraw,
    residual: (PackedTokens) throws(TorchError) -> Tensor
  ) throws(TorchError) -> PackedTokens {
    var sum = x
    switch draw {
    case .all:
      sum.values = try x.values + residual(x)
    case .subset(let rows, let groups, let scales):
      let kept = PackedTokens(values: try x.values.selecting(rows, dim: 0), groups: groups)
      let branch = try residual(kept) * scales
      sum.values = try x.values.indexAdding(
        branch.to(dtype: x.values.dtype ?? .float32), at: rows, dim: 0)
    }
    return sum
  }
}
