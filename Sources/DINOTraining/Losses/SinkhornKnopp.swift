public import Kernels
public import Torch

/// Teacher targets of a batch, balanced over the prototypes.
///
/// Starting from `exp(z / T)`, each prototype is divided by its sum over the batch, then each sample
/// by its sum over the prototypes, in turn. No logit overflows: where single precision does not hold
/// them, it is computed with logarithms. (The original's factors `K`, `B` and the total sum cancel
/// and are left out.)
///
/// Source: Caron et al., 2020 (SwAV), section 3.1; Oquab et al., 2023, section 4.
public struct SinkhornKnopp {
  /// How often both are normalised.
  public var iterations = 3
  /// Balances tensors on the host; nil leaves it to libtorch, with logarithms.
  public var kernels: ProcessorKernels?

  /// Creates the balancing with DINOv2's 3 iterations.
  ///
  /// - Parameter kernels: For tensors on the host.
  public init(kernels: ProcessorKernels? = nil) {
    self.kernels = kernels
  }

  /// Balances the logits of a whole batch.
  ///
  /// - Parameters:
  ///   - logits: Teacher logits, `[B, K]`, any floating-point dtype.
  ///   - temperature: `T`, above 0; smaller is sharper.
  /// - Returns: Targets, float32 `[B, K]`, without gradient; each row sums to 1.
  /// - Throws: ``TorchError`` if libtorch runs out of memory.
  public func callAsFunction(
    _ logits: Tensor, temperature: Double
  ) throws(TorchError) -> Tensor {
    try withoutGradient { () throws(TorchError) in
      let logits = try logits.detached().to(dtype: .float32).contiguous()
      if let kernels, logits.device == .cpu, logits.elementCount > 0,
        let targets = try balanced(logits, temperature, kernels)
      {
        return targets
      }
      var log = try logits / temperature
      for _ in 0..<iterations {
        log = try log - log.logSumExp(dim: 0, keepDim: true)
        log = try log - log.logSumExp(dim: 1, keepDim: true)
      }
      return try log.exp()
    }
  }

  private func balanced(
    _ logits: Tensor, _ temperature: Double, _ kernels: ProcessorKernels
  ) throws(TorchError) -> Tensor? {
    let targets = try Tensor.empty(logits.shape)
    let shape = try logits.shape2()
    let fits = unsafe kernels.balance(
      try logits.hostFloats(), shape: (rows: shape.0, columns: shape.1), temperature: temperature,
      iterations: iterations, into: try targets.hostFloats())
    return withExtendedLifetime(logits) { fits ? targets : nil }
  }
}
