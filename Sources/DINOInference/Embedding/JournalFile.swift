internal import FoundationEssentials
internal import Glibc

/// A file to which lines are appended.
final class JournalFile {
  private let descriptor: Int32

  /// Opens an existing file; nil if that fails.
  init?(appendingTo path: String) {
    descriptor = unsafe open(path, O_WRONLY | O_APPEND | O_CLOEXEC)
    if descriptor < 0 { return nil }
  }

  deinit { close(descriptor) }

  /// Appends text and waits until it is on the disk.
  func append(_ text: String) throws {
    let bytes = Array(text.utf8)
    var written = 0
    while written < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        unsafe write(
          descriptor, buffer.baseAddress.map { unsafe $0 + written }, buffer.count - written)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw CocoaError(.fileWriteOutOfSpace) }
      written += count
    }
    fdatasync(descriptor)
  }
}
