internal import DINOData
package import DINOModels
package import Torch

/// Linear segmentation heads of several learning rates, trained at once.
///
/// Mean and variance of all training features become the running statistics of the head's batch norm; its
/// scale stays 1 and its shift 0, for the linear layer after it can express both. Logits are interpolated to a grid finer than the patches, where the cross-entropy
/// is taken; one product serves all candidates.
///
/// Shapes: `B` images, `R` candidates, `K` classes, `P` points, `F` features.
package final class SegmentationObjective: HeadObjective {
  package let parameters: ParameterStore
  package let candidates: [[Parameter]]
  package let summary: String
  package let largestGradient: Double? = nil
  private let classes: Int
  private let scale: Int
  private let blocks: Int
  private let conditioning: FeatureConditioning
  private var evaluators: [SegmentationEvaluator] = []

  /// Creates the candidates.
  ///
  /// - Parameters:
  ///   - features: What the statistics are taken of.
  ///   - indices: The images of it that are trained on.
  ///   - classes: The number of classes.
  ///   - scale: Points per patch and axis.
  ///   - settings: Learning rates and seed.
  /// - Throws: `TorchError` if there are no features or no classes.
  package init(
    _ features: DenseFeatures, _ indices: [Int], classes: Int, scale: Int,
    _ settings: HeadTrainingSettings
  ) throws(TorchError) {
    let places = indices.compactMap { features.places[$0] }
    let width = features.blocks * features.embedDim
    guard classes > 0, !places.isEmpty, scale > 0 else {
      throw TorchError("segmentation_objective", "\(classes) classes, \(places.count) images")
    }
    conditioning = try FeatureConditioning(places.count, whitens: true) {
      index throws(TorchError) in try features.patches(places[index])
    }
    let root = try ParameterScope(seed: settings.seed)
    parameters = root.parameterStore
    candidates = try settings.rates.indices.map { index throws(TorchError) in
      let scope = root / "candidates" / index
      return [
        try scope.parameter("weight", [classes, width], .normal(deviation: 0.01)),
        try scope.parameter("bias", [classes], .zeros),
      ]
    }
    self.classes = classes
    self.scale = scale
    blocks = features.blocks
    summary = "linear segmentation 1, \(classes) classes, \(width) features, scale \(scale)"
  }

  package func accumulate(
    _ examples: [DenseExample], step: Int
  ) throws(TorchError) -> [Double] {
    let total = examples.reduce(0) { $0 + $1.labelCount }
    var losses = candidates.map { _ in 0.0 }
    guard total > 0 else { return losses }
    for group in examples.groups(perPoint: candidates.count * classes, scale: scale) {
      let (labels, mask) = try Self.targets(of: group)  // [B, 1, 1, P]
      let logits = try logits(group)  // [B, R, K, P]
      let (b, r, _, p) = try logits.shape4()
      let chosen = try logits.logSoftmax(dim: 2).gather(dim: 2, labels.expand(b, r, 1, p))
      let sums = try (chosen * mask).sum(dim: 3).sum(dim: 0) / -Double(total)  // [R, 1]
      for (index, loss) in try sums.array(of: Double.self).enumerated() { losses[index] += loss }
      try sums.sum().backward()
    }
    return losses
  }

  /// The logits of all candidates at the points of the target grid, `[B, R, K, P]`.
  private func logits(_ examples: [DenseExample]) throws(TorchError) -> Tensor {
    let grid = examples[0].grid
    let (b, r) = (examples.count, candidates.count)
    let weight = try Tensor.cat(candidates.map { $0[0].value })  // [R · K, F]
    let bias = try Tensor.cat(candidates.map { $0[1].value })
    return try conditioning.layer(examples.patches(), weight, bias: bias)  // [B · N, R · K]
      .reshape(b, grid.height, grid.width, r * classes).permute(0, 3, 1, 2)
      .resizedBilinear(height: scale * grid.height, width: scale * grid.width)
      .reshape(b, r, classes, scale * scale * grid.count)
  }

  /// Classes and whether they count, `[B, 1, 1, P]`.
  private static func targets(
    of examples: [DenseExample]
  ) throws(TorchError) -> (labels: Tensor, mask: Tensor) {
    var labels: [Int64] = []
    var mask: [Float] = []
    for example in examples {
      guard case .labels(let values) = example.target else { continue }
      for value in values {
        let isKnown = value != SegmentationData.ignoredLabel
        labels.append(isKnown ? Int64(value) : 0)
        mask.append(isKnown ? 1 : 0)
      }
    }
    let shape = [examples.count, 1, 1, labels.count / max(examples.count, 1)]
    return (try Tensor(labels, shape), try Tensor(mask, shape))
  }

  package func beginScore() {
    evaluators = candidates.map { _ in
      SegmentationEvaluator(classes: classes, ignoreIndex: Int(SegmentationData.ignoredLabel))
    }
  }

  package func addScore(_ examples: [DenseExample]) throws(TorchError) {
    for group in examples.groups(perPoint: candidates.count * classes, scale: scale) {
      let predictions = try logits(group).argmax(dim: 2)  // [B, R, P]
      for (position, example) in group.enumerated() {
        guard case .labels(let labels) = example.target else { continue }
        for index in candidates.indices {
          let predicted = try predictions.select(dim: 0, position).select(dim: 0, index)
            .array(of: Int64.self)
          do { try evaluators[index].add(predicted, labels: labels) } catch {
            throw TorchError("segmentation_objective", "\(error)")
          }
        }
      }
    }
  }

  package var scores: [Double] {
    zip(evaluators, candidates).map { evaluator, parameters in
      // Arguments of not-a-number are a class too; such a head must not win by chance.
      let isFinite = parameters.allSatisfy { parameter in
        (try? parameter.value.detached().abs().max().item().isFinite) ?? false
      }
      return isFinite ? evaluator.metrics.mIoU : .nan
    }
  }

  /// A candidate as a head of its own.
  ///
  /// - Parameters:
  ///   - candidate: Its position.
  ///   - steps: The steps that were taken.
  /// - Returns: The sizes and the parameters by the names of the released files.
  /// - Throws: `TorchError` if there is too little memory.
  package func head(
    _ candidate: Int, steps: Int
  ) throws(TorchError) -> (LinearSegmentationHeadConfig, [(name: String, tensor: Tensor)]) {
    let learnt = candidates[candidate].map(\.value)
    let width = try learnt[0].size(1)
    let config = LinearSegmentationHeadConfig(
      embedDim: width / blocks, taps: blocks, classes: classes)
    // The batch norm divides by the deviation, which is put back here.
    let weight = try withoutGradient { () throws(TorchError) in
      try conditioning.weights(learnt[0])
        * (conditioning.variance + config.batchNormEpsilon).sqrt()
    }
    return (
      config,
      [
        ("bn.weight", try .ones([width])), ("bn.bias", try .zeros([width])),
        ("bn.running_mean", conditioning.mean), ("bn.running_var", conditioning.variance),
        ("bn.num_batches_tracked", try Tensor([Int64(steps)], [])),
        ("conv_seg.weight", try weight.reshape(classes, width, 1, 1)),
        ("conv_seg.bias", try learnt[1].detached()),
      ]
    )
  }
}

extension DenseExample {
  /// The number of points that count.
  fileprivate var labelCount: Int {
    guard case .labels(let labels) = target else { return 0 }
    return labels.count { $0 != SegmentationData.ignoredLabel }
  }
}
