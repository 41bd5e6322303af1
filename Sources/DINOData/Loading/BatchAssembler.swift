internal import Synchronization

/// Puts the crops of images together into batches, one after the other.
final class BatchAssembler: Sendable {
  private struct Progress {
    /// The images that are known to be bad.
    var bad: Set<Int> = []
    /// Why there are no further batches.
    var end: DataError?
    /// The failures that no batch reports any more.
    var last: [TrainingBatch.Failure] = []
  }

  private let settings: MultiCropLoader.Settings
  private let imageCount: Int
  private let samples: OrderedPipeline<Int, SampleViews>
  private let progress = Mutex(Progress())

  init(
    _ settings: MultiCropLoader.Settings, imageCount: Int,
    samples: OrderedPipeline<Int, SampleViews>
  ) {
    self.settings = settings
    self.imageCount = imageCount
    self.samples = samples
    progress.withLock { $0.bad = settings.knownBad }
  }

  /// The images that were found bad when there were too many of them; no batch reports these.
  var lastFailures: [TrainingBatch.Failure] { progress.withLock(\.last) }

  /// The next batch; after a failure every further one fails alike.
  ///
  /// - Parameter iteration: Which batch of the run this is.
  /// - Returns: The batch.
  /// - Throws: ``DataError/unusable(place:problem:)`` if too many images cannot be used.
  @available(*, noasync, message: "the calling thread waits")
  func batch(_ iteration: Int) throws(DataError) -> TrainingBatch {
    if let end = progress.withLock(\.end) { throw end }
    do throws(DataError) {
      let samples = try nextSamples()
      let failures = try newFailures(of: samples)
      return batch(iteration, samples, failures)
    } catch {
      progress.withLock { $0.end = error }
      throw error
    }
  }

  @available(*, noasync, message: "the calling thread waits")
  private func nextSamples() throws(DataError) -> [SampleViews] {
    var result: [SampleViews] = []
    while result.count < settings.batchSize {
      guard let item = samples.waitForNext() else {
        throw .unusable(place: "loader", problem: "was cancelled; no further batches are made")
      }
      switch item.result {
      case .success(let views): result.append(views)
      case .failure(let error as DataError): throw error
      case .failure(let error): throw .unusable(place: "loader", problem: "\(error)")
      }
    }
    return result
  }

  /// The images that are met for the first time and are bad.
  private func newFailures(
    of samples: [SampleViews]
  ) throws(DataError) -> [TrainingBatch.Failure] {
    let (new, bad) = progress.withLock { progress in
      let new = samples.flatMap(\.failures).filter { progress.bad.insert($0.index).inserted }
      return (new.map(\.report), progress.bad.count)
    }
    let limit = max(1, Int(settings.badShare * Double(imageCount)))
    guard bad > limit, let last = new.last else { return new }
    progress.withLock { $0.last = new }
    throw .unusable(
      place: last.path,
      problem: "\(bad) of \(imageCount) images cannot be used, more than the limit of \(limit); "
        + "the last: \(last.reason). Run \"dinov2 data check\" to see them all")
  }

  private func batch(
    _ iteration: Int, _ samples: [SampleViews], _ failures: [TrainingBatch.Failure]
  ) -> TrainingBatch {
    let crops = settings.crops
    var random = ViewRandom(
      seed: settings.seed, .masks, iteration * settings.worldSize + settings.rank)
    return TrainingBatch(
      iteration: iteration, sampleIndices: samples.map(\.index),
      globalCrops: Self.cropMajor(samples.map(\.globalCrops), views: 2),
      localCrops: Self.cropMajor(samples.map(\.localCrops), views: crops.localCount),
      globalSize: crops.globalSize, localSize: crops.localSize, localCount: crops.localCount,
      masks: MaskBatch(crops: 2 * samples.count, settings.masks, &random), failures: failures)
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
