public import Imaging

extension ImageReference {
  /// Reads and decodes the image.
  ///
  /// - Parameters:
  ///   - decoder: How to decode, and what an image may take.
  ///   - reducing: By what the sides of a JPEG file of a size are divided: 1, 2, 4 or 8.
  /// - Returns: The image, or its first frame.
  /// - Throws: ``DataError``: ``DataError/refused(path:problem:)`` if it is no image, damaged or
  ///   too large, ``DataError/system(path:problem:)`` if it cannot be read.
  public func decode(
    _ decoder: ImageDecoder = ImageDecoder(), reducing: (Size) -> Int = { _ in 1 }
  ) throws(DataError) -> PixelBuffer {
    let bytes = try bytes(limit: decoder.limits.encodedBytes)
    do throws(ImageError) {
      return try decoder.decode(bytes: bytes, name: displayName, reducing: reducing)
    } catch {
      throw DataError(error, path: displayName)
    }
  }
}

extension DataError {
  /// Takes over an error of an image.
  ///
  /// - Parameters:
  ///   - error: What the decoder or encoder reported.
  ///   - path: The printable name of the image.
  package init(_ error: ImageError, path: String) {
    self =
      switch error {
      case .unsupported(_, let problem), .damaged(_, let problem), .tooLarge(_, let problem):
        .refused(path: path, problem: problem.onOneLine)
      case .file(_, let problem), .unwritable(_, let problem):
        .system(path: path, problem: problem.onOneLine)
      case .usage(let problem): .usage(problem: "\(path): \(problem.onOneLine)")
      }
  }
}
