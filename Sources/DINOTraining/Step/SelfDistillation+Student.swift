internal import DINOModels
internal import Torch

/// KoLeo of a whole batch, when the student sees it in parts.
struct KoLeoGradient {
  /// The sum over both views, unweighted.
  let loss: Double
  /// The weighted gradient by the class tokens of the global crops, `[2B, D]`.
  let gradient: Tensor
}

extension SelfDistillation {
  /// The gradient of KoLeo over the whole batch, from a pass that keeps nothing.
  ///
  /// Source: the two-pass scheme of Gao et al., 2021 (gradient cache).
  func koleoGradient(
    _ parts: [ViewTensors.Part], generator: (_ part: Int) throws(TorchError) -> Generator
  ) throws(TorchError) -> KoLeoGradient? {
    guard config.koleoWeight > 0 else { return nil }
    let tokens = try parts.indices.map { index throws(TorchError) in
      let context = ForwardContext.training(try generator(index))
      return try withoutGradient { () throws(TorchError) in
        try studentPass(parts[index].views, context).tokens
          .narrow(dim: 0, 0..<2 * parts[index].views.images)
      }
    }
    let whole = try assembled(tokens, parts.map(\.classRows))
      .to(dtype: .float32).detached().requiringGrad()
    let loss = try koleo(whole)
    let gradient = try (loss * config.koleoWeight).gradients(of: [whole])[0]
    guard let gradient else { return nil }
    return KoLeoGradient(loss: try loss.item(), gradient: gradient)
  }

  /// KoLeo on each view, so that two views of one image are never neighbours.
  private func koleo(_ classTokens: Tensor) throws(TorchError) -> Tensor {
    let views = try classTokens.chunk(2, dim: 0)
    return try KoLeoLoss()(views[0]) + KoLeoLoss()(views[1])
  }

  private func studentPass(
    _ views: ViewTensors, _ context: ForwardContext
  ) throws(TorchError) -> TrainingPass {
    try autocasting { () throws(TorchError) in
      var crops = [
        CropBatch(views.globalCrops, mask: views.masks, patches: try patchesOfInterest(views))
      ]
      if let localCrops = views.localCrops { crops.append(CropBatch(localCrops)) }
      return try student.backbone.trainingPass(
        crops, context, recomputes: config.recomputesActivations)
    }
  }

  /// Runs the student over one part and adds the gradients.
  ///
  /// - Returns: The part's share of the losses.
  /// - Throws: `TorchError` if a shape does not fit.
  func addGradients(
    of part: ViewTensors.Part, of images: Int, _ targets: TeacherTargets,
    koleo spread: KoLeoGradient?, _ context: ForwardContext
  ) throws(TorchError) -> StepLosses {
    let forward = try stages.time(\.student) { () throws(TorchError) in
      try losses(of: part, of: images, targets, koleo: spread, context)
    }
    try stages.time(\.backward) { () throws(TorchError) in
      try forward.total.backward()
      try autocasting { () throws(TorchError) in try forward.pass.backward() }
    }
    return forward.values
  }

  /// Runs the student over one part.
  ///
  /// - Parameters:
  ///   - part: The part.
  ///   - images: The number of images of the whole batch.
  ///   - targets: The part's targets.
  ///   - spread: The gradient of KoLeo over the whole batch; nil to compute it here.
  ///   - context: The random numbers.
  /// - Returns: The part's share of the losses, their sum with its graph, and the way back.
  /// - Throws: `TorchError` if a shape does not fit.
  private func losses(
    of part: ViewTensors.Part, of images: Int, _ targets: TeacherTargets,
    koleo spread: KoLeoGradient?, _ context: ForwardContext
  ) throws(TorchError) -> (values: StepLosses, total: Tensor, pass: TrainingPass) {
    let views = part.views
    let pass = try studentPass(views, context)
    let logits = try self.logits(
      of: pass.tokens, student, classTokens: (2 + views.localCount) * views.images)
    let globalClassTokens = try pass.tokens.narrow(dim: 0, 0..<2 * views.images)
    var values = StepLosses()
    let dino = try classLoss(logits.classes, targets.swapped, views)
    // Every pair of crops weighs the same: 1 / (2L + 2).
    let pairScale = 1 / Double((2 * views.localCount + 2) * images)
    values.dinoGlobal = try dino.global.item() * pairScale
    var total = try dino.global * (pairScale * config.dinoWeight)
    if let local = dino.local {
      values.dinoLocal = try local.item() * pairScale
      total = try total + local * (pairScale * config.dinoWeight)
    }
    if let spread {
      let rows = part.classRows ?? Array(0..<2 * views.images)
      let gradient = try spread.gradient.selecting(rows, dim: 0)
      let surrogate = try (globalClassTokens.to(dtype: .float32) * gradient).sum()
      total = try total + (surrogate - surrogate.detached())
    } else if config.koleoWeight > 0 {
      let spread = try koleo(globalClassTokens)
      values.koleo = try spread.item()
      total = try total + spread * config.koleoWeight
    }
    if let student = logits.patches, let teacher = targets.patches {
      let loss = IBOTPatchLoss(
        PrototypeCrossEntropy(temperature: config.ibotTemperature, kernels: kernels))
      let ibot = try loss(
        student: student, teacher: teacher, weights: views.maskWeights, crops: 2 * images)
      values.ibot = try ibot.item()
      total = try total + ibot * config.ibotWeight
    }
    values.total =
      config.dinoWeight * (values.dinoLocal + values.dinoGlobal)
      + config.koleoWeight * values.koleo + config.ibotWeight * values.ibot
    return (values, total, pass)
  }

  /// Sums of cross-entropies: each local crop against both targets of its image, each global crop
  /// against that of the other one.
  private func classLoss(
    _ logits: Tensor, _ swapped: Tensor, _ views: ViewTensors
  ) throws(TorchError) -> (local: Tensor?, global: Tensor) {
    let loss = DINOLoss(
      PrototypeCrossEntropy(temperature: config.dinoTemperature, kernels: kernels))
    guard views.localCount > 0 else {
      return (nil, try loss.sum(student: logits, teacher: [swapped]))
    }
    let parts = try logits.split([2 * views.images, views.localCount * views.images], dim: 0)
    return (
      try loss.sum(student: parts[1], teacher: swapped.chunk(2, dim: 0)),
      try loss.sum(student: parts[0], teacher: [swapped])
    )
  }
}
