public import DINOModels
internal import Torch

extension TrainingConfig {
  /// The backbone that is trained; positions cover the grid of a global crop.
  public var modelConfig: VisionTransformerConfig {
    var config = VisionTransformerConfig()
    let sizes = student.arch.sizes
    config.imageSize = crops.globalSize
    config.patchSize = student.patchSize
    config.embedDim = student.embedDim ?? sizes.embedDim
    config.depth = student.depth ?? sizes.depth
    config.numHeads = student.numHeads ?? sizes.numHeads
    config.mlpRatio = student.mlpRatio ?? 4
    config.qkvBias = student.qkvBias
    config.projBias = student.projBias
    config.ffnBias = student.ffnBias
    config.ffnLayer = student.ffnLayer
    config.layerScale = student.layerscale == 0 ? nil : student.layerscale
    config.numRegisterTokens = student.numRegisterTokens
    config.interpolateAntialias = student.interpolateAntialias
    config.interpolateOffset = student.interpolateOffset
    config.dropPathRate = student.dropPathRate
    config.dropPathUniform = student.dropPathUniform
    config.blockChunks = student.blockChunks
    return config
  }

  /// The student with its heads.
  public var networkConfig: DINONetworkConfig {
    let backbone = modelConfig
    var dinoHead = DINOHeadConfig(inputDim: backbone.embedDim, prototypes: dino.headPrototypes)
    dinoHead.hiddenDim = dino.headHiddenDim
    dinoHead.bottleneckDim = dino.headBottleneckDim
    dinoHead.layers = dino.headLayers
    dinoHead.usesBatchNorm = dino.headUsesBatchNorm
    dinoHead.freezesPrototypeLengths = dino.freezesWeightG
    guard ibot.separateHead else {
      return DINONetworkConfig(backbone: backbone, dinoHead: dinoHead)
    }
    var ibotHead = DINOHeadConfig(inputDim: backbone.embedDim, prototypes: ibot.headPrototypes)
    ibotHead.hiddenDim = ibot.headHiddenDim
    ibotHead.bottleneckDim = ibot.headBottleneckDim
    ibotHead.layers = ibot.headLayers
    ibotHead.usesBatchNorm = dino.headUsesBatchNorm
    ibotHead.freezesPrototypeLengths = dino.freezesWeightG
    return DINONetworkConfig(backbone: backbone, dinoHead: dinoHead, ibotHead: ibotHead)
  }

  /// The losses and their weights.
  public var lossConfig: SelfDistillationConfig {
    var config = SelfDistillationConfig()
    config.centering = train.centering
    config.dinoWeight = dino.lossWeight
    config.ibotWeight = ibot.lossWeight
    config.koleoWeight = dino.koleoLossWeight
    config.dinoTemperature = dino.studentTemperature
    config.ibotTemperature = ibot.studentTemperature
    config.recomputesActivations = train.activationCheckpointing
    config.autocast = train.precision == .bf16 ? .bfloat16 : nil
    return config
  }

  /// Whether JPEG files are decoded smaller where crops stay as good as the same.
  ///
  /// Who keeps the deviations of the released code wants its numbers, so `quirks=original` says no.
  public var reducesDecoding: Bool { train.reducedDecoding ?? (quirks != .original) }

  /// Length of the training in iterations.
  public var totalIterations: Int { Self.product(optim.epochs, train.officialEpochLength) }

  /// Iterations between checkpoints.
  public var checkpointPeriod: Int {
    train.checkpointPeriod ?? Self.product(3, train.officialEpochLength)
  }

  /// A product that stops at the largest number, for values that were not checked yet.
  private static func product(_ a: Int, _ b: Int) -> Int {
    let (product, overflows) = a.multipliedReportingOverflow(by: b)
    return overflows ? .max : product
  }

  /// The learning rate after the warm-up, scaled by the batch of all processes.
  ///
  /// Source: `apply_scaling_rules_to_cfg` in `dinov2/utils/config.py`.
  ///
  /// - Parameter worldSize: The number of processes.
  /// - Returns: The rate.
  public func learningRate(worldSize: Int = 1) -> Double {
    let batch = Double(train.batchSizePerGPU * worldSize)
    return switch optim.scalingRule {
    case .sqrtWrt1024: optim.baseLearningRate * (batch / 1024).squareRoot()
    case .linearWrt256: optim.baseLearningRate * batch / 256
    case .none: optim.baseLearningRate
    }
  }
}

extension TrainingConfig.Student.Arch {
  /// The named sizes.
  ///
  /// Source: Oquab et al., 2023, table 17 (18 blocks of ViT-B are an erratum); ViT-Ti: Touvron et
  /// al., 2021 (DeiT), table 1.
  var sizes: (embedDim: Int, depth: Int, numHeads: Int) {
    switch self {
    case .tiny: (192, 12, 3)
    case .small: (384, 12, 6)
    case .base: (768, 12, 12)
    case .large: (1024, 24, 16)
    case .giant2: (1536, 40, 24)
    }
  }
}
