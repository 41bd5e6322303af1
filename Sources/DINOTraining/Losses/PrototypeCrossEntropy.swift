public import Kernels
public import Torch

/// Cross-entropy from soft assignments to prototypes.
///
/// For logits `s` and targets `t`, both `[M, K]`: `−Σₖ tₖ · log softmax(s / τ)ₖ` for each row, in
/// float32.
///
/// Source: Caron et al., 2021, equation 1.
public struct PrototypeCrossEntropy {
  /// The student temperature `τ`, dimensionless; smaller is sharper.
  public var temperature: Double
  /// Computes losses and gradients in one pass over each row on the host; nil leaves it to libtorch.
  public var kernels: ProcessorKernels?

  /// Creates the loss.
  ///
  /// - Parameters:
  ///   - temperature: The student temperature.
  ///   - kernels: For tensors on the host.
  public init(temperature: Double = 0.1, kernels: ProcessorKernels? = nil) {
    self.temperature = temperature
    self.kernels = kernels
  }

  /// The weighted sum of the cross-entropies of all rows.
  ///
  /// - Parameters:
  ///   - logits: Student logits, `[M, K]`.
  ///   - targets: Teacher assignments, `[R, K]`, without gradient; row `r` meets row `r mod R`.
  ///   - weights: The weight of each row, `[M]`; nil weighs all 1.
  /// - Returns: A scalar, in nats.
  /// - Throws: ``TorchError`` if the shapes do not fit.
  public func callAsFunction(
    _ logits: Tensor, targets: Tensor, weights: Tensor? = nil
  ) throws(TorchError) -> Tensor {
    let (rows, columns) = try logits.shape2()
    let (targetRows, targetColumns) = try targets.shape2()
    guard columns == targetColumns, targetRows > 0, rows % targetRows == 0,
      weights.map({ $0.shape == [rows] }) ?? true
    else {
      throw TorchError(
        "cross_entropy", "expected as many targets as logits, and a weight for each row",
        operands: [logits, targets, weights].compactMap { $0?.typeDescription })
    }
    if let kernels, logits.device == .cpu {
      return try fused(logits, targets: targets, weights: weights, kernels)
    }
    let scaled = try logits.to(dtype: .float32) / temperature
    let logProbabilities = try scaled.logSoftmax(dim: -1).reshape(-1, targetRows, columns)
    let losses = try -(targets.to(dtype: .float32) * logProbabilities).sum(dim: -1).flatten()
    guard let weights else { return try losses.sum() }
    return try (losses * weights).sum()
  }

  private func fused(
    _ logits: Tensor, targets: Tensor, weights: Tensor?, _ kernels: ProcessorKernels
  ) throws(TorchError) -> Tensor {
    try withCustomGradient(inputs: [logits]) {
      () throws(TorchError) -> (outputs: [Tensor], gradient: GradientFunction) in
      let dtype = logits.dtype ?? .float32
      let values = try logits.detached().to(dtype: .float32).contiguous()
      let wanted = try targets.to(dtype: .float32).contiguous()
      let weights = try weights?.to(dtype: .float32).contiguous()
      let (rows, columns) = try values.shape2()
      let losses = try Tensor.empty([rows])
      let slope = try Tensor.empty([rows, columns])
      var isGiven = false
      var operands = unsafe ProcessorKernels.SoftTargets(
        logits: try values.hostFloats(), targets: try wanted.hostFloats(), rows: rows,
        columns: columns, targetRows: try wanted.size(0))
      if let weights { unsafe operands.weights = UnsafePointer(try weights.hostFloats()) }
      unsafe kernels.crossEntropy(
        operands, temperature: temperature, losses: try losses.hostFloats(),
        gradient: try slope.hostFloats())
      withExtendedLifetime((values, wanted, weights)) {}
      let gradient: GradientFunction = { upstream throws(TorchError) in
        guard let factor = upstream[0] else { return [nil] }
        guard !isGiven else {
          throw TorchError("cross_entropy", "has one backward pass, retainGraph or not")
        }
        // As large as the logits, so it is scaled where it stands.
        isGiven = true
        try slope.multiply(inPlace: factor)
        return [try slope.to(dtype: dtype)]
      }
      return ([try losses.sum()], gradient)
    }[0]
  }
}

extension Tensor {
  /// The elements of a contiguous float32 tensor on the host, valid as long as the tensor lives.
  func hostFloats() throws(TorchError) -> UnsafeMutablePointer<Float> {
    guard dtype == .float32 else {
      throw TorchError("data", "expected float32", operands: [typeDescription])
    }
    return try unsafe withHostBytes { bytes throws(TorchError) in
      guard let floats = unsafe bytes.baseAddress?.assumingMemoryBound(to: Float.self) else {
        throw TorchError(
          "data", "an empty tensor has no elements", operands: [self.typeDescription])
      }
      return unsafe floats
    }
  }
}
