import DINOModels
import DINOTraining
import Kernels
import Testing
import Torch

/// One step computed in several ways must give the same gradients.
@Suite("One step, computed in other ways")
struct AccumulationTests {
  static let network: DINONetworkConfig = {
    var backbone = VisionTransformerConfig()
    (backbone.imageSize, backbone.patchSize) = (16, 4)
    (backbone.embedDim, backbone.depth, backbone.numHeads) = (12, 2, 3)
    backbone.layerScale = 0.5
    var head = DINOHeadConfig(inputDim: 12, prototypes: 20)
    (head.hiddenDim, head.bottleneckDim) = (16, 8)
    return DINONetworkConfig(backbone: backbone, dinoHead: head, ibotHead: head)
  }()

  private func views(images: Int, locals: Int = 3) throws -> ViewTensors {
    let generator = try Generator(seed: 11)
    let masks = try Tensor.rand([2 * images, 16], generator: generator).isLess(than: 0.4)
    let flags = try masks.array(of: Bool.self)
    let indices = flags.indices.filter { flags[$0] }
    let counts = (0..<2 * images).map { crop in
      flags[crop * 16..<(crop + 1) * 16].filter(\.self).count
    }
    return try ViewTensors(
      globalCrops: .randn([2 * images, 3, 16, 16], generator: generator),
      localCrops: locals == 0 ? nil : .randn([locals * images, 3, 8, 8], generator: generator),
      masks: masks, maskIndices: Tensor(indices.map(Int64.init)),
      maskWeights: Tensor(indices.map { 1 / Float(max(counts[$0 / 16], 1)) }))
  }

  /// Losses and gradients of one step.
  private func step(
    parts: Int = 1, recomputes: Bool = false, dropPath: Double = 0,
    kernels: ProcessorKernels? = nil,
    centering: SelfDistillationConfig.Centering = .sinkhornKnopp, locals: Int = 3
  ) throws -> (losses: StepLosses, gradients: [String: Tensor]) {
    var network = Self.network
    network.backbone.dropPathRate = dropPath
    var config = SelfDistillationConfig()
    config.centering = centering
    config.recomputesActivations = recomputes
    let training = try SelfDistillation(network, config, seed: 3, kernels: kernels)
    let losses = try training.accumulateGradients(
      of: views(images: 4, locals: locals), teacherTemperature: 0.05, parts: parts
    ) { part throws(TorchError) in try Generator(seed: UInt64(100 + part)) }
    var gradients: [String: Tensor] = [:]
    for parameter in training.student.parameters.parameters {
      gradients[parameter.name] = parameter.value.grad
    }
    return (losses, gradients)
  }

