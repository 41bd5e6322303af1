/// Everything that changes during training, as pure functions of the iteration.
///
/// Source: `build_schedulers` in `dinov2/train/train.py`; Oquab et al., 2023, appendix B.
public struct TrainingSchedules: Equatable, Sendable {
  /// The learning rate.
  public let learningRate: CosineSchedule
  /// The weight decay.
  public let weightDecay: CosineSchedule
  /// The share of the teacher that is kept.
  public let momentum: CosineSchedule
  /// The temperature of the targets: a line, then constant.
  public let teacherTemperature: CosineSchedule
  /// Iterations in which the prototypes stand still.
  public let frozenIterations: Int

  /// The values of one iteration.
  public struct Values: Codable, Equatable, Sendable {
    /// The learning rate.
    public let learningRate: Double
    /// The learning rate of the prototypes.
    public let lastLayerLearningRate: Double
    /// The weight decay.
    public let weightDecay: Double
    /// The share of the teacher that is kept.
    public let momentum: Double
    /// The temperature of the targets.
    public let teacherTemperature: Double

    /// Creates values.
    ///
    /// - Parameters:
    ///   - learningRate: The learning rate.
    ///   - lastLayerLearningRate: The learning rate of the prototypes.
    ///   - weightDecay: The weight decay.
    ///   - momentum: The share of the teacher that is kept.
    ///   - teacherTemperature: The temperature of the targets.
    public init(
      learningRate: Double, lastLayerLearningRate: Double, weightDecay: Double, momentum: Double,
      teacherTemperature: Double
    ) {
      self.learningRate = learningRate
      self.lastLayerLearningRate = lastLayerLearningRate
      self.weightDecay = weightDecay
      self.momentum = momentum
      self.teacherTemperature = teacherTemperature
    }
  }

  /// Creates the schedules of a configuration.
  ///
  /// - Parameters:
  ///   - config: The configuration; the learning rate is scaled by its rule.
  ///   - worldSize: The number of processes.
  public init(_ config: TrainingConfig, worldSize: Int = 1) {
    let (optim, teacher) = (config.optim, config.teacher)
    let (epoch, total) = (config.train.officialEpochLength, config.totalIterations)
    let temperatureSteps = teacher.warmupTemperatureEpochs * epoch
    learningRate = CosineSchedule(
      from: config.learningRate(worldSize: worldSize), to: optim.minLearningRate, total: total,
      warmup: optim.warmupEpochs * epoch)
    weightDecay = CosineSchedule(from: optim.weightDecay, to: optim.weightDecayEnd, total: total)
    momentum = CosineSchedule(from: teacher.momentum, to: teacher.finalMomentum, total: total)
    teacherTemperature = CosineSchedule(
      from: teacher.temperature, to: teacher.temperature, total: temperatureSteps,
      warmup: temperatureSteps, warmupStart: teacher.warmupTemperature)
    frozenIterations = optim.freezeLastLayerEpochs * epoch
  }

  /// The values of an iteration.
  ///
  /// - Parameter iteration: The iteration, from 0; past the end the final values are given.
  /// - Returns: The values.
  public func values(at iteration: Int) -> Values {
    let rate = learningRate[iteration]
    return Values(
      learningRate: rate, lastLayerLearningRate: iteration < frozenIterations ? 0 : rate,
      weightDecay: weightDecay[iteration], momentum: momentum[iteration],
      teacherTemperature: teacherTemperature[iteration])
  }

  /// Iterations at which something begins, ends or is half done, in rising order.
  public var keyIterations: [Int] {
    let total = learningRate.total
    let candidates = [
      0, frozenIterations, learningRate.warmup, teacherTemperature.total / 2,
      teacherTemperature.total, total / 2, total - 1,
    ]
    return Array(Set(candidates.filter { (0..<Swift.max(total, 1)).contains($0) })).sorted()
  }
}
