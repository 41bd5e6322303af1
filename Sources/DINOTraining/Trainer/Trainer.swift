public import DINOData
public import DINOModels
public import Imaging
internal import Kernels
internal import Telemetry
internal import Torch

/// Trains a backbone without labels: one run folder, until the end or a request to stop.
///
/// The same configuration and folder go on where the last checkpoint stands, with the same bits as a
/// run that was never stopped: everything random follows from the seed and the iteration.
///
/// Source: Oquab et al., 2023, section 4; order of one step as in the released code.
public final class Trainer {
  /// What the trainer is given beside its configuration.
  public struct Services {
    /// Hears what happens.
    public var onEvent: (TrainingEvent) -> Void
    /// Measures the teacher's backbone after so many iterations; nil if a request to stop interrupted it.
    public var evaluate: ((_ teacher: VisionTransformer, _ iteration: Int) throws -> [Measure]?)?
    /// Draws what the teacher's backbone sees; the picture is kept beside each evaluation.
    public var draw: ((_ teacher: VisionTransformer) throws -> PixelBuffer)?
    /// Whether `teacher_checkpoint.pth`, as Meta's training writes it, goes beside the model folder.
    public var writesTeacherCheckpoint = false
    /// Says whether to save and stop; asked after each iteration.
    public var shouldStop: () -> Bool

    /// Creates services that hear, measure and stop nothing.
    public init() {
      onEvent = { _ in }
      shouldStop = { false }
    }
  }

  /// How a run ended.
  public enum Outcome: Equatable, Sendable {
    /// All iterations are done.
    case finished
    /// It was asked to stop, and saved.
    case stopped(iteration: Int)
  }

  /// The configuration.
  public let config: TrainingConfig
  let files: RunFiles
  let services: Services
  let training: SelfDistillation
  let optimizer: StudentOptimizer
  let schedules: TrainingSchedules
  let images: TrainingImages
  var state = TrainerState()

  /// Builds the networks and continues from the newest checkpoint, if there is one.
  ///
  /// - Parameters:
  ///   - config: A valid configuration.
  ///   - images: What to learn from.
  ///   - files: The run folder, locked.
  ///   - services: What the trainer talks to.
  /// - Throws: `TorchError` if memory is short, ``RunError`` if the folder holds another run or no
  ///   whole checkpoint.
  public init(
    _ config: TrainingConfig, images: TrainingImages, files: RunFiles,
    services: Services = Services()
  ) throws {
    self.config = config
    self.images = images
    self.files = files
    self.services = services
    schedules = TrainingSchedules(config)
    training = try SelfDistillation(
      config.networkConfig, config.lossConfig, seed: UInt64(truncatingIfNeeded: config.train.seed),
      kernels: ProcessorKernels(threads: TorchRuntime.threadCount))
    optimizer = try StudentOptimizer(training.student, config.optimizerSettings)
    state.config = config
    state.configHash = config.mathematicalHash
    if config.train.deterministic { TorchRuntime.usesDeterministicAlgorithms = true }
    try restore()
  }

  /// The number of iterations that are done.
  public var iteration: Int { state.iteration }

  /// Trains until the end or a request to stop.
  ///
  /// Blocks the calling thread; libtorch's modes belong to it.
  ///
  /// - Returns: How it ended.
  /// - Throws: ``TrainingError/nonFinite(iteration:badSteps:)`` after three bad steps in a row,
  ///   `DataError` if too few images can be read, `TorchError` or ``RunError`` if memory or disk fail.
  public func run() throws -> Outcome {
    let total = config.totalIterations
    if state.owesEvaluation == true {
      guard try evaluate() else { return .stopped(iteration: state.iteration) }
      // The checkpoint becomes that of a run that was not interrupted.
      try save(waits: true)
    }
    guard state.iteration < total else {
      // A crash may have come between the last checkpoint and the export.
      try exportTeacher()
      return .finished
    }
    var settings = config.loaderSettings
    settings.knownBad = Set(state.badImages)
    let loader = MultiCropLoader(images, settings, startingAt: state.iteration)
    if state.iteration == 0 {
      keepViews()
      guard try evaluate() else { return .stopped(iteration: 0) }
    }
    while state.iteration < total {
      try step(with: loader)
      let isLast = state.iteration == total
      let period = config.evaluation.periodIterations
      let isDue = isLast || (period > 0 && state.iteration % period == 0)
      let isInterrupted = try isDue && !evaluate()
      let stops = isInterrupted || (!isLast && services.shouldStop())
      if stops || isLast || state.iteration % config.checkpointPeriod == 0 {
        try save(waits: stops || isLast)
      }
      if stops { return .stopped(iteration: state.iteration) }
    }
    return .finished
  }

  /// One iteration: data, gradients, step, teacher.
  private func step(with loader: MultiCropLoader) throws {
    let clock = ContinuousClock()
    let start = clock.now
    let batch = try nextBatch(of: loader)
    let waited = start.duration(to: clock.now)
    try note(batch)

    let values = schedules.values(at: state.iteration)
    let seed = UInt64(truncatingIfNeeded: config.train.seed)
    optimizer.clearGradients()
    let losses = try training.accumulateGradients(
      of: ViewTensors(batch), teacherTemperature: values.teacherTemperature,
      parts: config.train.accumulationSteps
    ) { [iteration = state.iteration] part throws(TorchError) in
      try Generator(
        seed: StepSeed.stochasticDepth(seed: seed, iteration: iteration, part: part))
    }
    var stages = training.stages
    let (norms, verdict) = try stages.time(\.update) { try update(losses, values) }
    state.iteration += 1
    let record = StepRecord(
      iteration: state.iteration, losses: losses, isTaken: verdict == .take,
      gradientNorms: zip(training.student.submodules, norms).map(Measure.init), schedule: values,
      images: batch.imageCount, seconds: start.duration(to: clock.now).seconds,
      dataSeconds: waited.seconds, stages: stages)
    try report(record)
    guard verdict != .stop else {
      throw TrainingError.nonFinite(
        iteration: state.iteration, badSteps: state.nonFinite.badInARow)
    }
  }

  /// Changes student and teacher, unless the step is to be left out.
  private func update(
    _ losses: StepLosses, _ values: TrainingSchedules.Values
  ) throws -> (norms: [Double], verdict: NonFiniteGuard.Verdict) {
    let norms = try optimizer.clipGradients(to: config.optim.clipGrad)
    let verdict = state.nonFinite.judge(
      isFinite: losses.isFinite && norms.allSatisfy(\.isFinite))
    guard verdict == .take else { return (norms, verdict) }
    let factor = state.nonFinite.learningRateFactor
    try optimizer.step(
      learningRate: values.learningRate * factor,
      lastLayerLearningRate: values.lastLayerLearningRate * factor,
      weightDecay: values.weightDecay)
    try training.updateTeacher(momentum: values.momentum)
    return (norms, verdict)
  }

  /// Measures the teacher; false if a request to stop interrupted it.
  private func evaluate() throws -> Bool {
    keepFeatures()
    guard let evaluate = services.evaluate else { return true }
    let measures = try evaluate(training.teacher.backbone, state.iteration)
    state.owesEvaluation = measures == nil ? true : nil
    guard let measures else { return false }
    guard !measures.isEmpty else { return true }
    try files.record(measures, iteration: state.iteration)
    services.onEvent(.evaluated(iteration: state.iteration, measures: measures))
    return true
  }
}
