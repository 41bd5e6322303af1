internal import Imaging
internal import Synchronization

/// The crops of one image.
struct SampleViews: Sendable {
  /// The position of the image in the data set.
  let index: Int
  /// Two global crops, `[2, 3, G, G]`.
  let globalCrops: [Float]
  /// `[L, 3, S, S]`.
  let localCrops: [Float]
  /// Images that were tried before and could not be used.
  let failures: [(index: Int, failure: TrainingBatch.Failure)]
}

/// Makes the crops of the image at a position; the result depends on seed and position alone.
final class SampleViewMaker: Sendable {
  private let references: [ImageReference]
  private let config: MultiCropConfig
  private let seed: UInt64
  private let sampler: TrainingSampler
  private let cache: ImageCache

  /// How many images are tried in place of one that cannot be used.
  private static let attempts = 64

  init(
    _ images: TrainingImages, _ config: MultiCropConfig, seed: UInt64, sampler: TrainingSampler,
    cacheBytes: Int
  ) {
    references = images.references
    self.config = config
    self.seed = seed
    self.sampler = sampler
    cache = ImageCache(limit: cacheBytes)
  }

  /// Decodes the image at a position, or one that takes its place, and makes its crops.
  ///
  /// - Parameter position: The position, from 0, without end.
  /// - Returns: The crops.
  /// - Throws: ``DataError/unusable(place:problem:)`` if none of the images that were tried can be used.
  func views(at position: Int) throws -> SampleViews {
    var failures: [(index: Int, failure: TrainingBatch.Failure)] = []
    var index = sampler[position]
    var replacement = ViewRandom(seed: seed, .replacement, position)
    for _ in 0..<min(Self.attempts, 4 * references.count) {
      switch cache.image(index, references[index]) {
      case .success(let image):
        let (globals, locals) = try crops(of: image, at: position)
        return SampleViews(
          index: index, globalCrops: globals, localCrops: locals, failures: failures)
      case .failure(let error):
        failures.append(
          (index, .init(path: references[index].displayName, reason: "\(error)")))
        index = replacement.integer(0...references.count - 1)
      }
    }
    throw DataError.unusable(
      place: references.first?.displayName ?? "images",
      problem: "\(failures.count) images in a row could not be used; the last: "
        + (failures.last?.failure.reason ?? "none"))
  }

  private func crops(
    of image: PixelBuffer, at position: Int
  ) throws(ImageError) -> (globals: [Float], locals: [Float]) {
    let globals = [Float](try crops([.firstGlobal, .secondGlobal], of: image, at: position))
    let locals = try crops(
      Array(repeating: .local, count: config.localCount), of: image, at: position)
    return (globals, locals)
  }

  private func crops(
    _ views: [MultiCropConfig.View], of image: PixelBuffer, at position: Int
  ) throws(ImageError) -> [Float] {
    guard let side = views.first.map(config.side(of:)) else { return [] }
    let length = 3 * side * side
    let normalization = Preprocessing(resize: nil, crop: nil)
    var values = [Float](repeating: 0, count: views.count * length)
    for (number, view) in views.enumerated() {
      let place = view == .local ? 2 + number : view.rawValue
      var random = ViewRandom(seed: seed, .crops, position, place)
      let crop = try ViewParameters(view, of: image.size, config, &random)(image)
      try Self.write(crop, normalization, number * length..<(number + 1) * length, &values)
    }
    return values
  }

  private static func write(
    _ crop: PixelBuffer, _ normalization: Preprocessing, _ range: Range<Int>,
    _ values: inout [Float]
  ) throws(ImageError) {
    var failure: ImageError?
    unsafe values.withUnsafeMutableBufferPointer { buffer in
      do throws(ImageError) {
        try unsafe normalization.normalize(
          crop, into: UnsafeMutableBufferPointer(rebasing: buffer[range]))
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
  }
}

/// Decoded images, as many as fit into a limit; those that cannot be decoded are remembered too.
final class ImageCache: Sendable {
  private struct Contents {
    var images: [Int: Result<PixelBuffer, DataError>] = [:]
    var bytes = 0
  }

  private let contents = Mutex(Contents())
  private let limit: Int

  init(limit: Int) { self.limit = limit }

  /// An image, from memory or its file.
  func image(_ index: Int, _ reference: ImageReference) -> Result<PixelBuffer, DataError> {
    if let known = contents.withLock({ $0.images[index] }) { return known }
    let result = Result { () throws(DataError) in try reference.decode() }
    contents.withLock { contents in
      let bytes = (try? result.get())?.storage.count ?? 0
      guard contents.images[index] == nil, contents.bytes + bytes <= limit else { return }
      contents.images[index] = result
      contents.bytes += bytes
    }
    return result
  }
}
