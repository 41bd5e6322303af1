/// Normalisation of the last dimension to mean 0 and variance 1, then scale and shift.
///
/// Source: Ba et al., 2016, equation 4. Shapes: `x` is `[…, D]`, both parameters are `[D]`.
public final class LayerNorm {
  /// The scale, `[D]`.
  public let weight: Parameter
  /// The shift, `[D]`.
  public let bias: Parameter
  /// Added to the variance.
  public let epsilon: Double

  /// Registers `weight` (ones) and `bias` (zeros).
  ///
  /// - Parameters:
  ///   - dim: Size of the last dimension.
  ///   - epsilon: Added to the variance.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if a name is taken.
  public init(_ dim: Int, epsilon: Double, in scope: ParameterScope) throws(TorchError) {
    weight = try scope.parameter("weight", [dim], .ones)
    bias = try scope.parameter("bias", [dim], .zeros)
    self.epsilon = epsilon
  }

  /// Normalises the last dimension.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try x.layerNorm(
      weight.value.shape, weight: weight.value, bias: bias.value, epsilon: epsilon)
  }

  /// What ``callAsFunction(_:)`` gives, for a linear layer that need not keep it.
  public func recomputed(_ x: Tensor) -> RecomputedInput {
    RecomputedInput(from: [x, weight.value, bias.value]) { [epsilon] sources throws(TorchError) in
      try sources[0].layerNorm(
        sources[1].shape, weight: sources[1], bias: sources[2], epsilon: epsilon)
    }
  }
}
