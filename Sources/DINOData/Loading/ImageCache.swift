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

  /// Creates an empty cache.
  ///
  /// - Parameter limit: The memory for pixels in bytes.
  init(limit: Int) { self.limit = limit }

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
    let result = Result { () throws(DataError) in try reference.decode() }
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
