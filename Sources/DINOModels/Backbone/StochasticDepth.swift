public import Torch

/// Skips residual branches at random in training, for whole samples.
///
/// Above a rate of 0.1 the branch is computed for a random subset of the samples only, and what it
/// gives is scaled by batch/subset: the skipped work is saved. At lower rates each sample is
/// dropped on its own and the rest scaled by 1/keep.
///
/// Source: Huang et al., 2016; Oquab et al., 2023, section 5 (efficient stochastic depth).
public struct StochasticDepth: Equatable, Sendable {
  /// The probability that a sample skips a branch.
  public var rate: Double

  /// Creates stochastic depth.
  public init(rate: Double) {
    self.rate = rate
  }

  /// Which samples a branch is computed for, or how their results are weighted.
  public enum Draw {
    /// Every sample, unscaled.
    case all
    /// The first `kept` entries of a random order (int64, `[B]`).
    case subset(order: Tensor, kept: Int)
    /// 1 or 0 for each sample, `[B]`.
    case mask(Tensor)
  }

  /// Draws for one branch.
  ///
  /// - Parameters:
  ///   - batch: The number of samples.
  ///   - context: Training or evaluation, and the random numbers.
  ///   - dtype: The type of the tokens.
  /// - Returns: The draw; `.all` in evaluation.
  /// - Throws: ``TorchError`` if the numbers cannot be drawn.
  public func draw(
    batch: Int, _ context: ForwardContext, dtype: DType
  ) throws(TorchError) -> Draw {
    guard context.isTraining, rate > 0 else { return .all }
    guard let generator = context.generator else {
      throw TorchError("stochastic_depth", "training needs a generator in the context")
    }
    if rate > 0.1 {
      return .subset(
        order: try .randperm(batch, generator: generator), kept: keptCount(of: batch))
    }
    let uniform = try Tensor.rand([batch], generator: generator)
    return .mask(try uniform.isLess(than: 1 - rate).to(dtype: dtype))
  }

  /// The number of samples that a subset draw computes.
  public func keptCount(of batch: Int) -> Int { Swift.max(Int(Double(batch) * (1 - rate)), 1) }

  /// Adds a residual branch to the tokens.
  ///
  /// - Parameters:
  ///   - x: Tokens, `[B, N, D]`.
  ///   - draw: What was drawn for this branch.
  ///   - residual: The branch.
  /// - Returns: Tokens, `[B, N, D]`.
  /// - Throws: ``TorchError`` if the branch throws.
  public func add(
    to x: Tensor, _ draw: Draw, residual: (Tensor) throws(TorchError) -> Tensor
  ) throws(TorchError) -> Tensor {
    switch draw {
    case .all:
      return try x + residual(x)
    case .subset(let order, let kept):
      let rows = try order.narrow(dim: 0, 0..<kept)
      let branch = try residual(x.selecting(rows, dim: 0))
      let scale = Double(try x.size(0)) / Double(kept)
      return try x.indexAdding(branch, at: rows, dim: 0, scale: scale)
    case .mask(let mask):
      let weights = try (mask / (1 - rate)).reshape(-1, 1, 1)
      return try x + residual(x) * weights
    }
  }
}
