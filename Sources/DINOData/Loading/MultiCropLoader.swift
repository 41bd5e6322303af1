internal import Imaging

/// Makes the batches of a training ahead of the trainer, on threads of its own.
///
/// A batch is a function of the settings and its iteration: the number of threads, what was done before
/// and where the run began change nothing. Images that cannot be used are replaced by others, chosen
/// by seed and position.
public final class MultiCropLoader: Sendable {
  /// How batches are made.
  public struct Settings: Sendable {
    /// The crops.
    public var crops = MultiCropConfig()
    /// The masks of the global crops.
    public var masks: MaskBatch.Settings
    /// Images of a batch of this process; at least 1.
    public var batchSize = 64
    /// Equal seeds give equal batches.
    public var seed: UInt64 = 0
    /// Threads that decode and crop.
    public var threads = 1
    /// Memory for decoded images in bytes; later passes find those that fit.
    public var cacheBytes = 0
    /// Whether JPEG files are decoded smaller where the crops stay as good as the same
    /// (``MultiCropConfig/reduction(for:)``).
    public var reducesDecoding = false
    /// Batches that are made ahead.
    public var ahead = 2
    /// Images that are known to be unusable, as positions in the data set: they are not reported again.
    public var knownBad: Set<Int> = []
    /// The largest share of images that may be unusable; a single one always may.
    public var badShare = 0.1
    /// Which of the processes this is.
    public var rank = 0
    /// The number of processes, which share the images.
    public var worldSize = 1

    /// Creates settings.
    ///
    /// - Parameter masks: The masks of the global crops.
    public init(masks: MaskBatch.Settings) {
      self.masks = masks
    }

    /// By what the sides of a JPEG file of a size are divided when it is decoded.
    @Sendable func reduction(for size: Size) -> Int {
      reducesDecoding ? crops.reduction(for: size) : 1
    }
  }

  private let samples: OrderedPipeline<Int, SampleViews>
  private let batches: OrderedPipeline<Int, TrainingBatch>
  private let assembler: BatchAssembler

  /// Starts to make batches.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - settings: How batches are made.
  ///   - iteration: The first batch.
  public init(_ images: TrainingImages, _ settings: Settings, startingAt iteration: Int = 0) {
    precondition(settings.batchSize > 0, "batches of \(settings.batchSize) images")
    precondition(iteration >= 0, "a run that starts at iteration \(iteration)")
    let sampler = TrainingSampler(
      count: images.count, seed: settings.seed, rank: settings.rank, worldSize: settings.worldSize)
    let maker = SampleViewMaker(images, settings, sampler: sampler)
    samples = OrderedPipeline(
      iteration * settings.batchSize..<Int.max, threads: settings.threads,
      ahead: settings.batchSize + settings.threads
    ) { position in try maker.views(at: position) }
    let assembler = BatchAssembler(settings, imageCount: images.count, samples: samples)
    self.assembler = assembler
    // One thread, since samples have to be taken in order.
    batches = OrderedPipeline(
      iteration..<Int.max, threads: 1, ahead: settings.ahead
    ) { iteration in try assembler.batch(iteration) }
  }

  deinit { cancel() }

  /// Stops to make batches; those who wait for one get an error.
  public func cancel() {
    batches.cancel()
    samples.cancel()
  }

  /// After ``next()`` has thrown since too many images cannot be used: those that no batch reported.
  public var lastFailures: [TrainingBatch.Failure] { assembler.lastFailures }

  /// The next batch; waits on the calling thread until it is there.
  ///
  /// - Returns: The batch.
  /// - Throws: ``DataError/unusable(place:problem:)`` if too many images cannot be used.
  @available(*, noasync, message: "the calling thread waits")
  public func next() throws -> TrainingBatch {
    guard let item = batches.waitForNext() else {
      throw DataError.unusable(
        place: "loader", problem: "was cancelled; no further batches are made")
    }
    return try item.result.get()
  }
}
