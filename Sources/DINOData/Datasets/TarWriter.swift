internal import Glibc

/// Writes a tar archive in the POSIX form (ustar), under a temporary name until it is whole.
///
/// Equal members give equal bytes: owners and times are zero.
final class TarWriter {
  private static let block = 512
  /// The longest name that a header holds without its prefix.
  private static let longestName = 100

  /// The bytes written so far.
  private(set) var size = 0
  private let path: RawPath
  private let temporary: RawPath
  private var descriptor: Int32?

  /// Creates an archive.
  ///
  /// - Parameter path: Where it stands once it is finished.
  /// - Throws: ``DataError/system(path:problem:)`` if the file cannot be created.
  init(_ path: RawPath) throws(DataError) {
    self.path = path
    temporary = RawPath(bytes: path.bytes + Array(".tmp".utf8))
    let descriptor = unsafe temporary.withCString {
      unsafe open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o666)
    }
    guard descriptor >= 0 else { throw .errno(temporary, "cannot be created") }
    self.descriptor = descriptor
  }

  deinit {
    guard let descriptor else { return }
    close(descriptor)
    _ = unsafe temporary.withCString { unsafe unlink($0) }
  }

  /// Appends a file.
  ///
  /// - Parameters:
  ///   - name: Its name, at most 100 bytes.
  ///   - contents: Its contents.
  /// - Throws: ``DataError`` if the name is too long or the archive cannot be written.
  func add(_ name: String, _ contents: [UInt8]) throws(DataError) {
    guard !name.isEmpty, name.utf8.count <= Self.longestName, !name.utf8.contains(0) else {
      throw .usage(
        problem: "\(path.displayName): a member named \"\(name)\" cannot be; 1 to "
          + "\(Self.longestName) bytes were expected")
    }
    let padding = (Self.block - contents.count % Self.block) % Self.block
    try write(Self.header(name, size: contents.count))
    try write(contents)
    try write([UInt8](repeating: 0, count: padding))
  }

  /// Closes the archive and gives it its name.
  ///
  /// - Throws: ``DataError/system(path:problem:)`` if the disk is full or the name cannot be given.
  func finish() throws(DataError) {
    guard let descriptor else { return }
    try write([UInt8](repeating: 0, count: 2 * Self.block))
    guard fsync(descriptor) == 0 else { throw .errno(temporary, "cannot be written to the disk") }
    self.descriptor = nil
    guard close(descriptor) == 0 else { throw .errno(temporary, "cannot be closed") }
    let status = unsafe temporary.withCString { from in
      unsafe path.withCString { to in unsafe rename(from, to) }
    }
    guard status == 0 else { throw .errno(path, "cannot be named") }
  }

  private func write(_ bytes: [UInt8]) throws(DataError) {
    guard let descriptor else { return }
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes { buffer in
        // The buffer is not empty here.
        unsafe Glibc.write(
          descriptor, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .errno(path, "cannot be written; free some room") }
      done += count
    }
    size += bytes.count
  }

  private static func header(_ name: String, size: Int) -> [UInt8] {
    var header = [UInt8](repeating: 0, count: block)
    func put(_ text: String, at offset: Int) {
      header.replaceSubrange(offset..<offset + text.utf8.count, with: text.utf8)
    }
    func octal(_ value: Int, digits: Int) -> String {
      let text = String(value, radix: 8)
      return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
    put(name, at: 0)
    for (offset, value, digits) in [(100, 0o644, 7), (108, 0, 7), (116, 0, 7), (136, 0, 11)] {
      put(octal(value, digits: digits), at: offset)
    }
    // Images are limited to sizes of far fewer than 11 octal digits.
    put(octal(size, digits: 11), at: 124)
    put("0", at: 156)
    put("ustar\u{0}00", at: 257)
    put("        ", at: 148)
    let sum = header.reduce(0) { $0 + Int($1) }
    put(octal(sum, digits: 6) + "\u{0} ", at: 148)
    return header
  }
}
