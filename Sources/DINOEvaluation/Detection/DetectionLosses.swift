package import Torch

/// How far scores are from the quality that they are to tell.
///
/// For a logit `x` with `p = σ(x)` and a quality `t` from 0 to 1:
///
///     |t - p|^β · (-t · log p - (1 - t) · log(1 - p))
///
/// With `t` of 0 or 1 it is the focal loss without its balance `α`; with a quality between, the score learns
/// how well the box fits, so that no centre-ness is needed.
///
/// Source: Li et al., 2020 (generalized focal loss), equation 2, `β` = 2.
package struct QualityFocalLoss: Sendable {
  /// The exponent `β`.
  package var exponent = 2.0

  /// Creates the loss with the source's exponent.
  package init() {}

  /// - Parameters:
  ///   - logits: Scores before the sigmoid, any shape.
  ///   - quality: The same shape; carries no gradient.
  /// - Returns: Losses, the same shape, in nats.
  /// - Throws: `TorchError` if the shapes differ.
  package func callAsFunction(_ logits: Tensor, quality: Tensor) throws(TorchError) -> Tensor {
    let distance = try (quality - logits.sigmoid()).abs().pow(exponent)
    return try distance * (logits.softplus() - quality * logits)
  }
}

/// One less the generalised overlap of boxes: 0 where they are equal, up to 2 where they are far apart.
///
///     1 - |A ∩ B| / |A ∪ B| + (|C| - |A ∪ B|) / |C|,   C the smallest box around both
///
/// Source: Rezatofighi et al., 2019, algorithm 1.
package struct GIoULoss: Sendable {
  /// Added to areas, so that nothing is divided by 0.
  private static let epsilon = 1e-7

  /// Creates the loss.
  package init() {}

  /// - Parameters:
  ///   - boxes: Left, top, right, bottom: `[P, 4]`; right and bottom not below left and top.
  ///   - targets: The same.
  /// - Returns: Losses, `[P]`.
  /// - Throws: `TorchError` if a shape does not fit.
  package func callAsFunction(_ boxes: Tensor, _ targets: Tensor) throws(TorchError) -> Tensor {
    let (a, b) = (try boxes.corners(), try targets.corners())
    let common = try Self.area(a.start.maximum(b.start), a.end.minimum(b.end))
    let union = try Self.area(a.start, a.end) + Self.area(b.start, b.end) - common + Self.epsilon
    let around = try Self.area(a.start.minimum(b.start), a.end.maximum(b.end)) + Self.epsilon
    return try (around - union) / around - common / union + 1
  }

  /// The areas between corners, `[P]`; 0 where they are crossed.
  private static func area(_ start: Tensor, _ end: Tensor) throws(TorchError) -> Tensor {
    let sides = try (end - start).clamped(from: 0)
    return try sides.select(dim: 1, 0) * sides.select(dim: 1, 1)
  }
}

extension Tensor {
  /// The first and the last corner of boxes, `[P, 2]` each.
  fileprivate func corners() throws(TorchError) -> (start: Tensor, end: Tensor) {
    (try narrow(dim: 1, 0..<2), try narrow(dim: 1, 2..<4))
  }
}
