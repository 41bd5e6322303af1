package import DINOModels
package import Torch

/// The loss of masks with classes: queries are matched with targets, each target with one query, and learn
/// its class and its mask; the others learn that there is nothing.
///
/// Cross-entropies and areas are means over an image, and images are summed, so that it does not matter
/// which of them are taken together.
///
/// Source: Cheng et al., 2022 (Mask2Former), section 3.2 and 4.1 for the weights; Carion et al., 2020
/// (DETR), section 3.1 for the matching.
///
/// Shapes: `B` images, `Q` queries, `K` classes, `M` matches, `P` points of the target grid, `p` pixel
/// embeddings.
package struct MaskLoss: Sendable {
  /// The weight of the classes' cross-entropy.
  package var classWeight = 2.0
  /// The weight of the masks' cross-entropy.
  package var maskWeight = 5.0
  /// The weight of the masks' overlap.
  package var diceWeight = 5.0
  /// The weight of "no object" among the classes.
  package var noObjectWeight = 0.1
  private let assignment = LinearAssignment()

  /// Creates the loss with the source's weights.
  package init() {}

  /// The loss of all predictions of a head, each matched by itself.
  ///
  /// - Parameters:
  ///   - predictions: Those of the initial queries and of each layer.
  ///   - targets: What is in the images.
  /// - Returns: A scalar, the sum over images and predictions.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func callAsFunction(
    _ predictions: [MaskPrediction], _ targets: MaskTargets
  ) throws(TorchError) -> Tensor {
    var losses: [Tensor] = []
    for prediction in predictions {
      let matches = try matches(prediction, targets)
      losses.append(try classLoss(prediction, targets, matches))
      if !matches.isEmpty { losses.append(try maskLoss(prediction, targets, matches)) }
    }
    return try Tensor.stack(losses).sum()
  }

  /// The query of each target, by the smallest sum of the losses that they would have.
  ///
  /// Masks are compared at the pixel embeddings, with the targets' shares of each.
  ///
  /// - Parameters:
  ///   - prediction: What the head predicts.
  ///   - targets: What is in the images.
  /// - Returns: The matches, image by image.
  /// - Throws: `TorchError` if the shapes do not fit.
  package func matches(
    _ prediction: MaskPrediction, _ targets: MaskTargets
  ) throws(TorchError) -> [MaskMatch] {
    let (b, q, _) = try prediction.classLogits.shape3()
    let costs = try withoutGradient { () throws(TorchError) in
      try self.costs(prediction, targets).to(dtype: .float64).array(of: Double.self)
    }
    var matches: [MaskMatch] = []
    for image in 0..<b {
      let present = targets.present[image]
      var own: [Double] = []
      for category in present {
        for query in 0..<q {
          own.append(costs[(image * q + query) * targets.classes + category])
        }
      }
      let found = assignment(own, rows: present.count, columns: q)
      for (category, query) in zip(present, found) {
        guard let query else { continue }
        matches.append(MaskMatch(image: image, query: query, category: category))
      }
    }
    return matches
  }

  /// What a query would lose with a class, `[B, Q, K]`.
  private func costs(
    _ prediction: MaskPrediction, _ targets: MaskTargets
  ) throws(TorchError) -> Tensor {
    let logits = try prediction.maskLogits.flatten(from: 2)  // [B, Q, p]
    let masks = try targets.coarse.transpose(1, 2)  // [B, p, K]
    let known = try targets.coarseKnown.transpose(1, 2)  // [B, p, 1]
    let count = try known.sum(dim: 1, keepDim: true).clamped(from: 1e-6)  // [B, 1, 1]
    let entropy = try (logits.softplus().matmul(known) - logits.matmul(masks)) / count
    let shares = try logits.sigmoid()
    let overlap = try Self.dice(
      common: shares.matmul(masks),
      areas: shares.matmul(known) + masks.sum(dim: 1, keepDim: true))
    let classes = try prediction.classLogits.softmax(dim: -1)
      .narrow(dim: 2, 0..<targets.classes)
    return try entropy * maskWeight + overlap * diceWeight - classes * classWeight
  }

  /// The cross-entropy of the queries' classes, a scalar.
  private func classLoss(
    _ prediction: MaskPrediction, _ targets: MaskTargets, _ matches: [MaskMatch]
  ) throws(TorchError) -> Tensor {
    let (b, q, _) = try prediction.classLogits.shape3()
    var wanted = [Int64](repeating: Int64(targets.classes), count: b * q)
    var weights = [Double](repeating: noObjectWeight, count: b * q)
    for match in matches {
      wanted[match.image * q + match.query] = Int64(match.category)
      weights[match.image * q + match.query] = 1
    }
    for image in 0..<b {
      let own = image * q..<(image + 1) * q
      let sum = weights[own].reduce(0, +)
      // Nothing is known of an image without targets.
      for index in own { weights[index] *= targets.present[image].isEmpty ? 0 : 1 / sum }
    }
    let dtype = prediction.classLogits.dtype ?? .float32
    let chosen = try prediction.classLogits.logSoftmax(dim: -1)
      .gather(dim: 2, Tensor(wanted, [b, q, 1]))
    return try (chosen * Tensor(weights, [b, q, 1]).to(dtype: dtype)).sum() * -classWeight
  }

  /// The cross-entropy and the overlap of the matched masks at the points of the target grid, a scalar.
  private func maskLoss(
    _ prediction: MaskPrediction, _ targets: MaskTargets, _ matches: [MaskMatch]
  ) throws(TorchError) -> Tensor {
    let (b, q, h, w) = try prediction.maskLogits.shape4()
    let dtype = prediction.maskLogits.dtype ?? .float32
    let count = matches.count
    let logits = try prediction.maskLogits.reshape(b * q, h, w)
      .selecting(matches.map { $0.image * q + $0.query }, dim: 0).unsqueeze(dim: 0)
      .resizedBilinear(height: targets.size.height, width: targets.size.width)
      .reshape(count, targets.size.height * targets.size.width)  // [M, P]
    let images = matches.map(\.image)
    let known = try targets.known.selecting(images, dim: 0)
    let masks = try targets.labels.selecting(images, dim: 0)
      .isEqual(to: Tensor(matches.map { Int64($0.category) }, [count, 1])).to(dtype: dtype)
    let losses =
      try Self.crossEntropy(logits, masks, known: known) * maskWeight
      + Self.dice(logits, masks, known: known) * diceWeight
    let shares = matches.map { 1 / Double(targets.present[$0.image].count) }
    return try (losses * Tensor(shares, [count]).to(dtype: dtype)).sum()
  }

  /// The mean cross-entropy of masks.
  ///
  /// - Parameters:
  ///   - logits: Masks before the sigmoid, `[M, P]`.
  ///   - masks: What they are to be, 0 or 1, `[M, P]`.
  ///   - known: 1 at points that count, else 0, `[M, P]`.
  /// - Returns: Nats, `[M]`.
  /// - Throws: `TorchError` if the shapes differ.
  package static func crossEntropy(
    _ logits: Tensor, _ masks: Tensor, known: Tensor
  ) throws(TorchError) -> Tensor {
    try ((logits.softplus() - logits * masks) * known).sum(dim: 1)
      / known.sum(dim: 1).clamped(from: 1)
  }

  /// One less the Dice coefficient of masks, smoothed by 1.
  ///
  /// Source: Milletari et al., 2016, section 3, with the areas themselves instead of their squares, as
  /// Cheng et al., 2021 (MaskFormer).
  ///
  /// - Parameters:
  ///   - logits: Masks before the sigmoid, `[M, P]`.
  ///   - masks: What they are to be, 0 or 1, `[M, P]`.
  ///   - known: 1 at points that count, else 0, `[M, P]`.
  /// - Returns: From 0 to 1, `[M]`.
  /// - Throws: `TorchError` if the shapes differ.
  package static func dice(
    _ logits: Tensor, _ masks: Tensor, known: Tensor
  ) throws(TorchError) -> Tensor {
    let (shares, masks) = (try logits.sigmoid() * known, try masks * known)
    return try dice(
      common: (shares * masks).sum(dim: 1), areas: shares.sum(dim: 1) + masks.sum(dim: 1))
  }

  private static func dice(common: Tensor, areas: Tensor) throws(TorchError) -> Tensor {
    try (common * 2 + 1) / (areas + 1) * -1 + 1
  }
}
