import DINOModels
import DINOTraining
import Foundation
import Testing
import Torch

@Suite("TrainingPlan")
struct TrainingPlanTests {
  private func setting(_ key: String, in plan: TrainingPlan) -> String? {
    plan.settings.first { $0.key == key }?.value
  }

  @Test("of the short recipe on 32 devices")
  func shortRecipe() throws {
    let config = try TrainingConfig.load(file: fixture("vitl16_short"))
    let plan = TrainingPlan(config, imageCount: 1_281_167, worldSize: 32)

    #expect(plan.settings.map(\.key) == ["student.block_chunks"])
    #expect(plan.iterations == 125_000)
    #expect(plan.imagesPerStep == 2048)
    #expect(plan.totalImages == 256_000_000)
    #expect(abs(try #require(plan.passes) - 199.8) < 0.05)
    #expect(plan.tokensPerImage == 2 * 197 + 8 * 37)
    #expect(plan.parts.map(\.name) == ["backbone", "dino_head"])
    #expect(plan.parts[1].parameters == 23_662_848)
    let rates = Dictionary(
      uniqueKeysWithValues: plan.schedule.map { ($0.iteration, $0.values.learningRate) })
    for (iteration, rate) in [
      (0, 0.0), (1250, 5.6573e-4), (12_500, 5.65685e-3), (62_500, 3.31999e-3), (124_999, 1e-6),
    ] {
      #expect(abs(try #require(rates[iteration]) - rate) <= 5e-9)
    }
  }

  @Test("of the long ViT-L recipe on 96 devices")
  func longRecipe() throws {
    let config = try TrainingConfig.load(file: fixture("vitl14"))
    let plan = TrainingPlan(config, worldSize: 96)

    for (key, value) in [
      ("dino.head_n_prototypes", "131072"), ("dino.head_bottleneck_dim", "384"),
      ("ibot.separate_head", "true"), ("ibot.head_n_prototypes", "131072"),
      ("train.batch_size_per_gpu", "32"), ("train.centering", "sinkhorn_knopp"),
      ("student.patch_size", "14"), ("student.drop_path_rate", "0.4"),
      ("student.ffn_layer", "swiglufused"), ("teacher.momentum_teacher", "0.994"),
      ("optim.epochs", "500"), ("optim.warmup_epochs", "80"), ("optim.base_lr", "0.0002"),
      ("optim.weight_decay_end", "0.2"), ("optim.layerwise_decay", "1.0"),
      ("crops.local_crops_size", "98"),
    ] {
      #expect(setting(key, in: plan) == value, "\(key)")
    }
    #expect(plan.iterations == 625_000)
    #expect(plan.imagesPerStep == 3072)
    #expect(plan.tokensPerImage == 2 * 257 + 8 * 50)
    #expect(plan.parts.map(\.name) == ["backbone", "dino_head", "ibot_head"])
    #expect(plan.schedule.contains { $0.iteration == 100_000 })
    let peak = try #require(plan.schedule.first { $0.iteration == 100_000 }).values
    #expect(abs(peak.learningRate - 3.4641e-4) < 5e-9)
    #expect(config.modelConfig.ffnHiddenDim == 2736)
  }

  @Test("of the giant recipe on 256 devices")
  func giantRecipe() throws {
    let config = try TrainingConfig.load(file: fixture("vitg14"))
    let plan = TrainingPlan(config, worldSize: 256)

    #expect(plan.imagesPerStep == 3072)
    #expect(config.modelConfig.ffnHiddenDim == 4096)
    #expect(plan.parts[1].parameters == 58_593_664)
    #expect(plan.parts[2].parameters == 41_554_176)
  }

  @Test("counts the parameters of the network that is built", arguments: [false, true])
  func parameterCounts(separateHead: Bool) throws {
    var config = TrainingPreset.tiny.config
    config.ibot.separateHead = separateHead
    config.ibot.headLayers = 1
    config.dino.headUsesBatchNorm = true
    let network = try DINONetwork(config.networkConfig, in: ParameterScope(seed: 0))

    let parts = TrainingPlan(config).parts

    #expect(parts.map(\.name) == network.submodules)
    for part in parts {
      let built = network.parameters(of: part.name).reduce(0) { $0 + $1.value.elementCount }
      #expect(part.parameters == built, "\(part.name)")
    }
  }

  @Test("estimates memory: parameters exactly, activations by batch, parts and recomputation")
  func memory() throws {
    let config = TrainingPreset.tiny.config
    let plan = TrainingPlan(config)
    let bytes = 4 * plan.parts.reduce(0) { $0 + $1.parameters }
    let memory = plan.memory
    #expect(memory.student == bytes)
    #expect(memory.teacher == bytes)
    #expect(memory.gradients == bytes)
    #expect(memory.optimizer == 2 * bytes)
    #expect(memory.total == 5 * bytes + memory.activations)
    #expect(memory.checkpoint == 4 * bytes)

    var sgd = config
    sgd.optim.optimizer = .sgd
    #expect(MemoryEstimate(sgd).optimizer == bytes)
    var parts = config
    parts.train.accumulationSteps = 4
    #expect(MemoryEstimate(parts).activations == memory.activations / 4)
    var recomputed = config
    recomputed.train.activationCheckpointing = true
    #expect(MemoryEstimate(recomputed).activations < memory.activations)
    var half = config
    half.train.precision = .bf16
    #expect(MemoryEstimate(half).activations < memory.activations)
  }

  @Test("encodes as JSON and back")
  func json() throws {
    let plan = TrainingPlan(TrainingPreset.smallData.config, imageCount: 6_600, notes: ["a"])
    let data = try JSONEncoder().encode(plan)
    #expect(try JSONDecoder().decode(TrainingPlan.self, from: data) == plan)
  }

  @Test("the text names settings, amounts, parameters and the schedule")
  func text() throws {
    let config = try TrainingConfig.load(preset: .smallData, overrides: ["train.num_workers=1"])
    let text = TrainingPlan(config, imageCount: 6_600, notes: ["preset small-data: why"]).text

    #expect(text.hasPrefix("preset small-data: why\n"))
    for line in [
      "SETTING", "student.arch", "vit_tiny", "accepted, without effect here: train.num_workers: 1",
      "10,000 iterations × 64 images = 640,000 images, 97.0 passes over 6,600", "dino_head",
      "MEMORY OF A PROCESS", "ITERATION", "0.95", "teacher momentum", "▁", "█",
    ] {
      #expect(text.contains(line), "\(line)")
    }
    #expect(!text.hasSuffix("\n"))
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 120 })
  }

  @Test("a run of one step has a plan")
  func singleStep() {
    let plan = TrainingPlan(TrainingPreset.tiny.config.withSteps(1))
    #expect(plan.schedule.count == 1)
    #expect(plan.passes == nil)
    #expect(!plan.text.isEmpty)
  }
}
