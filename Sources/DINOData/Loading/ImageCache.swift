internal import Imaging
internal import Synchronization

/// Decoded images, as many as fit into a limit; those that cannot be decoded are remembered too.
final class ImageCache: Sendable {
  private struct Contents {
    var images: [Int: Result<PixelBuffer, DataError>] = [:]
    var bytes = 0
  }

  private let contents = Mutex(Contents())
  private let limit: Int
  private let reduction: @Sendable (Size) -> Int

  /// Creates an empty cache.
  ///
  /// - Parameters:
  ///   - limit: The memory for pixels in bytes.
  ///   - reduction: By what the sides of a JPEG file of a size are divided. It must depend on the size
  ///     alone, as an image is kept for all crops to come.
  init(limit: Int, reduction: @escaping @Sendable (Size) -> Int) {
    self.limit = limit
    self.reduction = reduction
  }

  /// The memory that pixels take, in bytes.
  var bytes: Int { contents.withLock(\.bytes) }

  /// An image, from memory or from its file.
  ///
  /// - Parameters:
  ///   - index: The position in the data set.
  ///   - reference: Where the image is.
  /// - Returns: The image, or why it cannot be used.
  func image(_ index: Int, _ reference: ImageReference) -> Result<PixelBuffer, DataError> {
    if let known = contents.withLock({ $0.images[index] }) { return known }
    let result = Result { () throws(DataError) in try reference.decode(reducing: reduction) }
    let bytes = if case .success(let image) = result { image.storage.count } else { 0 }
    contents.withLock { contents in
      // Another thread may have been faster. Images that fit no more are decoded again each time, which
      // costs the same for every order of threads.
      guard contents.images[index] == nil, bytes == 0 || contents.bytes + bytes <= limit
      else { return }
      contents.images[index] = result
      contents.bytes += bytes
    }
    return result
  }
}
