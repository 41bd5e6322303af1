internal import DINOData
internal import DINOInference
package import DINOModels
package import Torch

/// Detection heads of several learning rates, trained at once.
///
/// The loss of a batch is the quality focal loss of all scores and twice the generalised-overlap loss of the
/// places that find something, the latter weighted by the quality that they are to tell; both are divided by
/// the sum of these qualities.
///
/// Shapes: `B` images, `N` places, `K` classes, `P` places that find something.
package final class DetectionObjective: HeadObjective {
  package let parameters: ParameterStore
  package let candidates: [[Parameter]]
  package let summary: String
  package let largestGradient: Double? = 5
  /// How boxes are chosen when candidates are measured.
  package var decoding = DetectionDecoding()
  private let heads: [DetectionHead]
  private let config: DetectionHeadConfig
  private let assignment = TaskAlignedAssignment()
  private let scoreLoss = QualityFocalLoss()
  private let boxLoss = GIoULoss()
  private var evaluators: [COCOEvaluator] = []

  /// The weight of the boxes' loss.
  private static let boxWeight = 2.0

  /// Creates the candidates; all start from the same values.
  ///
  /// - Parameters:
  ///   - config: The sizes of the head.
  ///   - settings: Learning rates and seed.
  ///   - dtype: What is computed with.
  /// - Throws: `TorchError` if a size is impossible.
  package init(
    _ config: DetectionHeadConfig, _ settings: HeadTrainingSettings, dtype: DType = .float32
  ) throws(TorchError) {
    let store = ParameterStore(
      initializingFrom: try Generator(seed: settings.seed), dtype: dtype)
    heads = try settings.rates.indices.map { index throws(TorchError) in
      try DetectionHead(config, in: store.root / "candidates" / index)
    }
    let candidates = settings.rates.indices.map { index in
      store.parameters.filter { $0.name.hasPrefix("candidates.\(index).") }
    }
    for other in candidates.dropFirst() {
      try withoutGradient { () throws(TorchError) in
        for (mine, first) in zip(other, candidates[0]) { try mine.value.copy(from: first.value) }
      }
    }
    parameters = store
    self.candidates = candidates
    self.config = config
    summary = "detection, \(config)"
  }

  package func accumulate(
    _ examples: [DenseExample], step: Int
  ) throws(TorchError) -> [Double] {
    try heads.map { head throws(TorchError) in
      var parts: [Tensor] = []
      var total = 0.0
      for group in examples.byGrid() {
        let output = try head(Self.patches(group))
        let targets = try targets(of: group, output)
        parts.append(try loss(output, targets))
        total += targets.total
      }
      guard !parts.isEmpty else { return 0 }
      let mean = try Tensor.stack(parts).sum() / max(total, 1)
      try mean.backward()
      return try mean.item()
    }
  }

  /// The loss of images of one grid, not divided by the qualities yet.
  ///
  /// - Parameters:
  ///   - output: What the head predicts.
  ///   - targets: What it is to learn; carries no gradient.
  /// - Returns: A scalar.
  /// - Throws: `TorchError` if a shape does not fit.
  package func loss(
    _ output: DetectionOutput, _ targets: DetectionTargets
  ) throws(TorchError) -> Tensor {
    let (b, n, k) = try output.logits.shape3()
    let dtype = output.logits.dtype ?? .float32
    let quality = try Tensor(targets.quality, [b, n, k]).to(dtype: dtype)
    let counts = try Tensor(targets.counts, [b, n, 1]).to(dtype: dtype)
    let scores = try (scoreLoss(output.logits, quality: quality) * counts).sum()
    guard !targets.places.isEmpty else { return scores }
    let found = try output.boxes.reshape(b * n, 4).selecting(targets.places, dim: 0)  // [P, 4]
    let wanted = try Tensor(targets.boxes, [targets.places.count, 4]).to(dtype: dtype)
    let weights = try Tensor(targets.weights, [targets.places.count]).to(dtype: dtype)
    return try scores + (boxLoss(found, wanted) * weights).sum() * Self.boxWeight
  }

  /// What images of one grid are to teach.
  ///
  /// - Parameters:
  ///   - examples: The images.
  ///   - output: What the head predicts at present.
  /// - Returns: Scores and boxes to learn.
  /// - Throws: `TorchError` if the predictions cannot be read.
  package func targets(
    of examples: [DenseExample], _ output: DetectionOutput
  ) throws(TorchError) -> DetectionTargets {
    let (b, n, k) = try output.logits.shape3()
    let scores = try output.logits.detached().sigmoid().to(dtype: .float32).floats()
    let boxes = try output.boxes.detached().to(dtype: .float32).floats()
    var targets = DetectionTargets(images: b, places: n, classes: k)
    for (image, example) in examples.enumerated() {
      guard case .boxes(let wanted) = example.target else { continue }
      let known = wanted.filter { (0..<k).contains($0.category) }
      let found = assignment(
        known,
        .init(
          grid: output.grid, scores: scores[image * n * k..<(image + 1) * n * k],
          boxes: boxes[image * n * 4..<(image + 1) * n * 4], classes: k))
      targets.add(found, of: known, image: image)
    }
    return targets
  }

  /// The patches of images of one grid, `[B, h, w, L · D]`.
  package static func patches(_ examples: [DenseExample]) throws(TorchError) -> Tensor {
    let rows = try examples.patches()
    guard let grid = examples.first?.grid else { return rows }
    return try rows.reshape(examples.count, grid.height, grid.width, rows.size(1))
  }

  package func beginScore() {
    evaluators = candidates.map { _ in COCOEvaluator(categories: config.classes) }
  }

  package func addScore(_ examples: [DenseExample]) throws(TorchError) {
    for group in examples.byGrid() {
      let patches = try Self.patches(group)
      for (index, head) in heads.enumerated() {
        let output = try head(patches)
        for (image, example) in group.enumerated() {
          guard case .boxes(let wanted) = example.target else { continue }
          evaluators[index].addImage(
            truth: wanted.map {
              .init(category: $0.category, box: BoundingBox($0.edges), isCrowd: $0.isCrowd)
            },
            detections: try decoding.boxes(output, image: image).map { found in
              let edges = SIMD4(found.left, found.top, found.right, found.bottom)
              return .init(
                category: found.classIndex, box: BoundingBox(edges), score: Double(found.score))
            })
        }
      }
    }
  }

  /// Average precision at the overlap 0.5.
  package var scores: [Double] {
    zip(evaluators, candidates).map { evaluator, parameters in
      let isFinite = parameters.allSatisfy { parameter in
        (try? parameter.value.detached().abs().max().item().isFinite) ?? false
      }
      return isFinite ? evaluator.metrics().ap50 : .nan
    }
  }

  /// A candidate's parameters by the names of a head.
  ///
  /// - Parameter candidate: Its position.
  /// - Returns: Names and values.
  /// - Throws: `TorchError` if there is too little memory.
  package func head(_ candidate: Int) throws(TorchError) -> [(name: String, tensor: Tensor)] {
    let prefix = "candidates.\(candidate)."
    return try candidates[candidate].map { parameter throws(TorchError) in
      (String(parameter.name.dropFirst(prefix.count)), try parameter.value.detached())
    }
  }
}

extension BoundingBox {
  /// Takes left, top, right, bottom.
  init(_ edges: SIMD4<Float>) {
    self.init(
      left: Double(edges[0]), top: Double(edges[1]), width: Double(edges[2]) - Double(edges[0]),
      height: Double(edges[3]) - Double(edges[1]))
  }
}

extension [DenseExample] {
  /// Examples of equal grids together, in the order of their first ones.
  fileprivate func byGrid() -> [[DenseExample]] {
    // Every example is one point here: only the grid parts them.
    groups(perPoint: 0, scale: 1)
  }
}
