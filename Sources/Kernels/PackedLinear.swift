internal import CKernels

/// The weights of a linear layer, `y = x · Wᵀ + b`, packed for ``ProcessorKernels``.
///
/// Shapes: `W` is `[O, I]`, `b` is `[O]`.
public final class PackedLinear {
  let handle: OpaquePointer
  /// Columns of the input, `I`.
  public let inputs: Int
  /// Columns of the output: `O`, or half of it if gated.
  public let outputs: Int
  /// Whether it is packed in bfloat16.
  public let isHalf: Bool

  /// Where the values of a layer come from.
  public struct Values {
    /// `[O, I]`, row by row.
    public var weight: [Float]
    /// `[O]`, or empty for none.
    public var bias: [Float]
    /// Factors of the output, `[O]`, or empty for none: LayerScale, which is part of the layer then.
    public var scale: [Float]

    /// Creates values.
    public init(weight: [Float], bias: [Float] = [], scale: [Float] = []) {
      self.weight = weight
      self.bias = bias
      self.scale = scale
    }
  }

  /// Packs a layer.
  ///
  /// - Parameters:
  ///   - values: Weight, bias and factors.
  ///   - inputs: Columns of the input, `I`.
  ///   - isGated: Whether the two halves of the outputs are joined by `silu(u) · v`.
  ///   - isHalf: Whether weights and inputs are bfloat16; `inputs` must be even then.
  ///   - level: The instruction set that will run it.
  public init(
    _ values: Values, inputs: Int, isGated: Bool = false, isHalf: Bool = false,
    level: ProcessorLevel
  ) {
    precondition(inputs > 0 && values.weight.count.isMultiple(of: inputs), "an odd weight")
    let rows = values.weight.count / inputs
    precondition(values.bias.isEmpty || values.bias.count == rows, "an odd bias")
    precondition(values.scale.isEmpty || values.scale.count == rows, "an odd scale")
    precondition(!isGated || rows.isMultiple(of: 2), "a gate with an odd number of rows")
    precondition(!isHalf || inputs.isMultiple(of: 2), "pairs of an odd number of inputs")
    let made = values.weight.withUnsafeBufferPointer { weight in
      values.bias.withUnsafeBufferPointer { bias in
        values.scale.withUnsafeBufferPointer { scale in
          ck_linear_make(
            ck_linear_source(
              weight: weight.baseAddress, bias: bias.isEmpty ? nil : bias.baseAddress,
              scale: scale.isEmpty ? nil : scale.baseAddress, outputs: Int64(rows),
              inputs: Int64(inputs), gated: isGated, half: isHalf), level.code)
        }
      }
    }
    guard let made else {
      preconditionFailure("too little memory for a layer of \(rows) × \(inputs)")
    }
    handle = made
    self.inputs = inputs
    self.isHalf = isHalf
    outputs = isGated ? rows / 2 : rows
  }

  deinit { ck_linear_free(handle) }
}
