import CheckpointFormats
import DINOModels
import DINOTestSupport
import DINOTraining
import Testing
import Torch

/// Whole training steps: losses, gradients, clipping, AdamW, the teacher.
@Suite("Training steps against the original")
struct SelfDistillationGoldenTests {
  static let cases = Golden.cases(inGroup: "training")

  @Test("take the same losses, gradients, parameters and teacher", arguments: cases)
  func steps(golden: Golden) throws {
    let plan = try golden.settings(GoldenPlan.self)
    let training = try plan.makeTraining(golden)
    let optimizer = try plan.makeOptimizer(training.student)
    for step in 0..<plan.steps {
      try take(step, plan, training, optimizer, golden)
    }
  }

  private func take(
    _ step: Int, _ plan: GoldenPlan, _ training: SelfDistillation, _ optimizer: StudentOptimizer,
    _ golden: Golden
  ) throws {
    optimizer.clearGradients()
    let losses = try training.accumulateGradients(
      of: plan.views(golden, step: step), teacherTemperature: plan.plan.teacherTemp[step]
    ) { _ throws(TorchError) in try Generator(seed: 0) }
    try check(losses, step, plan, golden)
    try checkGradients(step, training, golden)

    let norms = try optimizer.clipGradients(to: plan.clip)
    try golden.check(Tensor(norms), "expected.\(step).module_grad_norm")
    try golden.check(
      Tensor(norms.map { Swift.min(1, plan.clip / ($0 + 1e-6)) }), "expected.\(step).clip_factor")
    try optimizer.step(
      learningRate: plan.plan.lr[step], lastLayerLearningRate: plan.plan.lastLayerLr[step],
      weightDecay: plan.plan.wd[step])
    try training.updateTeacher(momentum: plan.plan.momentum[step])
    try checkParameters(step, "student", training.student, plan, golden)
    try checkParameters(step, "teacher", training.teacher, plan, golden)
    if plan.centering == "centering" {
      try checkCenters(step, training, golden)
    }
  }

  private func check(
    _ losses: StepLosses, _ step: Int, _ plan: GoldenPlan, _ golden: Golden
  ) throws {
    func check(_ value: Double, _ name: String) throws {
      try golden.check(Tensor([value], []), name)
    }
    let prefix = "expected.\(step).loss"
    try check(losses.dinoLocal, "\(prefix).dino_local_crops_loss")
    try check(losses.dinoGlobal, "\(prefix).dino_global_crops_loss")
    // The original logs half of the terms that it adds up over two views.
    if plan.koleoWeight > 0 {
      try check(losses.koleo * plan.koleoWeight / 2, "\(prefix).koleo_loss")
    }
    if plan.ibotWeight > 0 { try check(losses.ibot / 2, "\(prefix).ibot_loss") }
    try check(losses.total, "expected.\(step).total")
  }

  private func checkGradients(
    _ step: Int, _ training: SelfDistillation, _ golden: Golden
  ) throws {
    guard step == 0 else { return }
    for name in try golden.names(prefix: "expected.0.grad.") {
      let parameter = try #require(
        training.student.parameters[
          withoutChunk(String(name.dropFirst("expected.0.grad.".count)))])
      try golden.check(
        parameter.value.grad ?? .zeros(parameter.value.shape), name)
    }
  }

  private func checkParameters(
    _ step: Int, _ role: String, _ network: DINONetwork, _ plan: GoldenPlan, _ golden: Golden
  ) throws {
    let prefix = "expected.\(step).\(role)."
    for name in try golden.tensors().names where name.hasPrefix(prefix) {
      let key = String(name.dropFirst(prefix.count))
      let parameter = try #require(network.parameters[withoutChunk(key)])
      guard let excluded = plan.exclude[key] else {
        try golden.check(parameter.value, name)
        continue
      }
      let expected = try golden.tensor(name)
      for range in [0..<excluded[0], excluded[1]..<expected.elementCount] {
        let difference = try relativeDifference(
          parameter.value.narrow(dim: 0, range), expected.narrow(dim: 0, range))
        #expect(try difference < golden.tolerance(for: name), "\(name)")
      }
    }
  }

  private func checkCenters(
    _ step: Int, _ training: SelfDistillation, _ golden: Golden
  ) throws {
    let centers = training.centers
    try golden.check(centers.dino, "expected.\(step).dino_center")
    guard try golden.tensors()["expected.\(step).ibot_center"] != nil else { return }
    try golden.check(centers.ibot.unsqueeze(dim: 0), "expected.\(step).ibot_center")
  }
}

