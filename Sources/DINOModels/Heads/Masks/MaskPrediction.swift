public import Torch

/// Masks with classes, one per query.
///
/// Shapes: `B` images, `Q` queries, `K` classes, `H × W` pixel embeddings.
public struct MaskPrediction {
  /// Scores of the classes before the softmax, the last one for "no object": `[B, Q, K + 1]`.
  public let classLogits: Tensor
  /// Masks before the sigmoid, `[B, Q, H, W]`.
  public let maskLogits: Tensor

  /// The smallest score; below it a class is as good as absent, and its logarithm stays finite.
  private static let smallestScore = 1e-6

  /// Joins classes and masks.
  ///
  /// - Parameters:
  ///   - classLogits: Scores of the classes and of "no object", `[B, Q, K + 1]`.
  ///   - maskLogits: Masks before the sigmoid, `[B, Q, H, W]`.
  package init(classLogits: Tensor, maskLogits: Tensor) {
    (self.classLogits, self.maskLogits) = (classLogits, maskLogits)
  }

  /// What the queries together say of each pixel.
  ///
  /// For the class `k` and a pixel, `log Σ_q p_q(k) · σ(m_q)`: the softmax of these numbers over the
  /// classes are the scores divided by their sum. Means over windows are means of logarithms, as those of
  /// a linear head's logits.
  ///
  /// Source: Cheng et al., 2021 (MaskFormer), section 3.4, semantic inference.
  ///
  /// - Returns: `[B, K, H, W]`.
  /// - Throws: `TorchError` if the shapes do not fit.
  public func semanticLogits() throws(TorchError) -> Tensor {
    let (b, q, h, w) = try maskLogits.shape4()
    let classes = try classLogits.size(2) - 1
    let probabilities = try classLogits.softmax(dim: -1).narrow(dim: 2, 0..<classes)
    return try probabilities.transpose(1, 2).matmul(maskLogits.sigmoid().reshape(b, q, h * w))
      .clamped(from: Self.smallestScore).log().reshape(b, classes, h, w)
  }

  /// What is added to attention scores so that each query sees its own mask only, on another grid.
  ///
  /// A query whose mask is empty there sees everything. Carries no gradient.
  ///
  /// Source: Cheng et al., 2022 (Mask2Former), equation 3.
  ///
  /// - Parameters:
  ///   - height: Rows of the grid.
  ///   - width: Columns of the grid.
  /// - Returns: 0 where a query attends, else a number whose exponential is 0: `[B, 1, Q, h · w]`.
  /// - Throws: `TorchError` if the size is not positive.
  package func attentionBias(height: Int, width: Int) throws(TorchError) -> Tensor {
    try withoutGradient { () throws(TorchError) in
      let (b, q, h, w) = try maskLogits.shape4()
      let dtype = maskLogits.dtype ?? .float32
      var masks = try maskLogits.detached()
      if (h, w) != (height, width) {
        masks = try masks.resizedBilinear(height: height, width: width)
      }
      // A probability above 0.5 is a logit above 0.
      let seen = try masks.reshape(b, 1, q, height * width).isGreater(than: 0).to(dtype: dtype)
      let isEmpty = try seen.max(dim: -1, keepDim: true).values.isLess(than: 0.5).to(dtype: dtype)
      return try ((seen + isEmpty).clamped(to: 1) - 1) * -Self.hidden
    }
  }

  /// Far below every score, and finite so that differences stay numbers.
  private static let hidden = -1e9
}
