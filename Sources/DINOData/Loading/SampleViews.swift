internal import Imaging

/// The crops of one image.
struct SampleViews: Sendable {
  /// The position of the image in the data set.
  let index: Int
  /// Two global crops, `[2, 3, G, G]`.
  let globalCrops: [Float]
  /// `[L, 3, S, S]`.
  let localCrops: [Float]
  /// Images that were tried before and could not be used.
  let failures: [Failure]

  /// An image that could not be used.
  struct Failure: Sendable {
    /// The position of the image in the data set.
    let index: Int
    /// What the batch says of it.
    let report: TrainingBatch.Failure
  }
}

/// Makes the crops of the image at a position; the result depends on seed and position alone.
final class SampleViewMaker: Sendable {
  private let references: [ImageReference]
  private let multiCrop: MultiCrop
  private let sampler: TrainingSampler
  private let cache: ImageCache

  /// How many images are tried in place of one that cannot be used.
  ///
  /// So many in a row do not occur below the largest share of bad images that a run accepts.
  private static let attempts = 64

  init(
    _ images: TrainingImages, _ settings: MultiCropLoader.Settings, sampler: TrainingSampler
  ) {
    references = images.references
    multiCrop = MultiCrop(settings.crops, seed: settings.seed)
    self.sampler = sampler
    cache = ImageCache(limit: settings.cacheBytes, reduction: settings.reduction(for:))
  }

  /// Decodes the image at a position, or one that takes its place, and makes its crops.
  ///
  /// - Parameter position: The position of this process, from 0, without end.
  /// - Returns: The crops.
  /// - Throws: ``DataError/unusable(place:problem:)`` if none of the images that were tried can be used.
  func views(at position: Int) throws(DataError) -> SampleViews {
    let first = sampler[position]
    if let image = try? cache.image(first, references[first]).get() {
      return try views(of: image, first, at: position, failures: [])
    }
    var failures: [SampleViews.Failure] = []
    for index in [first] + sampler.replacements(at: position, limit: Self.attempts) {
      switch cache.image(index, references[index]) {
      case .success(let image):
        return try views(of: image, index, at: position, failures: failures)
      case .failure(let error):
        failures.append(failure(of: index, error, at: position))
      }
    }
    let last = failures.last?.report
    throw .unusable(
      place: last?.path ?? "images",
      problem: "none of \(failures.count) images tried for position \(position) can be used, of "
        + "\(references.count) in all; the last: \(last?.reason ?? "none"). "
        + "Run \"dinov2 data check\" to see them all")
  }

  private func failure(
    of index: Int, _ error: DataError, at position: Int
  ) -> SampleViews.Failure {
    SampleViews.Failure(
      index: index,
      report: TrainingBatch.Failure(
        index: index, path: references[index].displayName, reason: error.description,
        position: sampler.globalPosition(position)))
  }

  private func views(
    of image: PixelBuffer, _ index: Int, at position: Int, failures: [SampleViews.Failure]
  ) throws(DataError) -> SampleViews {
    do throws(ImageError) {
      let crops = try multiCrop(image, at: sampler.globalPosition(position))
      return SampleViews(
        index: index, globalCrops: try multiCrop.normalized(crops.prefix(2)),
        localCrops: try multiCrop.normalized(crops.dropFirst(2)), failures: failures)
    } catch {
      throw DataError(error, path: references[index].displayName)
    }
  }
}
