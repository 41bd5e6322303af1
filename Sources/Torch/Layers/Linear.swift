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
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try x.linear(weight: weight.value, bias: bias?.value)
  }
}
