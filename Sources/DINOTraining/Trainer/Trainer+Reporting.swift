internal import DINOData
internal import Telemetry
internal import Torch

extension Trainer {
  /// Takes note of the images of a batch: their order, and those that could not be used.
  func note(_ batch: TrainingBatch) throws {
    state.take(batch.sampleIndices)
    guard !batch.failures.isEmpty else { return }
    state.badImages += batch.failures.map(\.index)
    try record(batch.failures)
  }

  /// The next batch; where too many images cannot be used, the last of them are recorded first.
  func nextBatch(of loader: MultiCropLoader) throws -> TrainingBatch {
    do {
      return try loader.next()
    } catch {
      try record(loader.lastFailures)
      throw error
    }
  }

  private func record(_ failures: [TrainingBatch.Failure]) throws {
    try files.record(
      badImages: failures.map { ($0.path, $0.reason) }, iteration: state.iteration + 1)
    for failure in failures {
      services.onEvent(.warning("left out \(failure.path): \(failure.reason)"))
    }
  }

  /// Writes a step to the metrics, tells it, and warns of collapse.
  func report(_ record: StepRecord) throws {
    try files.settle { services.onEvent($0) }
    let signs =
      record.isTaken
      ? state.collapse.take(
        record.losses, prototypes: config.dino.headPrototypes,
        usesKoLeo: config.dino.koleoLossWeight > 0) : []
    try files.record(fields(of: record), iteration: record.iteration)
    services.onEvent(.step(record))
    if !record.isTaken {
      services.onEvent(
        .warning(
          "iteration \(record.iteration): loss or gradient was not finite; the step is left out and the "
            + "learning rate halved for a while"))
    }
    for sign in signs {
      services.onEvent(.warning("iteration \(record.iteration): \(sign.advice)"))
    }
  }

  private func fields(of record: StepRecord) -> [(key: String, value: JSONField)] {
    let (losses, schedule) = (record.losses, record.schedule)
    var measures = record.loggedLosses(koleoWeight: config.dino.koleoLossWeight)
    measures += [
      Measure("lr", schedule.learningRate),
      Measure("last_layer_lr", schedule.lastLayerLearningRate),
      Measure("wd", schedule.weightDecay), Measure("mom", schedule.momentum),
      Measure("teacher_temp", schedule.teacherTemperature),
      Measure("target_entropy", losses.targets.entropy),
      Measure("target_spread", losses.targets.spread),
      Measure("prototype_use", losses.targets.prototypeUse),
    ]
    measures += record.gradientNorms.map { Measure("grad_norm_\($0.name)", $0.value) }
    measures += [
      Measure("iter_time", record.seconds), Measure("data_time", record.dataSeconds),
      Measure("teacher_time", record.stages.teacher),
      Measure("student_time", record.stages.student),
      Measure("backward_time", record.stages.backward),
      Measure("update_time", record.stages.update),
      Measure("images_per_s", record.imagesPerSecond),
      Measure("peak_memory_mb", Double(TorchRuntime.peakResidentBytes) / 1e6),
    ]
    return measures.map { ($0.name, .number($0.value)) }
  }
}