  private func expectEqual(
    _ one: (losses: StepLosses, gradients: [String: Tensor]),
    _ other: (losses: StepLosses, gradients: [String: Tensor]), tolerance: Double
  ) throws {
    #expect(abs(one.losses.total - other.losses.total) < tolerance * abs(other.losses.total))
    #expect(
      abs(one.losses.koleo - other.losses.koleo) < tolerance * max(1, abs(other.losses.koleo)))
    #expect(Set(one.gradients.keys) == Set(other.gradients.keys))
    for (name, gradient) in other.gradients {
      let got = try #require(one.gradients[name])
      let size = try gradient.abs().max().item()
      // The key bias has no gradient in exact arithmetic.
      guard size > 1e-7 else { continue }
      #expect(try (got - gradient).abs().max().item() / size < tolerance, "\(name)")
    }
  }

  @Test(
    "in parts gives the gradients of the large batch", arguments: [2, 4],
    SelfDistillationConfig.Centering.allCases)
  func parts(count: Int, centering: SelfDistillationConfig.Centering) throws {
    try expectEqual(
      step(parts: count, centering: centering), step(centering: centering), tolerance: 1e-4)
  }

  @Test("refuses parts that do not divide the batch")
  func oddParts() throws {
    #expect(throws: TorchError.self) { try step(parts: 3) }
  }

  @Test(
    "recomputing blocks gives the same gradients, with stochastic depth too", arguments: [0, 0.4])
  func recomputing(dropPath: Double) throws {
    try expectEqual(
      step(recomputes: true, dropPath: dropPath), step(dropPath: dropPath), tolerance: 1e-5)
  }

  @Test("the kernels give the same gradients")
  func kernels() throws {
    try expectEqual(
      step(kernels: ProcessorKernels(threads: 2)), step(), tolerance: 1e-4)
  }

  @Test("works without local crops")
  func noLocals() throws {
    let result = try step(locals: 0)
    #expect(result.losses.dinoLocal == 0)
    #expect(result.losses.total.isFinite)
  }

  @Test("packed crops give the features of separate ones")
  func packed() throws {
    let backbone = try VisionTransformer(
      Self.network.backbone, in: ParameterScope(seed: 5))
    let generator = try Generator(seed: 6)
    let large = try Tensor.randn([3, 3, 16, 16], generator: generator)
    let small = try Tensor.randn([5, 3, 8, 8], generator: generator)
    let mask = try Tensor.rand([3, 16], generator: generator).isLess(than: 0.5)
    let (ofLarge, ofSmall) = ([1, 16, 40], [0, 5, 19])
    let packed = try backbone.trainingPass(
      [CropBatch(large, mask: mask, patches: ofLarge), CropBatch(small, patches: ofSmall)],
      .evaluation
    ).tokens
    let features = [
      try backbone.forwardFeatures(large, mask: mask), try backbone.forwardFeatures(small),
    ]
    let patches = try zip(features, [ofLarge, ofSmall]).map { features, wanted in
      try features.patchTokens.flatten(from: 0, to: 1).selecting(wanted, dim: 0)
    }
    let separate = try Tensor.cat(features.map { try $0.clsToken } + patches)
    #expect(try relativeDifference(packed, separate) < 1e-5)
  }

  @Test("the wanted tokens do not depend on what else is wanted, with stochastic depth too")
  func wantedTokens() throws {
    var config = Self.network.backbone
    config.dropPathRate = 0.4
    let backbone = try VisionTransformer(config, in: ParameterScope(seed: 5))
    let generator = try Generator(seed: 6)
    let large = try Tensor.randn([5, 3, 16, 16], generator: generator)
    let small = try Tensor.randn([4, 3, 8, 8], generator: generator)
    func tokens(patches: [Int]) throws -> Tensor {
      try backbone.trainingPass(
        [CropBatch(large, patches: patches), CropBatch(small)], .training(Generator(seed: 7))
      ).tokens
    }
    let (some, classes) = ([3, 17, 18, 79], Array(0..<9))
    let all = try tokens(patches: Array(0..<5 * 16))
    let expected = try all.selecting(classes + some.map { 9 + $0 }, dim: 0)
    #expect(try relativeDifference(tokens(patches: some), expected) < 1e-5)
    #expect(try relativeDifference(tokens(patches: []), all.selecting(classes, dim: 0)) < 1e-5)
  }

  @Test("the teacher follows the student by its momentum")
  func teacher() throws {
    let training = try SelfDistillation(Self.network, SelfDistillationConfig(), seed: 1)
    let student = try #require(training.student.parameters["backbone.pos_embed"]).value
    let teacher = try #require(training.teacher.parameters["backbone.pos_embed"]).value
    let before = try teacher.clone()
    try withoutGradient { () throws(TorchError) in try student.fill(2) }
    try training.updateTeacher(momentum: 0.75)
    #expect(try relativeDifference(teacher, before * 0.75 + 0.5) < 1e-6)
  }

  @Test("the first losses are those of uniform predictions")
  func firstLosses() throws {
    // Unit vectors in many dimensions are nearly orthogonal: logits of a fresh network are near 0.
    var network = Self.network
    var head = DINOHeadConfig(inputDim: 12, prototypes: 4096)
    (head.hiddenDim, head.bottleneckDim) = (64, 512)
    (network.dinoHead, network.ibotHead) = (head, head)
    let training = try SelfDistillation(network, SelfDistillationConfig(), seed: 3)
    let losses = try training.accumulateGradients(
      of: views(images: 4), teacherTemperature: 0.07
    ) { _ throws(TorchError) in try Generator(seed: 1) }
    // With L local crops, 2L of 2L + 2 pairs are local.
    let uniform = 8.3178
    #expect(abs(losses.dinoLocal - 6.0 / 8 * uniform) < 0.1 * uniform)
    #expect(abs(losses.dinoGlobal - 2.0 / 8 * uniform) < 0.1 * uniform)
    // Every global crop of this batch is masked, so that nothing is lost by the division.
    #expect(abs(losses.ibot - uniform) < 0.1 * uniform)
  }
}
