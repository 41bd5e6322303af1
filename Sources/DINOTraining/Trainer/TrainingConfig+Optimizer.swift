internal import Torch

extension TrainingConfig {
  /// What changes the student.
  var optimizerSettings: StudentOptimizer.Settings {
    var settings = StudentOptimizer.Settings()
    settings.layerwiseDecay = optim.layerwiseDecay
    settings.patchEmbedMultiplier = optim.patchEmbedLearningRateFactor
    settings.adamW.beta1 = optim.adamWBeta1
    settings.adamW.beta2 = optim.adamWBeta2
    settings.adamW.epsilon = optim.adamWEpsilon
    settings.momentum = optim.momentum
    settings.algorithm = optim.optimizer
    return settings
  }
}
