extension TrainingConfig {
  /// The same training in another number of iterations.
  ///
  /// Everything that is given as a length keeps its share of the whole: the warm-ups of learning
  /// rate and teacher temperature, the frozen last layer, and the periods of checkpoints and
  /// evaluations. If the iterations divide by the epochs, the epochs stay and get shorter or longer;
  /// else an epoch becomes one iteration and lengths are rounded to whole iterations.
  ///
  /// - Parameter steps: The number of iterations, at least 1.
  /// - Returns: A configuration whose ``totalIterations`` is `steps`.
  public func withSteps(_ steps: Int) -> TrainingConfig {
    let steps = Swift.max(steps, 1)
    let (total, epochs) = (totalIterations, optim.epochs)
    guard steps != total, total > 0, epochs > 0 else { return self }
    func scaled(_ length: Int, of whole: Int) -> Int {
      Int(Swift.min((Double(length) * Double(steps) / Double(whole)).rounded(), 1e9))
    }
    var config = self
    config.train.checkpointPeriod = Swift.max(scaled(checkpointPeriod, of: total), 1)
    if evaluation.periodIterations > 0 {
      config.evaluation.periodIterations = Swift.max(
        scaled(evaluation.periodIterations, of: total), 1)
    }
    guard !steps.isMultiple(of: epochs) else {
      config.train.officialEpochLength = steps / epochs
      return config
    }
    config.train.officialEpochLength = 1
    config.optim.epochs = steps
    config.optim.warmupEpochs = scaled(optim.warmupEpochs, of: epochs)
    config.optim.freezeLastLayerEpochs = scaled(optim.freezeLastLayerEpochs, of: epochs)
    config.teacher.warmupTemperatureEpochs = scaled(teacher.warmupTemperatureEpochs, of: epochs)
    return config
  }
}
