internal import DINOModels
internal import Torch

/// What the teacher says about a batch.
///
/// Shapes: `B` images, `M` masked patches, `K` prototypes (of each head).
struct TeacherTargets {
  /// For each global crop the assignment of the *other* crop of its image, `[2B, K]`.
  let swapped: Tensor
  /// Assignments of the masked patches, `[M, K]`; nil without any.
  let patches: Tensor?
  /// What they look like.
  let statistics: TargetStatistics

  /// The rows of a part of the batch.
  func rows(of part: ViewTensors.Part) throws(TorchError) -> TeacherTargets {
    guard let classRows = part.classRows, let maskRows = part.maskRows else { return self }
    return TeacherTargets(
      swapped: try swapped.selecting(classRows, dim: 0),
      patches: maskRows.isEmpty ? nil : try patches?.selecting(maskRows, dim: 0),
      statistics: statistics)
  }
}

extension SelfDistillation {
  /// The targets of a batch that is given in parts.
  func targets(
    _ parts: [ViewTensors.Part], temperature: Double
  ) throws(TorchError) -> TeacherTargets {
    try withoutGradient { () throws(TorchError) in
      var (classLogits, patchLogits): ([Tensor], [Tensor]) = ([], [])
      for part in parts {
        let views = part.views
        let crops = CropBatch(views.globalCrops, patches: try patchesOfInterest(views))
        let tokens = try autocasting { () throws(TorchError) in
          try teacher.backbone.trainingPass([crops], .evaluation).tokens
        }
        let logits = try self.logits(of: tokens, teacher, classTokens: 2 * views.images)
        classLogits.append(logits.classes)
        if let patches = logits.patches { patchLogits.append(patches) }
      }
      let classes = try assembled(classLogits, parts.map(\.classRows))
      let assignments = try assign(classes, dinoCentering, temperature)
      let views = try assignments.chunk(2, dim: 0)
      var patches: Tensor?
      if !patchLogits.isEmpty {
        let rows = parts.map(\.maskRows).filter { $0?.isEmpty != true }
        patches = try assign(assembled(patchLogits, rows), ibotCentering, temperature)
      }
      return TeacherTargets(
        swapped: try .cat([views[1], views[0]]), patches: patches,
        statistics: try TargetStatistics(assignments))
    }
  }

  /// The patches that are masked for the student; none if there is no patch loss.
  func patchesOfInterest(_ views: ViewTensors) throws(TorchError) -> [Int] {
    config.ibotWeight > 0 ? try views.maskIndices.array(of: Int64.self).map(Int.init) : []
  }

  /// The logits of class tokens and of the patches `[M, D]` that follow them, if there are any.
  func logits(
    of tokens: Tensor, _ network: DINONetwork, classTokens count: Int
  ) throws(TorchError) -> (classes: Tensor, patches: Tensor?) {
    try autocasting { () throws(TorchError) in
      let patchCount = try tokens.size(0) - count
      guard patchCount > 0 else { return (try network.dinoHead(tokens), nil) }
      let parts = [count, patchCount]
      if network.isTied {
        let logits = try network.dinoHead(tokens).split(parts, dim: 0)
        return (logits[0], logits[1])
      }
      let inputs = try tokens.split(parts, dim: 0)
      return (try network.dinoHead(inputs[0]), try network.ibotHead(inputs[1]))
    }
  }

  private func assign(
    _ logits: Tensor, _ centering: SoftmaxCentering, _ temperature: Double
  ) throws(TorchError) -> Tensor {
    switch config.centering {
    case .softmax: try centering(logits, temperature: temperature)
    case .sinkhornKnopp: try SinkhornKnopp(kernels: kernels)(logits, temperature: temperature)
    }
  }

  /// Rows of parts put back into the order of the whole batch.
  func assembled(_ parts: [Tensor], _ rows: [[Int]?]) throws(TorchError) -> Tensor {
    let joined = parts.count == 1 ? parts[0] : try Tensor.cat(parts)
    let order = rows.compactMap(\.self).flatMap(\.self)
    guard !order.isEmpty else { return joined }
    var positions = Array(repeating: 0, count: order.count)
    for (position, row) in order.enumerated() { positions[row] = position }
    return try joined.selecting(positions, dim: 0)
  }

  /// Runs a computation in the dtype of matrix products.
  func autocasting<Result>(
    _ body: () throws(TorchError) -> Result
  ) throws(TorchError) -> Result {
    guard let dtype = config.autocast else { return try body() }
    return try withAutocast(to: dtype, body)
  }
}
