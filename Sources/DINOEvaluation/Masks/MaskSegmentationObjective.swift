internal import DINOData
package import DINOModels
package import Torch

/// Mask heads of several learning rates, trained at once.
///
/// The first layer learns on whitened features, as linear heads do; the whitening goes into its weights when
/// a head is written.
///
/// Shapes: `B` images, `K` classes, `F` features, `C` channels.
package final class MaskSegmentationObjective: HeadObjective {
  package let parameters: ParameterStore
  package let candidates: [[Parameter]]
  package let summary: String
  package let largestGradient: Double? = 5
  private let config: MaskSegmentationHeadConfig
  private let heads: [MaskSegmentationHead]
  private let scale: Int
  private let conditioning: FeatureConditioning
  private let loss = MaskLoss()
  private var evaluators: [SegmentationEvaluator] = []

  /// Creates the candidates, all from the same first weights.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - features: What the statistics are taken of.
  ///   - indices: The images of it that are trained on.
  ///   - scale: Points per patch and axis.
  ///   - settings: Learning rates and seed.
  /// - Throws: `TorchError` if there are no features or a size is impossible.
  package init(
    _ config: MaskSegmentationHeadConfig, _ features: DenseFeatures, _ indices: [Int], scale: Int,
    _ settings: HeadTrainingSettings
  ) throws(TorchError) {
    let places = indices.compactMap { features.places[$0] }
    guard scale > 0, !places.isEmpty else {
      throw TorchError("mask_objective", "\(places.count) images, \(scale) points per patch")
    }
    conditioning = try FeatureConditioning(places.count, whitens: true) {
      index throws(TorchError) in try features.patches(places[index])
    }
    let root = try ParameterScope(seed: settings.seed)
    let store = root.parameterStore
    var heads: [MaskSegmentationHead] = []
    var candidates: [[Parameter]] = []
    for index in settings.rates.indices {
      let before = store.parameters.count
      heads.append(try MaskSegmentationHead(config, in: root / "candidates" / index))
      candidates.append(Array(store.parameters[before...]))
    }
    for other in candidates.dropFirst() {
      try withoutGradient { () throws(TorchError) in
        for (target, source) in zip(other, candidates[0]) {
          try target.value.copy(from: source.value)
        }
      }
    }
    (parameters, self.heads, self.candidates) = (store, heads, candidates)
    (self.config, self.scale) = (config, scale)
    summary = "mask segmentation 1, \(config), scale \(scale)"
  }

  package func accumulate(
    _ examples: [DenseExample], step: Int
  ) throws(TorchError) -> [Double] {
    var losses = candidates.map { _ in 0.0 }
    let groups = groups(examples)
    let targets = try groups.map { group throws(TorchError) in try self.targets(of: group) }
    let usable = Double(targets.reduce(0) { $0 + $1.usable })
    guard usable > 0 else { return losses }
    for (group, targets) in zip(groups, targets) {
      for (index, head) in heads.enumerated() {
        let loss = try self.loss(predictions(head, group), targets) / usable
        losses[index] += try loss.item()
        try loss.backward()
      }
    }
    return losses
  }

  /// Parts of examples that fit into memory with all masks and classes at the points of the target grid.
  private func groups(_ examples: [DenseExample]) -> [[DenseExample]] {
    examples.groups(perPoint: config.queries + config.classes, scale: scale)
  }

  private func targets(of examples: [DenseExample]) throws(TorchError) -> MaskTargets {
    let grid = examples[0].grid
    return try MaskTargets(
      examples.map { example in
        if case .labels(let labels) = example.target { labels } else { [] }
      }, size: DenseSize(height: scale * grid.height, width: scale * grid.width),
      classes: config.classes, upsampling: Double(config.upsampling) / Double(scale))
  }

  private func predictions(
    _ head: MaskSegmentationHead, _ examples: [DenseExample]
  ) throws(TorchError) -> [MaskPrediction] {
    let grid = examples[0].grid
    let projected = try conditioning.layer(
      examples.patches(), head.project.weight.value, bias: head.project.bias?.value)
    return try head.predictions(
      projected.reshape(examples.count, grid.height, grid.width, config.channels))
  }

  package func beginScore() {
    evaluators = candidates.map { _ in
      SegmentationEvaluator(
        classes: config.classes, ignoreIndex: Int(SegmentationData.ignoredLabel))
    }
  }

  package func addScore(_ examples: [DenseExample]) throws(TorchError) {
    for group in groups(examples) {
      let grid = group[0].grid
      for (index, head) in heads.enumerated() {
        let predicted = try predictions(head, group).last?.semanticLogits()
          .resizedBilinear(height: scale * grid.height, width: scale * grid.width)
          .argmax(dim: 1).flatten(from: 1)  // [B, P]
        for (position, example) in group.enumerated() {
          guard case .labels(let labels) = example.target, let predicted else { continue }
          let values = try predicted.select(dim: 0, position).array(of: Int64.self)
          do { try evaluators[index].add(values, labels: labels) } catch {
            throw TorchError("mask_objective", "\(error)")
          }
        }
      }
    }
  }

  package var scores: [Double] {
    zip(evaluators, candidates).map { evaluator, parameters in
      let isFinite = parameters.allSatisfy { parameter in
        (try? parameter.value.detached().abs().max().item().isFinite) ?? false
      }
      return isFinite ? evaluator.metrics.mIoU : .nan
    }
  }

  /// A candidate as a head of its own, for features as they are.
  ///
  /// - Parameter candidate: Its position.
  /// - Returns: The sizes and the parameters by the names of a head.
  /// - Throws: `TorchError` if there is too little memory.
  package func head(
    _ candidate: Int
  ) throws(TorchError) -> (MaskSegmentationHeadConfig, [(name: String, tensor: Tensor)]) {
    let prefix = "candidates.\(candidate).".count
    let project = heads[candidate].project
    return try withoutGradient { () throws(TorchError) in
      let weight = try conditioning.weights(project.weight.value)
      let shift = try conditioning.mean.reshape(1, -1).linear(weight: weight, bias: nil).reshape(-1)
      let tensors = try candidates[candidate].map { parameter throws(TorchError) in
        let name = String(parameter.name.dropFirst(prefix))
        if parameter === project.weight { return (name: name, tensor: weight) }
        let value = try parameter.value.detached()
        return (name: name, tensor: parameter === project.bias ? try value - shift : value)
      }
      return (config, tensors)
    }
  }
}
