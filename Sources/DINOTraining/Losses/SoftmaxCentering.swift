public import Torch

/// Teacher targets by a softmax around a running centre.
///
/// `p = softmax((z − c) / T)`, where the centre follows the mean logits of the batches:
/// `c ← m·c + (1 − m)·mean(z)`. As in the original, the mean of one batch takes effect with the next.
///
/// Source: Caron et al., 2021, equations 3–4; Oquab et al., 2023, section 4.
public final class SoftmaxCentering {
  /// The centre that the last targets were computed with, `[1, K]`.
  public private(set) var center: Tensor
  /// The mean logits that take effect with the next targets, `[1, K]`.
  private var pending: Tensor?
  /// `m`, the share of the centre that is kept.
  private let momentum: Double

  /// Creates a centring that starts at 0.
  ///
  /// - Parameters:
  ///   - prototypes: `K`.
  ///   - momentum: `m`.
  ///   - device: Where the centre lives.
  /// - Throws: ``TorchError`` if the centre cannot be made.
  public init(
    prototypes: Int, momentum: Double = 0.9, device: Device = .cpu
  ) throws(TorchError) {
    center = try .zeros([1, prototypes], device: device)
    self.momentum = momentum
  }

  /// The targets of a whole batch; its mean is kept for the next one.
  ///
  /// - Parameters:
  ///   - logits: Teacher logits, `[B, K]`.
  ///   - temperature: `T`, above 0; smaller is sharper.
  /// - Returns: Targets, float32 `[B, K]`, without gradient; each row sums to 1.
  /// - Throws: ``TorchError`` if the width does not fit.
  public func callAsFunction(
    _ logits: Tensor, temperature: Double
  ) throws(TorchError) -> Tensor {
    try withoutGradient { () throws(TorchError) in
      try applyPending()
      let logits = try logits.to(dtype: .float32)
      pending = try logits.mean(dim: 0, keepDim: true)
      return try ((logits - center) / temperature).softmax(dim: -1)
    }
  }

  private func applyPending() throws(TorchError) {
    guard let pending else { return }
    center = try center * momentum + pending * (1 - momentum)
    self.pending = nil
  }

  /// What must be stored to go on later: the centre with the pending mean taken in.
  ///
  /// Nothing reads the centre between two batches, so taking the mean in early changes no target.
  ///
  /// - Returns: The centre, `[1, K]`.
  /// - Throws: ``TorchError`` if libtorch runs out of memory.
  public func state() throws(TorchError) -> Tensor {
    try withoutGradient { () throws(TorchError) in try applyPending() }
    return center
  }

  /// Continues from a stored centre.
  ///
  /// - Parameter center: What ``state()`` returned, in any shape of `K` elements.
  /// - Throws: ``TorchError`` if it has another number of prototypes.
  public func restore(_ center: Tensor) throws(TorchError) {
    self.center = try center.reshape(self.center.shape).clone()
    pending = nil
  }
}
