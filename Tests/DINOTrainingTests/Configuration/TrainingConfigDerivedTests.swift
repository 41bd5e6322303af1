import DINOModels
import DINOTraining
import Testing
import Torch

@Suite("TrainingConfig derived values")
struct TrainingConfigDerivedTests {
  @Test(
    "names of sizes",
    arguments: [
      ("vit_tiny", 192, 12, 3), ("vit_small", 384, 12, 6), ("vit_base", 768, 12, 12),
      ("vit_large", 1024, 24, 16), ("vit_giant2", 1536, 40, 24),
    ])
  func arch(name: String, embedDim: Int, depth: Int, heads: Int) throws {
    let model = try TrainingConfig.load(overrides: ["student.arch=\(name)"]).modelConfig

    #expect(model.embedDim == embedDim)
    #expect(model.depth == depth)
    #expect(model.numHeads == heads)
    #expect(model.mlpRatio == 4)
  }

  @Test("every key of the student reaches the model")
  func model() throws {
    let model = try TrainingConfig.load(overrides: [
      """
      student={patch_size: 14, drop_path_rate: 0.25, layerscale: 0.5, drop_path_uniform: false,
        ffn_layer: swiglu, block_chunks: 2, qkv_bias: false, proj_bias: false, ffn_bias: false,
        num_register_tokens: 4, interpolate_antialias: true, interpolate_offset: 0,
        embed_dim: 96, depth: 5, num_heads: 4, mlp_ratio: 3}
      """, "crops.global_crops_size=98",
    ]).modelConfig

    var wanted = VisionTransformerConfig()
    wanted.imageSize = 98
    wanted.patchSize = 14
    wanted.dropPathRate = 0.25
    wanted.layerScale = 0.5
    wanted.dropPathUniform = false
    wanted.ffnLayer = .swiGLU
    wanted.blockChunks = 2
    wanted.qkvBias = false
    wanted.projBias = false
    wanted.ffnBias = false
    wanted.numRegisterTokens = 4
    wanted.posEmbedInterpolation = .metaRegisters
    wanted.embedDim = 96
    wanted.depth = 5
    wanted.numHeads = 4
    wanted.mlpRatio = 3
    #expect(model == wanted)
  }

  @Test("LayerScale 0 is none")
  func noLayerScale() throws {
    let config = try TrainingConfig.load(overrides: ["student.layerscale=0"])
    #expect(config.modelConfig.layerScale == nil)
  }

  @Test("heads are tied or have sizes of their own")
  func heads() throws {
    let sizes = [
      "dino.head_n_prototypes=10", "dino.head_hidden_dim=11", "dino.head_bottleneck_dim=12",
      "dino.head_nlayers=2", "ibot.head_n_prototypes=20", "ibot.head_hidden_dim=21",
      "ibot.head_bottleneck_dim=22", "ibot.head_nlayers=4", "dino.head_use_bn=true",
      "dino.freeze_weight_g=true",
    ]
    let tied = try TrainingConfig.load(overrides: sizes).networkConfig
    let untied = try TrainingConfig.load(overrides: sizes + ["ibot.separate_head=true"])
      .networkConfig

    var dino = DINOHeadConfig(inputDim: 1024, prototypes: 10)
    dino.hiddenDim = 11
    dino.bottleneckDim = 12
    dino.layers = 2
    dino.usesBatchNorm = true
    dino.freezesPrototypeLengths = true
    var ibot = DINOHeadConfig(inputDim: 1024, prototypes: 20)
    ibot.hiddenDim = 21
    ibot.bottleneckDim = 22
    ibot.layers = 4
    ibot.usesBatchNorm = true
    ibot.freezesPrototypeLengths = true
    #expect(tied.dinoHead == dino)
    #expect(tied.ibotHead == nil)
    #expect(untied.dinoHead == dino)
    #expect(untied.ibotHead == ibot)
  }

  @Test("losses")
  func losses() throws {
    let losses = try TrainingConfig.load(overrides: [
      "dino.loss_weight=0.5", "ibot.loss_weight=0.25", "dino.koleo_loss_weight=0.2",
      "dino.student_temp=0.3", "ibot.student_temp=0.4", "train.centering=sinkhorn_knopp",
      "train.precision=bf16", "train.activation_checkpointing=true",
    ]).lossConfig

    var wanted = SelfDistillationConfig()
    wanted.dinoWeight = 0.5
    wanted.ibotWeight = 0.25
    wanted.koleoWeight = 0.2
    wanted.dinoTemperature = 0.3
    wanted.ibotTemperature = 0.4
    wanted.centering = .sinkhornKnopp
    wanted.autocast = .bfloat16
    wanted.recomputesActivations = true
    #expect(losses == wanted)
    #expect(TrainingConfig().lossConfig.autocast == nil)
  }

  @Test("lengths and the period of checkpoints")
  func lengths() throws {
    let config = TrainingConfig()
    #expect(config.totalIterations == 125_000)
    #expect(config.checkpointPeriod == 3750)
    #expect(
      try TrainingConfig.load(overrides: ["train.checkpoint_period=7"]).checkpointPeriod == 7)
  }

  @Test("a number of steps that the epochs divide makes epochs longer or shorter")
  func stepsByEpochs() throws {
    let config = TrainingConfig().withSteps(5000)

    #expect(config.totalIterations == 5000)
    #expect(config.train.officialEpochLength == 50)
    #expect(config.optim.epochs == 100)
    #expect(config.optim.warmupEpochs == 10)
    #expect(config.checkpointPeriod == 150)
    #expect(config.evaluation.periodIterations == 500)
    try config.validate()
  }

  @Test("another number of steps has epochs of one iteration and the same shares")
  func stepsByIterations() throws {
    let config = TrainingConfig().withSteps(1234)

    #expect(config.totalIterations == 1234)
    #expect(config.train.officialEpochLength == 1)
    #expect(config.optim.warmupEpochs == 123)
    #expect(config.optim.freezeLastLayerEpochs == 12)
    #expect(config.teacher.warmupTemperatureEpochs == 370)
    #expect(config.checkpointPeriod == 37)
    #expect(config.evaluation.periodIterations == 123)
    try config.validate()
  }

  @Test(
    "any number of steps of any preset is valid and exact",
    arguments: TrainingPreset.allCases, [1, 2, 3, 17, 100, 999, 10_000])
  func steps(preset: TrainingPreset, steps: Int) throws {
    let config = preset.config.withSteps(steps)
    #expect(config.totalIterations == steps)
    try config.validate()
    #expect(config.withSteps(steps) == config)
  }

  @Test("no evaluation stays none, and no less than one step is taken")
  func stepLimits() throws {
    var config = TrainingConfig()
    config.evaluation.periodIterations = 0
    #expect(config.withSteps(10).evaluation.periodIterations == 0)
    #expect(config.withSteps(0).totalIterations == 1)
  }
}
