internal import DINOModels

extension TrainingConfig {
  /// Checks that everything works: 100 steps take seconds.
  static var tiny: TrainingConfig {
    var config = TrainingConfig()
    config.student.arch = .tiny
    config.student.embedDim = 64
    config.student.depth = 3
    config.student.numHeads = 2
    config.student.patchSize = 8
    config.student.dropPathRate = 0.1
    // Three blocks of 1e-5 would hardly change what goes through them in 100 steps.
    config.student.layerscale = 0.1
    config.crops.globalSize = 32
    config.crops.localSize = 16
    config.crops.localNumber = 4
    config.dino.headPrototypes = 256
    config.ibot.headPrototypes = 256
    config.ibot.separateHead = true
    config.setHeads(hidden: 128, bottleneck: 64)
    config.train.batchSizePerGPU = 16
    config.train.officialEpochLength = 10
    config.train.centering = .sinkhornKnopp
    config.train.cacheGB = 0.5
    config.optim.epochs = 10
    config.optim.warmupEpochs = 1
    config.optim.freezeLastLayerEpochs = 0
    config.optim.layerwiseDecay = 1
    config.optim.weightDecayEnd = 0.1
    // A teacher that follows fast and says sharp things: with few steps nothing else gets off the ground.
    config.teacher.momentum = 0.9
    config.teacher.warmupTemperature = 0.03
    config.teacher.temperature = 0.04
    config.teacher.warmupTemperatureEpochs = 3
    config.evaluation.periodIterations = 50
    return config
  }

  /// A few thousand small images on a few cores, tuned by runs on Caltech-101 (`docs/training.md`).
  ///
  /// What differs from Meta's long recipe, and why: the model and its crops are small, so that a CPU
  /// sees an image dozens of times in an hour; crops keep more of an image, whose distortions are
  /// weaker; first weights follow from the images, and small steps, smaller still in early blocks, keep
  /// what these know; there is no LayerScale to grow first and no stochastic depth; few steps ask for a teacher that follows fast and
  /// says sharp things.
  static var smallData: TrainingConfig {
    var config = TrainingConfig()
    config.student.arch = .tiny
    config.student.depth = 6
    config.student.patchSize = 14
    config.student.dropPathRate = 0
    config.student.layerscale = 1
    config.student.initialization = .whitened
    config.crops.globalSize = 70
    config.crops.localSize = 28
    config.crops.localNumber = 4
    config.crops.globalScale = [0.5, 1]
    config.crops.localScale = [0.15, 0.5]
    config.crops.colorJitterProbability = 0.4
    config.crops.blurProbabilities = [0.3, 0.1, 0.2]
    config.crops.solarizeProbability = 0.1
    config.dino.headPrototypes = 1024
    config.ibot.headPrototypes = 1024
    config.ibot.separateHead = true
    config.setHeads(hidden: 512, bottleneck: 128)
    config.train.batchSizePerGPU = 64
    config.train.officialEpochLength = 100
    config.train.centering = .sinkhornKnopp
    config.optim.epochs = 100
    config.optim.warmupEpochs = 10
    config.optim.baseLearningRate = 1e-3
    config.optim.weightDecayEnd = 0.1
    config.optim.layerwiseDecay = 0.6
    config.teacher.momentum = 0.95
    config.teacher.warmupTemperature = 0.02
    config.teacher.temperature = 0.03
    config.evaluation.periodIterations = 1_000
    return config
  }

  /// Meta's `vitl16_short.yaml`.
  ///
  /// Source: Oquab et al., 2023, table 16; expected on 32 devices: k-NN 81.6, linear 82.9.
  static var metaShort: TrainingConfig {
    var config = TrainingConfig()
    config.student.blockChunks = 4
    config.quirks = .original
    return config
  }

  /// Meta's `vitl14.yaml` and `vitg14.yaml`.
  ///
  /// Source: Oquab et al., 2023, table 16; ViT-L: k-NN 82.0, linear 84.5.
  static func metaLong(_ arch: Student.Arch, batchSize: Int) -> TrainingConfig {
    var config = TrainingConfig()
    config.student.arch = arch
    config.student.patchSize = 14
    config.student.dropPathRate = 0.4
    config.student.ffnLayer = .swiGLUFused
    config.student.blockChunks = 4
    config.dino.headPrototypes = 131_072
    config.dino.headBottleneckDim = 384
    config.ibot.headPrototypes = 131_072
    config.ibot.separateHead = true
    config.train.batchSizePerGPU = batchSize
    config.train.datasetPath = "ImageNet22k:split=TRAIN"
    config.train.centering = .sinkhornKnopp
    config.optim.epochs = 500
    config.optim.warmupEpochs = 80
    config.optim.weightDecayEnd = 0.2
    config.optim.baseLearningRate = 2e-4
    config.optim.layerwiseDecay = 1
    config.teacher.momentum = 0.994
    config.crops.localSize = 98
    config.quirks = .original
    return config
  }

  /// Both heads of one size.
  private mutating func setHeads(hidden: Int, bottleneck: Int) {
    dino.headHiddenDim = hidden
    dino.headBottleneckDim = bottleneck
    ibot.headHiddenDim = hidden
    ibot.headBottleneckDim = bottleneck
  }
}
