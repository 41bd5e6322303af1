internal import CKernels

extension ProcessorKernels {
  /// The most inputs of a bfloat16 layer whose result is not added.
  public static let mostHalfInputs = 1536

  /// Applies a linear layer that was packed in bfloat16.
  ///
  /// - Parameters:
  ///   - layer: The layer.
  ///   - x: `[M, I]`.
  ///   - y: Takes the result, `[M, O]`.
  ///   - epilogue: What becomes of it, other than ``Epilogue/add``.
  public func linear(
    _ layer: PackedLinear, _ x: HalfMatrix, into y: HalfMatrix, _ epilogue: Epilogue = .store
  ) {
    precondition(
      x.rows == y.rows && x.columns == layer.inputs && y.columns == layer.outputs
        && layer.isHalf && epilogue != .add && layer.inputs <= Self.mostHalfInputs,
      "a bfloat16 layer over other sizes")
    ck_linear_run_half(
      pool, layer.handle, x.pointer, Int64(x.columns), Int64(x.rows), y.pointer,
      Int64(y.columns), epilogue.code)
  }

  /// Adds the result of a linear layer that was packed in bfloat16.
  ///
  /// - Parameters:
  ///   - layer: The layer.
  ///   - x: `[M, I]`.
  ///   - sums: What the result is added to, `[M, O]`.
  public func add(_ layer: PackedLinear, _ x: HalfMatrix, to sums: Matrix) {
    precondition(
      x.rows == sums.rows && x.columns == layer.inputs && sums.columns == layer.outputs
        && layer.isHalf, "a bfloat16 layer over other sizes")
    ck_linear_run_half(
      pool, layer.handle, x.pointer, Int64(x.columns), Int64(x.rows), sums.pointer,
      Int64(sums.columns), CK_ADD)
  }

  /// Normalises each row and rounds it to bfloat16.
  ///
  /// - Parameters:
  ///   - x: `[M, D]`.
  ///   - weight: `[D]`.
  ///   - bias: `[D]`.
  ///   - epsilon: Added to the variance.
  ///   - y: Takes the result, `[M, D]`.
  public func layerNorm(
    _ x: Matrix, weight: FloatBuffer, bias: FloatBuffer, epsilon: Float, into y: HalfMatrix
  ) {
    precondition(
      x.rows == y.rows && x.columns == y.columns && weight.count == x.columns
        && bias.count == x.columns, "a norm over another width")
    ck_layer_norm_half(
      pool, level.code, x.pointer, weight.pointer, bias.pointer, epsilon, y.pointer,
      Int64(x.rows), Int64(x.columns))
  }

  /// Mixes the tokens of each image by softmax attention with the scale `1/√d`, in bfloat16.
  ///
  /// - Parameters:
  ///   - qkv: Queries, keys and values, `[B · N, 3 · H · d]`; `d` is even.
  ///   - y: Takes the result, `[B · N, H · d]`.
  ///   - batch: The number of images, `B`.
  ///   - heads: The number of heads, `H`.
  public func attention(_ qkv: HalfMatrix, into y: HalfMatrix, batch: Int, heads: Int) {
    precondition(
      qkv.rows == y.rows && qkv.columns == 3 * y.columns && y.rows.isMultiple(of: max(batch, 1))
        && y.columns.isMultiple(of: 2 * max(heads, 1)), "attention over other sizes")
    let shape = ck_attention_shape(
      batch: Int64(batch), tokens: Int64(y.rows / max(batch, 1)), heads: Int64(heads),
      head_width: Int64(y.columns / max(heads, 1)))
    guard ck_attention_half(pool, level.code, qkv.pointer, y.pointer, shape) else {
      preconditionFailure("too little memory for attention over \(shape.tokens) tokens")
    }
  }
}
