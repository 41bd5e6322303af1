internal import Imaging
internal import Synchronization

/// Makes the batches of a training ahead of the trainer, on threads of its own.
///
/// A batch is a function of the settings and its iteration: the number of threads, what was done before
/// and where the run began change nothing. Images that cannot be used are replaced by others, chosen
/// by seed and position.
public final class MultiCropLoader {
  /// How batches are made.
  public struct Settings: Sendable {
    /// The crops.
    public var crops = MultiCropConfig()
    /// The masks of the global crops.
    public var masks: MaskBatch.Settings
    /// Images of a batch.
    public var batchSize = 64
    /// Equal seeds give equal batches.
    public var seed: UInt64 = 0
    /// Threads that decode and crop.
    public var threads = 1
    /// Memory for decoded images in bytes.
    public var cacheBytes = 0
    /// Batches that are made ahead.
    public var ahead = 2
    /// The largest share of images that may be unusable.
    public var badShare = 0.1

    /// Creates settings.
    ///
    /// - Parameter masks: The masks of the global crops.
    public init(masks: MaskBatch.Settings) {
      self.masks = masks
    }
  }

  private let settings: Settings
  private let imageCount: Int
  private let pipeline: OrderedPipeline<Int, SampleViews>
  private var iteration: Int
  /// The images that are known to be bad.
  private var bad: Set<Int> = []

  /// Starts to make batches.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - settings: How batches are made.
  ///   - iteration: The first batch.
  public init(_ images: TrainingImages, _ settings: Settings, startingAt iteration: Int = 0) {
    precondition(settings.batchSize > 0, "batches of no image")
    self.settings = settings
    self.iteration = iteration
    imageCount = images.count
    let maker = SampleViewMaker(
      images, settings.crops, seed: settings.seed,
      sampler: TrainingSampler(count: images.count, seed: settings.seed),
      cacheBytes: settings.cacheBytes)
    pipeline = OrderedPipeline(
      iteration * settings.batchSize..<Int.max, threads: settings.threads,
      ahead: settings.ahead * settings.batchSize
    ) { position in try maker.views(at: position) }
  }

  deinit { pipeline.cancel() }

  /// The next batch; waits on the calling thread until it is there.
  ///
  /// - Returns: The batch.
  /// - Throws: ``DataError/unusable(place:problem:)`` if too many images cannot be used.
  @available(*, noasync, message: "the calling thread waits")
  public func next() throws -> TrainingBatch {
    var samples: [SampleViews] = []
    while samples.count < settings.batchSize, let item = pipeline.waitForNext() {
      samples.append(try item.result.get())
    }
    var failures: [TrainingBatch.Failure] = []
    for (index, failure) in samples.flatMap(\.failures) where bad.insert(index).inserted {
      failures.append(failure)
    }
    try checkShare(failures)
    var random = ViewRandom(seed: settings.seed, .masks, iteration)
    let masks = MaskBatch(crops: 2 * samples.count, settings.masks, &random)
    let crops = settings.crops
    defer { iteration += 1 }
    return TrainingBatch(
      iteration: iteration, sampleIndices: samples.map(\.index),
      globalCrops: Self.cropMajor(samples.map(\.globalCrops), views: 2),
      localCrops: Self.cropMajor(samples.map(\.localCrops), views: crops.localCount),
      globalSize: crops.globalSize, localSize: crops.localSize, localCount: crops.localCount,
      masks: masks, failures: failures)
  }

  private func checkShare(_ failures: [TrainingBatch.Failure]) throws(DataError) {
    let limit = max(1, Int(settings.badShare * Double(imageCount)))
    guard bad.count > limit, let last = failures.last else { return }
    throw .unusable(
      place: last.path,
      problem:
        "\(bad.count) of \(imageCount) images cannot be used, more than the limit of \(limit); "
        + "the last: \(last.reason). Run \"dinov2 data check\" to see them all")
  }

  /// Crops of samples, view by view instead of image by image.
  private static func cropMajor(_ samples: [[Float]], views: Int) -> [Float] {
    guard views > 0, let first = samples.first else { return [] }
    let length = first.count / views
    var result: [Float] = []
    result.reserveCapacity(samples.count * first.count)
    for view in 0..<views {
      for sample in samples { result += sample[view * length..<(view + 1) * length] }
    }
    return result
  }
}
