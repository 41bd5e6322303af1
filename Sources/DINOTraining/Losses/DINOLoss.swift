public import Torch

/// Image-level loss: the class tokens of the student's crops predict the teacher's assignments.
///
/// The sum over every pair (student crop, teacher crop) of the batch mean of the cross-entropy. Which
/// crops meet is the caller's choice, as is the weight.
///
/// Source: Caron et al., 2021, equations 1–3; Oquab et al., 2023, section 4.
public struct DINOLoss {
  /// The cross-entropy of one pair.
  public var crossEntropy: PrototypeCrossEntropy

  /// Creates the loss.
  ///
  /// - Parameter crossEntropy: The cross-entropy of one pair.
  public init(_ crossEntropy: PrototypeCrossEntropy = PrototypeCrossEntropy()) {
    self.crossEntropy = crossEntropy
  }

  /// The loss of all pairs.
  ///
  /// - Parameters:
  ///   - student: One tensor of logits `[B, K]` per student crop.
  ///   - teacher: One tensor of assignments `[B, K]` per teacher crop; each row sums to 1.
  /// - Returns: A scalar, in nats.
  /// - Throws: ``TorchError`` if the shapes differ.
  public func callAsFunction(student: [Tensor], teacher: [Tensor]) throws(TorchError) -> Tensor {
    guard !teacher.isEmpty, !student.isEmpty else { return try .zeros([]) }
    return try sum(student: student.count == 1 ? student[0] : .cat(student), teacher: teacher)
      / Double(teacher[0].size(0))
  }

  /// The sum over images of the loss of all pairs.
  ///
  /// - Parameters:
  ///   - student: Logits, crop by crop, `[S · B, K]`.
  ///   - teacher: One tensor of assignments `[B, K]` per teacher crop.
  /// - Returns: A scalar, in nats.
  /// - Throws: ``TorchError`` if the shapes differ.
  func sum(student: Tensor, teacher: [Tensor]) throws(TorchError) -> Tensor {
    // The cross-entropy is linear in the target: all teacher crops are met at once.
    var targets = teacher[0]
    for other in teacher.dropFirst() { targets = try targets + other }
    return try crossEntropy(student, targets: targets)
  }
}
