package import DINOModels
package import Torch

/// Dense prediction transformers' depth heads, by the scale-invariant loss and the loss of gradients.
///
/// Source: the recipe of the released depth heads; the gradient loss acts on rows and columns, as it was
/// meant.
package final class DPTDepthObjective: HeadObjective {
  package let parameters: ParameterStore
  package let candidates: [[Parameter]]
  package let summary: String
  package let largestGradient: Double? = 35
  private let heads: [DPTDepthHead]
  private let scale: Int
  private let embedDim: Int
  private var metrics: [DepthMetricsSum] = []

  /// Creates the candidates, all from the same first weights.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scale: Points per patch and axis.
  ///   - settings: Learning rates and seed.
  /// - Throws: `TorchError` if a size is impossible.
  package init(
    _ config: DPTDepthHeadConfig, scale: Int, _ settings: HeadTrainingSettings
  ) throws(TorchError) {
    let root = try ParameterScope(seed: settings.seed)
    let store = root.parameterStore
    var heads: [DPTDepthHead] = []
    var candidates: [[Parameter]] = []
    for index in settings.rates.indices {
      let before = store.parameters.count
      heads.append(try DPTDepthHead(config, in: root / "candidates" / index))
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
    (self.scale, embedDim) = (scale, config.embedDim)
    summary = "DPT depth, \(config), scale \(scale)"
  }

  package func accumulate(
    _ examples: [DenseExample], step: Int
  ) throws(TorchError) -> [Double] {
    var losses = candidates.map { _ in 0.0 }
    for group in groups(examples) {
      let grid = group[0].grid
      let truth = try LinearDepthObjective.truth(of: group)
        .reshape(group.count, 1, scale * grid.height, scale * grid.width)
      let share = Double(group.count) / Double(examples.count)
      for (index, head) in heads.enumerated() {
        let depth = try depth(head, group)
        let loss =
          try (SigLoss()(depth, truth: truth) + GradientLoss()(depth, truth: truth)) * share
        losses[index] += try loss.item()
        try loss.backward()
      }
    }
    return losses
  }

  /// Parts of examples; a head keeps some hundred numbers a point for its backward pass.
  private func groups(_ examples: [DenseExample]) -> [[DenseExample]] {
    examples.groups(perPoint: heads[0].config.channels, scale: 8)
  }

  /// Metres at the points of the target grid, `[B, 1, s · h, s · w]`.
  private func depth(
    _ head: DPTDepthHead, _ examples: [DenseExample]
  ) throws(TorchError) -> Tensor {
    let grid = examples[0].grid
    let (b, l) = (examples.count, head.taps)
    let maps = try examples.patches().reshape(b, grid.height, grid.width, l, embedDim)
      .permute(3, 0, 4, 1, 2)  // [L, B, D, h, w]
    let clsTokens = try examples.clsTokens().reshape(b, l, embedDim)
    let taps = try (0..<l).map { tap throws(TorchError) in
      try FeatureTap(
        maps: maps.select(dim: 0, tap).contiguous(),
        clsToken: clsTokens.select(dim: 1, tap).contiguous())
    }
    return try head(taps).resizedBilinear(
      height: scale * grid.height, width: scale * grid.width)
  }

  package func beginScore() { metrics = heads.map { _ in DepthMetricsSum() } }

  package func addScore(_ examples: [DenseExample]) throws(TorchError) {
    for group in groups(examples) {
      for (index, head) in heads.enumerated() {
        let depth = try depth(head, group)
          .clamped(from: head.range.lowerBound, to: head.range.upperBound)
          .reshape(group.count, -1)
        try metrics[index].add(depth, group)
      }
    }
  }

  package var scores: [Double] { metrics.map { -$0.rmse } }

  /// A candidate as a head of its own.
  ///
  /// - Parameter candidate: Its position.
  /// - Returns: The sizes and the parameters by the names of the released files.
  /// - Throws: `TorchError` if there is too little memory.
  package func head(
    _ candidate: Int
  ) throws(TorchError) -> (DPTDepthHeadConfig, [(name: String, tensor: Tensor)]) {
    let prefix = "candidates.\(candidate).".count
    return (
      heads[candidate].config,
      try candidates[candidate].map { parameter throws(TorchError) in
        (String(parameter.name.dropFirst(prefix)), try parameter.value.detached())
      }
    )
  }
}
