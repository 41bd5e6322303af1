package import DINOData
internal import Foundation

extension TrainingConfig {
  /// How batches are made.
  package var loaderSettings: MultiCropLoader.Settings {
    var generator = MaskingGenerator(size: crops.globalSize, patch: student.patchSize)
    generator.isExact = ibot.exactMaskCount
    var masks = MaskBatch.Settings(generator)
    masks.probability = ibot.maskSampleProbability
    masks.ratio = ibot.maskRatioMinMax[0]...ibot.maskRatioMinMax[1]
    var settings = MultiCropLoader.Settings(masks: masks)
    settings.crops = multiCropConfig
    settings.batchSize = train.batchSizePerGPU
    settings.seed = UInt64(truncatingIfNeeded: train.seed)
    settings.cacheBytes = Int(train.cacheGB * 1e9)
    settings.reducesDecoding = reducesDecoding
    let cores = ProcessInfo.processInfo.activeProcessorCount
    settings.threads = train.loaderThreads > 0 ? train.loaderThreads : max(1, min(cores / 2, 8))
    return settings
  }

  /// How crops are drawn and distorted.
  var multiCropConfig: MultiCropConfig {
    var config = MultiCropConfig()
    config.globalSize = crops.globalSize
    config.globalScale = crops.globalScale[0]...crops.globalScale[1]
    config.localSize = crops.localSize
    config.localScale = crops.localScale[0]...crops.localScale[1]
    config.localCount = crops.localNumber
    config.flipProbability = crops.flipProbability
    config.jitterProbability = crops.colorJitterProbability
    config.jitterStrength = SIMD4(
      crops.jitterStrength[0], crops.jitterStrength[1], crops.jitterStrength[2],
      crops.jitterStrength[3])
    config.grayProbability = crops.grayscaleProbability
    let blur = SIMD3(
      crops.blurProbabilities[0], crops.blurProbabilities[1], crops.blurProbabilities[2])
    config.blurProbability = quirks.contains(.invertedBlur) ? 1 - blur : blur
    config.solarizeProbability = crops.solarizeProbability
    return config
  }
}
