package import DINOModels
package import Torch

/// Linear depth heads of several learning rates, trained at once by the scale-invariant loss.
///
/// The mean of the features is folded into the bias at the end, so that the head is a plain
/// ``LinearDepthHead``. The class token's part of the product is computed once
/// an image.
///
/// Shapes: `B` images, `R` candidates, `K` bins, `P` points, `F` features of a token.
package final class LinearDepthObjective: HeadObjective {
  package let parameters: ParameterStore
  package let candidates: [[Parameter]]
  package let summary: String
  package let largestGradient: Double? = nil
  private let config: LinearDepthHeadConfig
  private let bins: DepthBins
  private let scale: Int
  private let patches: FeatureConditioning
  private let clsTokens: FeatureConditioning
  private var metrics: [DepthMetricsSum] = []

  /// Creates the candidates.
  ///
  /// - Parameters:
  ///   - features: What the statistics are taken of.
  ///   - indices: The images of it that are trained on.
  ///   - range: The smallest and the largest depth, metres.
  ///   - scale: Points per patch and axis.
  ///   - settings: Learning rates and seed.
  /// - Throws: `TorchError` if there are no features.
  package init(
    _ features: DenseFeatures, _ indices: [Int], range: ClosedRange<Double>, scale: Int,
    _ settings: HeadTrainingSettings
  ) throws(TorchError) {
    let places = indices.compactMap { features.places[$0] }
    guard !places.isEmpty, scale > 0 else {
      throw TorchError("depth_objective", "\(places.count) images")
    }
    patches = try FeatureConditioning(places.count, whitens: true) { index throws(TorchError) in
      try features.patches(places[index])
    }
    // Few images may agree in a feature of the class token; dividing by next to nothing would blow up
    // what others have there.
    clsTokens = try FeatureConditioning(places.count, whitens: false) {
      index throws(TorchError) in try features.clsToken(places[index])
    }.bounded(by: patches, share: 0.1)
    var config = LinearDepthHeadConfig(embedDim: features.embedDim, taps: features.blocks)
    (config.minDepth, config.maxDepth) = (range.lowerBound, range.upperBound)
    let bins = DepthBins()
    config.bins = bins
    (self.config, self.bins, self.scale) = (config, bins, scale)
    let width = features.blocks * features.embedDim
    let root = try ParameterScope(seed: settings.seed)
    parameters = root.parameterStore
    let initializer = Initializer.kaimingUniform(fanIn: 2 * width)
    candidates = try settings.rates.indices.map { index throws(TorchError) in
      let scope = root / "candidates" / index
      return [
        try scope.parameter("patch", [bins.count, width], initializer),
        try scope.parameter("cls", [bins.count, width], initializer),
        try scope.parameter("bias", [bins.count], initializer),
      ]
    }
    summary =
      "linear depth, \(bins.count) bins in \(range), \(features.blocks) blocks of "
      + "\(features.embedDim), scale \(scale)"
  }

  package func accumulate(
    _ examples: [DenseExample], step: Int
  ) throws(TorchError) -> [Double] {
    var losses = candidates.map { _ in 0.0 }
    let groups = examples.groups(perPoint: candidates.count * bins.count, scale: scale)
    for group in groups {
      let depth = try depth(group)  // [B, R, P]
      let truth = try Self.truth(of: group)  // [B, P]
      let share = Double(group.count) / Double(examples.count)
      var total: Tensor?
      for index in candidates.indices {
        let loss =
          try SigLoss()(
            depth.select(dim: 1, index), truth: truth, isWarmingUp: step < Self.warmUp) * share
        losses[index] += try loss.item()
        if let sum = total { total = try sum + loss } else { total = loss }
      }
      try total?.backward()
    }
    return losses
  }

  /// Steps in which only the scale is fitted; the released recipes take 100 of 38,400.
  private static let warmUp = 10

  /// Metres of all candidates at the points of the target grid, `[B, R, P]`.
  private func depth(_ examples: [DenseExample]) throws(TorchError) -> Tensor {
    let grid = examples[0].grid
    let (b, r, k) = (examples.count, candidates.count, bins.count)
    let local = try patches.layer(
      examples.patches(), .cat(candidates.map { $0[0].value }), bias: nil)  // [B · N, R · K]
    let global = try clsTokens.layer(
      examples.clsTokens(), .cat(candidates.map { $0[1].value }),
      bias: .cat(candidates.map { $0[2].value }))  // [B, R · K]
    let logits = try (local.reshape(b, grid.count, r * k) + global.reshape(b, 1, r * k))
      .reshape(b, grid.height, grid.width, r * k).permute(0, 3, 1, 2)
      .resizedBilinear(height: scale * grid.height, width: scale * grid.width)
    return try bins.depth(
      of: logits.reshape(b * r, k, scale * grid.height, scale * grid.width),
      in: config.minDepth...config.maxDepth
    ).reshape(b, r, scale * scale * grid.count)
  }

  /// Metres, `[B, P]`; 0 where unknown.
  static func truth(of examples: [DenseExample]) throws(TorchError) -> Tensor {
    var metres: [Float] = []
    for example in examples {
      if case .depth(let values) = example.target { metres += values }
    }
    return try Tensor(metres, [examples.count, metres.count / max(examples.count, 1)])
  }

  package func beginScore() { metrics = candidates.map { _ in DepthMetricsSum() } }

  package func addScore(_ examples: [DenseExample]) throws(TorchError) {
    for group in examples.groups(perPoint: candidates.count * bins.count, scale: scale) {
      let depth = try depth(group).clamped(from: config.minDepth, to: config.maxDepth)
      for index in candidates.indices {
        try metrics[index].add(depth.select(dim: 1, index), group)
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
  ) throws(TorchError) -> (LinearDepthHeadConfig, [(name: String, tensor: Tensor)]) {
    try withoutGradient { () throws(TorchError) in
      let values = candidates[candidate].map(\.value)
      let (patch, cls) = (try patches.weights(values[0]), try clsTokens.weights(values[1]))
      let shift = try patch.matmul(patches.mean) + cls.matmul(clsTokens.mean)  // [K]
      // Each tap has its patches' columns, then its class token's.
      let d = config.embedDim
      var columns: [Tensor] = []
      for tap in 0..<config.taps {
        columns.append(try patch.narrow(dim: 1, tap * d..<(tap + 1) * d))
        columns.append(try cls.narrow(dim: 1, tap * d..<(tap + 1) * d))
      }
      let weight = try Tensor.cat(columns, dim: 1)  // [K, 2 · F]
      return (
        config,
        [
          (
            "conv_depth.weight",
            try weight.reshape(bins.count, 2 * d * config.taps, 1, 1)
          ),
          ("conv_depth.bias", try values[2] - shift),
        ]
      )
    }
  }
}

/// The mean error of images that are measured one after the other.
struct DepthMetricsSum {
  private var sum = 0.0
  private var images = 0.0

  /// Adds images.
  ///
  /// - Parameters:
  ///   - depth: Metres, `[B, P]`.
  ///   - examples: What is known of them.
  /// - Throws: `TorchError` if the values cannot be read.
  mutating func add(_ depth: Tensor, _ examples: [DenseExample]) throws(TorchError) {
    for (position, example) in examples.enumerated() {
      guard case .depth(let truth) = example.target else { continue }
      let predicted = try depth.select(dim: 0, position).floats()
      let pixels = zip(predicted, truth).filter { $1 > 0 }
        .map { (prediction: Double($0), truth: Double($1)) }
      guard !pixels.isEmpty else { continue }
      sum += DepthMetrics.compare(pixels).rmse
      images += 1
    }
  }

  /// The mean over images of the root of the mean square, metres; NaN without an image.
  var rmse: Double { sum / images }
}
