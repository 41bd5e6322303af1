/// Sizes of a convolution over images.
public struct ConvolutionShape: Equatable, Sendable {
  /// Channels in.
  public var inputs: Int
  /// Channels out.
  public var outputs: Int
  /// Side of the square kernel.
  public var kernel: Int
  /// Step between neighbouring outputs (inputs, if transposed).
  public var stride: Int
  /// Rows and columns of zeros around the input.
  public var padding: Int

  /// Creates sizes.
  public init(inputs: Int, outputs: Int, kernel: Int, stride: Int = 1, padding: Int = 0) {
    self.inputs = inputs
    self.outputs = outputs
    self.kernel = kernel
    self.stride = stride
    self.padding = padding
  }
}

/// Cross-correlation of `[B, I, H, W]` with `weight` `[O, I, k, k]`, plus `bias` `[O]`.
public final class Conv2d {
  /// The filters, `[O, I, k, k]`.
  public let weight: Parameter
  /// `[O]`, if there is one.
  public let bias: Parameter?
  private let shape: ConvolutionShape

  /// Registers `weight` and, if wanted, `bias`, filled as PyTorch fills them.
  ///
  /// - Parameters:
  ///   - shape: The sizes.
  ///   - hasBias: Whether a bias is added.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if a name is taken.
  public init(
    _ shape: ConvolutionShape, bias hasBias: Bool = true, in scope: ParameterScope
  ) throws(TorchError) {
    let initializer = Initializer.kaimingUniform(
      fanIn: shape.inputs * shape.kernel * shape.kernel)
    weight = try scope.parameter(
      "weight", [shape.outputs, shape.inputs, shape.kernel, shape.kernel], initializer)
    bias = hasBias ? try scope.parameter("bias", [shape.outputs], initializer) : nil
    self.shape = shape
  }

  /// Filters a batch of images.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try x.conv2d(
      weight: weight.value, bias: bias?.value, stride: shape.stride, padding: shape.padding)
  }
}

/// Transposed convolution of `[B, I, H, W]` with `weight` `[I, O, k, k]`, plus `bias` `[O]`.
public final class ConvTranspose2d {
  /// The filters, `[I, O, k, k]`.
  public let weight: Parameter
  /// `[O]`, if there is one.
  public let bias: Parameter?
  private let shape: ConvolutionShape

  /// Registers `weight` and, if wanted, `bias`, filled as PyTorch fills them.
  ///
  /// - Parameters:
  ///   - shape: The sizes.
  ///   - hasBias: Whether a bias is added.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if a name is taken.
  public init(
    _ shape: ConvolutionShape, bias hasBias: Bool = true, in scope: ParameterScope
  ) throws(TorchError) {
    // PyTorch takes the fan from the weight's second dimension, here the channels out.
    let initializer = Initializer.kaimingUniform(
      fanIn: shape.outputs * shape.kernel * shape.kernel)
    weight = try scope.parameter(
      "weight", [shape.inputs, shape.outputs, shape.kernel, shape.kernel], initializer)
    bias = hasBias ? try scope.parameter("bias", [shape.outputs], initializer) : nil
    self.shape = shape
  }

  /// Spreads a batch of images over larger ones.
  public func callAsFunction(_ x: Tensor) throws(TorchError) -> Tensor {
    try x.convTranspose2d(
      weight: weight.value, bias: bias?.value, stride: shape.stride, padding: shape.padding)
  }
}
