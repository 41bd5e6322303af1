private let linearOperator = Operator("aten::linear")
private let layerNormOperator = Operator("aten::layer_norm")
private let conv2dOperator = Operator("aten::conv2d")
private let convTranspose2dOperator = Operator("aten::conv_transpose2d", "input")
private let batchNormOperator = Operator("aten::batch_norm")
private let attentionOperator = Operator("aten::scaled_dot_product_attention")
private let geluOperator = Operator("aten::gelu")
private let reluOperator = Operator("aten::relu")
private let siluOperator = Operator("aten::silu")
private let sigmoidOperator = Operator("aten::sigmoid")
private let softplusOperator = Operator("aten::softplus")
private let bicubicOperator = Operator("aten::upsample_bicubic2d")
private let bicubicAntialiasOperator = Operator("aten::_upsample_bicubic2d_aa")
private let bilinearOperator = Operator("aten::upsample_bilinear2d")
private let weightNormOperator = Operator("aten::_weight_norm")

extension Tensor {
  /// `x · weightᵀ + bias` over the last dimension.
  public func linear(weight: Tensor, bias: Tensor?) throws(TorchError) -> Tensor {
    try linearOperator.tensor(.tensor(self), .tensor(weight), .optional(bias))
  }

  /// Normalised to mean 0 and variance 1 over the last dimensions `shape`, then scaled and shifted.
  public func layerNorm(
    _ shape: [Int], weight: Tensor?, bias: Tensor?, epsilon: Double
  ) throws(TorchError) -> Tensor {
    try layerNormOperator.tensor(
      .tensor(self), .ints(shape), .optional(weight), .optional(bias), .double(epsilon))
  }

  /// The cross-correlation of `[B, C, H, W]` with filters `[O, C, kh, kw]`.
  public func conv2d(
    weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0
  ) throws(TorchError) -> Tensor {
    try conv2dOperator.tensor(
      .tensor(self), .tensor(weight), .optional(bias), .ints([stride, stride]),
      .ints([padding, padding]))
  }

  /// The transposed convolution of `[B, C, H, W]` with filters `[C, O, kh, kw]`.
  public func convTranspose2d(
    weight: Tensor, bias: Tensor?, stride: Int = 1, padding: Int = 0
  ) throws(TorchError) -> Tensor {
    try convTranspose2dOperator.tensor(
      .tensor(self), .tensor(weight), .optional(bias), .ints([stride, stride]),
      .ints([padding, padding]))
  }

  /// Softmax attention with the scale `1/√d`, over `[B, H, N, d]`.
  public static func attention(
    query: Tensor, key: Tensor, value: Tensor
  ) throws(TorchError) -> Tensor {
    try attentionOperator.tensor(.tensor(query), .tensor(key), .tensor(value))
  }

  /// Each row scaled to a given length: `lengths · v / ‖v‖`, for `[K, D]` and lengths `[K, 1]`.
  ///
  /// Source: Salimans and Kingma, 2016, equation 2.
  public func weightNormalized(lengths: Tensor) throws(TorchError) -> Tensor {
    try weightNormOperator.tensor(.tensor(self), .tensor(lengths), .int(0))
  }

  /// The exact Gaussian error linear unit, `x · Φ(x)`.
  public func gelu() throws(TorchError) -> Tensor { try geluOperator.tensor(.tensor(self)) }

  /// The positive part.
  public func relu() throws(TorchError) -> Tensor { try reluOperator.tensor(.tensor(self)) }

  /// `x · sigmoid(x)`.
  public func silu() throws(TorchError) -> Tensor { try siluOperator.tensor(.tensor(self)) }

  /// `1 / (1 + exp(-x))`.
  public func sigmoid() throws(TorchError) -> Tensor { try sigmoidOperator.tensor(.tensor(self)) }

  /// `log(1 + exp(x))`.
  public func softplus() throws(TorchError) -> Tensor { try softplusOperator.tensor(.tensor(self)) }

  /// Resizes `[B, C, H, W]` by cubic convolution, without aligned corners.
  ///
  /// Without `antialias` the kernel parameter is -0.75, with it -0.5 and the kernel widens when
  /// shrinking (as Pillow's).
  ///
  /// - Parameters:
  ///   - height: The new height.
  ///   - width: The new width.
  ///   - scales: If given, `1 / scale` is the step of the sampling grid, instead of the ratio of
  ///     the sizes.
  ///   - antialias: Whether to filter when shrinking.
  /// - Returns: The resized maps, `[B, C, height, width]`.
  /// - Throws: ``TorchError`` if the rank is not 4 or the dtype has no gradient.
  public func resizedBicubic(
    height: Int, width: Int, scales: (height: Double, width: Double)? = nil,
    antialias: Bool = false
  ) throws(TorchError) -> Tensor {
    let scaleArguments: (Argument, Argument) =
      scales.map { (.double($0.height), .double($0.width)) } ?? (.none, .none)
    return try (antialias ? bicubicAntialiasOperator : bicubicOperator).tensor(
      .tensor(self), .ints([height, width]), .bool(false), scaleArguments.0, scaleArguments.1)
  }

  /// Resizes `[B, C, H, W]` by linear interpolation.
  public func resizedBilinear(
    height: Int, width: Int, alignCorners: Bool = false
  ) throws(TorchError) -> Tensor {
    try bilinearOperator.tensor(.tensor(self), .ints([height, width]), .bool(alignCorners))
  }
}

/// The running statistics that ``Tensor/batchNorm(_:momentum:epsilon:isTraining:)`` updates.
public struct BatchNormState {
  /// Scale per channel, `[C]`.
  public var weight: Tensor?
  /// Shift per channel, `[C]`.
  public var bias: Tensor?
  /// Mean per channel, `[C]`, updated in place.
  public var runningMean: Tensor?
  /// Variance per channel, `[C]`, updated in place.
  public var runningVariance: Tensor?
}

extension Tensor {
  /// Normalises each channel of `[B, C, …]`: by the batch when training, else by running statistics.
  public func batchNorm(
    _ state: BatchNormState, momentum: Double, epsilon: Double, isTraining: Bool
  ) throws(TorchError) -> Tensor {
    try batchNormOperator.tensor(
      .tensor(self), .optional(state.weight), .optional(state.bias),
      .optional(state.runningMean), .optional(state.runningVariance), .bool(isTraining),
      .double(momentum), .double(epsilon), .bool(false))
  }
}
