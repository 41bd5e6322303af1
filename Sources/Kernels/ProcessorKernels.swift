internal import CKernels

/// An instruction set that the kernels are compiled for.
public enum ProcessorLevel: CaseIterable, Sendable {
  /// Any processor.
  case portable
  /// AVX2 with fused multiply-add.
  case avx2
  /// The arithmetic of AVX-512 on AVX2, for tests.
  case wide
  /// AVX-512.
  case avx512
  /// AVX-512 with products of bfloat16 pairs.
  case avx512BFloat16

  var code: ck_level {
    switch self {
    case .portable: CK_PORTABLE
    case .avx2: CK_AVX2
    case .wide: CK_WIDE
    case .avx512: CK_AVX512
    case .avx512BFloat16: CK_AVX512_BF16
    }
  }

  /// Whether this processor has it.
  public var isAvailable: Bool { ck_has_level(code) }

  /// The best one that this processor has.
  public static let best =
    [.avx512BFloat16, .avx512, .avx2].first { (level: Self) in level.isAvailable } ?? .portable

  /// Whether bfloat16 runs at full speed by ``ProcessorKernels``.
  ///
  /// Processors with AMX are left to libtorch, whose oneDNN uses it.
  public static let multipliesBFloat16 = best == .avx512BFloat16 && !ck_has_amx()

  /// The name, as in `AVX2`.
  public var name: String { String(cString: ck_level_name(code)) }
}

/// The arithmetic of a vision transformer's forward pass, shared by a pool of threads.
///
/// One call runs at a time; the caller is one of the threads.
public final class ProcessorKernels {
  let pool: OpaquePointer
  /// The instruction set.
  public let level: ProcessorLevel

  /// Starts the threads.
  ///
  /// - Parameters:
  ///   - threads: How many work, the caller included.
  ///   - level: The instruction set.
  public init(threads: Int, level: ProcessorLevel = .best) {
    precondition(level.isAvailable, "this processor has no \(level.name)")
    guard let made = ck_pool_make(Int64(max(threads, 1))) else {
      preconditionFailure("too little memory for a pool of threads")
    }
    pool = made
    self.level = level
  }

  deinit { ck_pool_free(pool) }

  /// The number of threads.
  public var threads: Int { Int(ck_pool_threads(pool)) }

  /// What becomes of a layer's result.
  public enum Epilogue: Sendable {
    /// It is stored.
    case store
    /// It goes through the exact GELU first.
    case gelu
    /// It is added to what is there.
    case add
    /// The halves `u` and `v` become `silu(u) · v`; the layer must be packed as gated.
    case gate

    var code: ck_epilogue {
      switch self {
      case .store: CK_STORE
      case .gelu: CK_GELU
      case .add: CK_ADD
      case .gate: CK_GATE
      }
    }
  }

  /// Applies a linear layer to rows.
  ///
  /// - Parameters:
  ///   - layer: The layer, packed for this level.
  ///   - x: `[M, I]`.
  ///   - y: Takes the result, `[M, O]`.
  ///   - epilogue: What becomes of it.
  public func linear(
    _ layer: PackedLinear, _ x: Matrix, into y: Matrix, _ epilogue: Epilogue = .store
  ) {
    precondition(
      x.rows == y.rows && x.columns == layer.inputs && y.columns == layer.outputs,
      "a layer of \(layer.inputs) → \(layer.outputs) on \(x.rows) × \(x.columns) → "
        + "\(y.rows) × \(y.columns)")
    ck_linear_run(
      pool, layer.handle, x.pointer, Int64(x.columns), Int64(x.rows), y.pointer,
      Int64(y.columns), epilogue.code)
  }

  /// Normalises each row to mean 0 and variance 1, then scales and shifts it.
  ///
  /// - Parameters:
  ///   - x: `[M, D]`.
  ///   - weight: `[D]`.
  ///   - bias: `[D]`.
  ///   - epsilon: Added to the variance.
  ///   - y: Takes the result, `[M, D]`; may be `x`.
  public func layerNorm(
    _ x: Matrix, weight: FloatBuffer, bias: FloatBuffer, epsilon: Float, into y: Matrix
  ) {
    precondition(
      x.rows == y.rows && x.columns == y.columns && weight.count == x.columns
        && bias.count == x.columns, "a norm over another width")
    ck_layer_norm(
      pool, level.code, x.pointer, weight.pointer, bias.pointer, epsilon, y.pointer,
      Int64(x.rows), Int64(x.columns))
  }

  /// Mixes the tokens of each image by softmax attention with the scale `1/√d`.
  ///
  /// - Parameters:
  ///   - qkv: Queries, keys and values, `[B · N, 3 · H · d]`.
  ///   - y: Takes the result, `[B · N, H · d]`.
  ///   - batch: The number of images, `B`.
  ///   - heads: The number of heads, `H`.
  public func attention(_ qkv: Matrix, into y: Matrix, batch: Int, heads: Int) {
    precondition(
      qkv.rows == y.rows && qkv.columns == 3 * y.columns && y.rows.isMultiple(of: max(batch, 1))
        && y.columns.isMultiple(of: max(heads, 1)), "attention over other sizes")
    let shape = ck_attention_shape(
      batch: Int64(batch), tokens: Int64(y.rows / max(batch, 1)), heads: Int64(heads),
      head_width: Int64(y.columns / max(heads, 1)))
    guard ck_attention(pool, level.code, qkv.pointer, y.pointer, shape) else {
      preconditionFailure("too little memory for attention over \(shape.tokens) tokens")
    }
  }

  /// Lays the patches of an image out as rows.
  ///
  /// - Parameters:
  ///   - image: `[C, H, W]`.
  ///   - channels: `C`.
  ///   - height: `H`, a multiple of the patch side.
  ///   - width: `W`, a multiple of the patch side.
  ///   - y: Takes the patches, `[H/p · W/p, C · p · p]`, row by row of the image.
  public func unfold(
    _ image: UnsafeBufferPointer<Float>, channels: Int, height: Int, width: Int, into y: Matrix
  ) {
    let patch = Int(Double(y.columns / max(channels, 1)).squareRoot().rounded())
    precondition(
      patch > 0 && image.count == channels * height * width
        && y.columns == channels * patch * patch
        && y.rows == (height / patch) * (width / patch), "patches of another size")
    ck_unfold(
      pool, image.baseAddress,
      ck_image_shape(
        channels: Int64(channels), height: Int64(height), width: Int64(width),
        patch: Int64(patch)), y.pointer)
  }
}
