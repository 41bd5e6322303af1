internal import Crypto
internal import Glibc

/// Hashes of files.
enum FileHash {
  /// Enough to keep the disk busy, little enough for the cache of the processor.
  private static let chunk = 1 << 20

  /// SHA-256 of a file from its beginning.
  ///
  /// - Parameter path: The path.
  /// - Returns: 64 lower-case hexadecimal digits.
  /// - Throws: ``HubError/system(path:problem:)`` if the file cannot be read, and
  ///   ``HubError/stopped(what:)`` if the task is cancelled.
  static func sha256(_ path: String) throws(HubError) -> String {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .system(path, doing: "cannot be opened") }
    defer { close(descriptor) }
    var hash = SHA256()
    var buffer = [UInt8](repeating: 0, count: chunk)
    while true {
      if Task.isCancelled { throw .stopped(what: path) }
      let count = unsafe read(descriptor, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .system(path, doing: "cannot be read") }
      if count == 0 { break }
      unsafe buffer.withUnsafeBytes { bytes in
        unsafe hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes.prefix(count)))
      }
    }
    return hash.finalize().map { byte in
      let digits = String(byte, radix: 16)
      return digits.count == 1 ? "0" + digits : digits
    }.joined()
  }
}
