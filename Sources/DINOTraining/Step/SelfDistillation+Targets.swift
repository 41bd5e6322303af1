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
        let logits = try teacherLogits(part.views)
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
        statistics: try TargetStatistics(assignments, patches: patches))
    }
  }

  private func teacherLogits(
    _ views: ViewTensors
  ) throws(TorchError) -> (classes: Tensor, patches: Tensor?) {
    try autocasting { () throws(TorchError) in
      let features = try teacher.backbone.forwardFeatures(views.globalCrops)
      let (classTokens, patches) = (try features.clsToken, try maskedPatches(features, views))
      guard teacher.isTied, let patches else {
        let logits = try teacher.dinoHead(classTokens)
        guard let patches else { return (logits, nil) }
        return (logits, try teacher.ibotHead(patches))
      }
      let logits = try teacher.dinoHead(.cat([classTokens, patches]))
        .split([2 * views.images, views.maskedCount], dim: 0)
      return (logits[0], logits[1])
    }
  }

  /// The patch tokens that are masked for the student, `[M, D]`; nil if the patch loss has nothing
  /// to do.
  func maskedPatches(
    _ features: BackboneFeatures, _ views: ViewTensors
  ) throws(TorchError) -> Tensor? {
    guard config.ibotWeight > 0, views.maskedCount > 0 else { return nil }
    return try features.patchTokens.flatten(from: 0, to: 1)
      .selecting(views.maskIndices, dim: 0)
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
