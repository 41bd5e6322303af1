/// A linear map of the last dimension: `y = x · Wᵀ + b`.
///
/// Shapes: `x` is `[…, I]`, `weight` is `[O, I]`, `bias` is `[O]`, `y` is `[…, O]`.
public final class Linear {
  /// `[O, I]`.
  public let weight: Parameter
  /// `[O]`, if there is one.
  public let bias: Parameter?

  /// Registers `weight` and, if wanted, `bias`.
  ///
  /// - Parameters:
  ///   - inputs: Size of the last dimension of the input.
  ///   - outputs: Size of the last dimension of the output.
  ///   - hasBias: Whether a bias is added.
  ///   - scope: Where the parameters are registered.
  ///   - initializer: How the weight is filled; the bias starts at 0. As PyTorch if left out.
  /// - Throws: ``TorchError`` if a name is taken.
  public init(
    _ inputs: Int, _ outputs: Int, bias hasBias: Bool = true, in scope: ParameterScope,
    initializer: Initializer? = nil
  ) throws(TorchError) {
    let byFanIn = Initializer.kaimingUniform(fanIn: inputs)
    weight = try scope.parameter("weight", [outputs, inputs], initializer ?? byFanIn)
    bias =
      hasBias
      ? try scope.parameter("bias", [outputs], initializer == nil ? byFanIn : .zeros) : nil
  }

  /// Maps the last dimension.
  ///
  /// - Parameters:
  ///   - x: `[…, I]`.
  ///   - scale: The factor of each output, `[O]`; it goes into the weight, which is smaller than what
  ///     it would scale.
  /// - Returns: `[…, O]`.
  /// - Throws: ``TorchError`` if the width does not fit.
  public func callAsFunction(
    _ x: Tensor, scale: Parameter? = nil
  ) throws(TorchError) -> Tensor {
    let (weight, bias) = try scaled(by: scale)
    return try x.linear(weight: weight, bias: bias)
  }

  /// Maps the last dimension of an input that is not kept for the way back.
  public func callAsFunction(
    _ x: RecomputedInput, scale: Parameter? = nil
  ) throws(TorchError) -> Tensor {
    let (weight, bias) = try scaled(by: scale)
    return try x.linear(weight: weight, bias: bias)
  }

  private func scaled(
    by scale: Parameter?
  ) throws(TorchError) -> (weight: Tensor, bias: Tensor?) {
    guard let scale = scale?.value else { return (weight.value, bias?.value) }
    return (
      try weight.value * scale.unsqueeze(dim: 1),
      try bias.map { bias throws(TorchError) in try bias.value * scale }
    )
  }
}
