private let bilinearOperator = Operator("aten::upsample_bilinear2d")
private let areaOperator = Operator("aten::adaptive_avg_pool2d")
private let sliceOperator = Operator("aten::slice", "Tensor")
private let dropoutOperator = Operator("aten::bernoulli", "p")
private let lessOrEqualScalar = Operator("aten::le", "Scalar")

extension Tensor {
  /// Scales `[B, C, H, W]` by a factor: linear interpolation for factors of at least 1, means over
  /// areas below.
  ///
  /// Sides are cut to whole numbers; the sampling grid keeps the exact step `1 / factor`.
  ///
  /// - Parameters:
  ///   - factor: The factor, positive.
  ///   - alignCorners: Whether the corners of both images coincide; enlarging only.
  /// - Returns: The scaled maps, `[B, C, ⌊factor · H⌋, ⌊factor · W⌋]`.
  /// - Throws: ``TorchError`` if the rank is not 4 or nothing would be left.
  public func scaled(by factor: Double, alignCorners: Bool = false) throws(TorchError) -> Tensor {
    let (_, _, h, w) = try shape4()
    guard Double(Swift.min(h, w)) * factor >= 1, Double(Swift.max(h, w)) * factor < 1e9 else {
      throw TorchError("scale", "factor \(factor) is not usable", operands: [typeDescription])
    }
    let size = [Int(Double(h) * factor), Int(Double(w) * factor)]
    guard factor >= 1 else {
      return try areaOperator.tensor(.tensor(self), .ints(size))
    }
    return try bilinearOperator.tensor(
      .tensor(self), .ints(size), .bool(alignCorners), .double(factor), .double(factor))
  }

  /// Every `step`-th entry of a dimension, from the first; without a copy.
  public func every(_ step: Int, dim: Int) throws(TorchError) -> Tensor {
    try sliceOperator.tensor(.tensor(self), .int(dim), .none, .none, .int(step))
  }

  /// Whether each element is at most a number, as bool.
  public func isAtMost(_ other: Double) throws(TorchError) -> Tensor {
    try lessOrEqualScalar.tensor(.tensor(self), .double(other))
  }

  /// Whole channels of `[B, C, …]` set to 0 at random, the others enlarged so that means stay.
  ///
  /// - Parameters:
  ///   - rate: The share of channels that are dropped, in [0, 1).
  ///   - generator: Where the random draws come from.
  /// - Returns: A tensor of the same shape.
  /// - Throws: ``TorchError`` if the rank is below 2 or the rate is not in [0, 1).
  public func droppingChannels(
    rate: Double, generator: Generator
  ) throws(TorchError) -> Tensor {
    guard rank >= 2, (0..<1).contains(rate) else {
      throw TorchError("dropout", "rate \(rate) is not usable", operands: [typeDescription])
    }
    guard rate > 0 else { return self }
    let shape = shape
    let mask = try Tensor.empty(
      Array(shape[..<2]) + shape[2...].map { _ in 1 }, dtype: dtype ?? .float32, device: device)
    let kept = try dropoutOperator.tensor(
      .tensor(mask), .double(1 - rate), .generator(generator))  // [B, C, 1, …]
    return try self * kept / (1 - rate)
  }
}
