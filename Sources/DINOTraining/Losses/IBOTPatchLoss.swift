public import Torch

/// Patch-level loss: the student predicts the teacher's assignments of patches that it did not see.
///
/// Each masked patch counts `1 / (masked patches of its crop)`; the sum is divided by the number of
/// all global crops, masked or not.
///
/// Source: Zhou et al., 2022 (iBOT), equation 2; Oquab et al., 2023, section 4.
public struct IBOTPatchLoss {
  /// The cross-entropy of one patch.
  public var crossEntropy: PrototypeCrossEntropy

  /// Creates the loss.
  ///
  /// - Parameter crossEntropy: The cross-entropy of one patch.
  public init(_ crossEntropy: PrototypeCrossEntropy = PrototypeCrossEntropy()) {
    self.crossEntropy = crossEntropy
  }

  /// The loss of the masked patches.
  ///
  /// - Parameters:
  ///   - student: Logits of the masked patches, `[M, K]`.
  ///   - teacher: Assignments of the same patches, `[M, K]`.
  ///   - weights: The weight of each patch, `[M]`.
  ///   - crops: The number of global crops.
  /// - Returns: A scalar, in nats.
  /// - Throws: ``TorchError`` if the shapes differ.
  public func callAsFunction(
    student: Tensor, teacher: Tensor, weights: Tensor, crops: Int
  ) throws(TorchError) -> Tensor {
    try crossEntropy(student, targets: teacher, weights: weights) / Double(crops)
  }

  /// The loss from all patches and a mask.
  ///
  /// - Parameters:
  ///   - student: Logits, `[B, N, K]`.
  ///   - teacher: Assignments, `[B, N, K]`.
  ///   - mask: Which patches the student did not see, bool `[B, N]`.
  /// - Returns: A scalar, in nats.
  /// - Throws: ``TorchError`` if the shapes differ.
  public func callAsFunction(
    student: Tensor, teacher: Tensor, mask: Tensor
  ) throws(TorchError) -> Tensor {
    let hidden = try mask.to(dtype: .float32)
    let counts = try hidden.sum(dim: -1, keepDim: true).clamped(from: 1)
    let weights = try (hidden / counts).flatten()
    return try self(
      student: student.flatten(from: 0, to: 1), teacher: teacher.flatten(from: 0, to: 1),
      weights: weights, crops: mask.size(0))
  }
}
