/// Normalisation of each channel of `[B, C]` or `[B, C, H, W]` over everything else.
///
/// Source: Ioffe and Szegedy, 2015. Training uses the batch and updates the running statistics;
/// evaluation uses the running statistics.
public final class BatchNorm {
  /// The scale, `[C]`.
  public let weight: Parameter
  /// The shift, `[C]`.
  public let bias: Parameter
  /// Running mean, `[C]`.
  public let runningMean: Parameter
  /// Running variance, `[C]`.
  public let runningVariance: Parameter
  /// How many batches the running statistics have seen, `[]`; PyTorch stores it too.
  public let batchCount: Parameter
  private let epsilon: Double
  private let momentum: Double

  /// Registers the parameters and the running statistics under PyTorch's names.
  ///
  /// - Parameters:
  ///   - channels: The number of channels.
  ///   - epsilon: Added to the variance.
  ///   - momentum: Share of the newest batch in the running statistics.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if a name is taken.
  public init(
    _ channels: Int, epsilon: Double = 1e-5, momentum: Double = 0.1, in scope: ParameterScope
  ) throws(TorchError) {
    weight = try scope.parameter("weight", [channels], .ones)
    bias = try scope.parameter("bias", [channels], .zeros)
    runningMean = try scope.buffer("running_mean", [channels], .zeros)
    runningVariance = try scope.buffer("running_var", [channels], .ones)
    batchCount = try scope.buffer("num_batches_tracked", [], .zeros)
    self.epsilon = epsilon
    self.momentum = momentum
  }

  /// Normalises each channel.
  public func callAsFunction(_ x: Tensor, isTraining: Bool) throws(TorchError) -> Tensor {
    if isTraining {
      try batchCount.value.add(inPlace: .ones([], dtype: batchCount.value.dtype ?? .float32))
    }
    return try x.batchNorm(
      BatchNormState(
        weight: weight.value, bias: bias.value, runningMean: runningMean.value,
        runningVariance: runningVariance.value),
      momentum: momentum, epsilon: epsilon, isTraining: isTraining)
  }
}