extension Golden {
  /// Tensors of a network; where blocks are named in chunks, `blocks.{chunk}.{index}`, without them.
  func networkTensors(_ prefix: String) throws -> [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: try tensors(prefix).map { (withoutChunk($0.key), $0.value) })
  }
}

/// A parameter's name without the chunk of its block.
func withoutChunk(_ name: String) -> String {
  let parts = name.split(separator: ".")
  let isChunked = parts.count > 3 && parts[1] == "blocks" && Int(parts[3]) != nil
  return isChunked ? (parts[..<2] + parts[3...]).joined(separator: ".") : name
}

/// The hyper-parameters of a training case.
struct GoldenPlan: Decodable {
  struct Head: Decodable {
    let bottleneck: Int
    let hidden: Int
    let nlayers: Int
    let prototypes: Int

    func config(inputDim: Int) -> DINOHeadConfig {
      var config = DINOHeadConfig(inputDim: inputDim, prototypes: prototypes)
      config.bottleneckDim = bottleneck
      config.hiddenDim = hidden
      config.layers = nlayers
      return config
    }
  }

  struct Schedules: Decodable {
    let lr: [Double]
    let lastLayerLr: [Double]
    let wd: [Double]
    let momentum: [Double]
    let teacherTemp: [Double]
  }

  let beta1: Double
  let beta2: Double
  let eps: Double
  let clip: Double
  let centering: String
  let centerMomentum: Double
  let depth: Int
  let dinoWeight: Double
  let embedDim: Int
  let exclude: [String: [Int]]
  let ffnLayer: String
  let globalSize: Int
  let head: Head
  let ibotHead: Head?
  let ibotWeight: Double
  let koleoWeight: Double
  let interpolateAntialias: Bool
  let interpolateOffset: Double
  let layerwiseDecay: Double
  let mlpRatio: Double
  let numHeads: Int
  let numRegisterTokens: Int
  let patchEmbedLrMult: Double
  let patchSize: Int
  let plan: Schedules
  let separateHead: Bool
  let steps: Int
  let studentTemp: Double

  var backbone: VisionTransformerConfig {
    var config = VisionTransformerConfig()
    config.imageSize = globalSize
    config.patchSize = patchSize
    config.embedDim = embedDim
    config.depth = depth
    config.numHeads = numHeads
    config.mlpRatio = mlpRatio
    config.ffnLayer = FFNLayer(rawValue: ffnLayer) ?? .mlp
    config.numRegisterTokens = numRegisterTokens
    config.interpolateAntialias = interpolateAntialias
    config.interpolateOffset = interpolateOffset
    return config
  }

  func makeTraining(_ golden: Golden) throws -> SelfDistillation {
    var losses = SelfDistillationConfig()
    losses.centering = try #require(SelfDistillationConfig.Centering(rawValue: centering))
    losses.centerMomentum = centerMomentum
    losses.dinoWeight = dinoWeight
    losses.ibotWeight = ibotWeight
    losses.koleoWeight = koleoWeight
    losses.dinoTemperature = studentTemp
    losses.ibotTemperature = studentTemp
    let network = DINONetworkConfig(
      backbone: backbone, dinoHead: head.config(inputDim: embedDim),
      ibotHead: separateHead ? (ibotHead ?? head).config(inputDim: embedDim) : nil)
    let training = try SelfDistillation(network, losses, seed: 0)
    try training.student.parameters.load(golden.networkTensors("student."))
    try training.teacher.parameters.load(golden.networkTensors("teacher."))
    if let center = try golden.tensors()["input.dino_center"] {
      let patches = try golden.tensors()["input.ibot_center"]
      try training.restoreCenters(
        dino: Tensor(center).clone(), ibot: patches.map { try Tensor($0).clone() })
    }
    return training
  }

  func makeOptimizer(_ student: DINONetwork) throws -> StudentOptimizer {
    var settings = StudentOptimizer.Settings()
    settings.layerwiseDecay = layerwiseDecay
    settings.patchEmbedMultiplier = patchEmbedLrMult
    settings.adamW.beta1 = beta1
    settings.adamW.beta2 = beta2
    settings.adamW.epsilon = eps
    return try StudentOptimizer(student, settings)
  }

  func views(_ golden: Golden, step: Int) throws -> ViewTensors {
    let prefix = "input.\(step)."
    return try ViewTensors(
      globalCrops: golden.tensor("\(prefix)collated_global_crops"),
      localCrops: golden.tensor("\(prefix)collated_local_crops"),
      masks: golden.tensor("\(prefix)collated_masks"),
      maskIndices: golden.tensor("\(prefix)mask_indices_list"),
      maskWeights: golden.tensor("\(prefix)masks_weight"))
  }
}
