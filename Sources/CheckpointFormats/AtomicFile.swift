internal import Glibc

/// A file that appears under its name only when it is complete.
///
/// Bytes go to a temporary file in the same folder; ``commit()`` flushes it to the disk, renames it and
/// flushes the folder. A crash before that leaves an old file of the name untouched.
package final class AtomicFile {
  let path: String
  private let temporaryPath: String
  private let descriptor: Int32
  private var isCommitted = false
  private var pending: [UInt8] = []
  private static let bufferSize = 1 << 18

  /// The number of bytes written.
  private(set) var position = 0

  /// Creates the temporary file.
  package init(path: String) throws(CheckpointError) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[...$0]) } ?? ""
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    guard !name.isEmpty, name != ".", name != ".." else {
      throw .usage(problem: "\(path.quoted) is not the name of a file that can be written")
    }
    var descriptor: Int32 = -1
    var candidate = ""
    for _ in 0..<16 {
      let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
      candidate = "\(folder).\(name.prefix(200)).\(suffix).tmp"
      unsafe descriptor = open(candidate, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 || errno != EEXIST { break }
    }
    guard descriptor >= 0 else { throw .system(path, "cannot be created") }
    self.path = path
    temporaryPath = candidate
    self.descriptor = descriptor
    pending.reserveCapacity(AtomicFile.bufferSize)
  }

  deinit {
    close(descriptor)
    if !isCommitted { unsafe unlink(temporaryPath) }
  }

  /// Writes a whole file.
  package static func write(_ bytes: [UInt8], to path: String) throws(CheckpointError) {
    let file = try AtomicFile(path: path)
    try file.write(bytes)
    try file.commit()
  }

  /// Appends bytes.
  package func write(_ bytes: [UInt8]) throws(CheckpointError) {
    position += bytes.count
    pending.append(contentsOf: bytes)
    if pending.count >= AtomicFile.bufferSize { try flush() }
  }

  /// Appends bytes; large ones go to the file without another copy.
  package func write(_ bytes: UnsafeRawBufferPointer) throws(CheckpointError) {
    position += bytes.count
    if bytes.count < AtomicFile.bufferSize / 4 {
      unsafe pending.append(contentsOf: bytes)
      if pending.count >= AtomicFile.bufferSize { try flush() }
    } else {
      try flush()
      unsafe try AtomicFile.writeAll(bytes, to: descriptor, path: path)
    }
  }

  /// Appends the elements of a tensor in row-major order.
  func write(_ tensor: StoredTensor) throws(CheckpointError) {
    unsafe try tensor.withContiguousBytes { (bytes) throws(CheckpointError) in
      unsafe try write(bytes)
    }
  }

  /// Makes the file appear under its name.
  package func commit() throws(CheckpointError) {
    try flush()
    guard fsync(descriptor) == 0 else { throw .system(path, "cannot be flushed to the disk") }
    guard unsafe rename(temporaryPath, path) == 0 else {
      throw .system(path, "cannot be put in place")
    }
    isCommitted = true
    AtomicFile.flushFolder(of: path)
  }

  private func flush() throws(CheckpointError) {
    guard !pending.isEmpty else { return }
    let bytes = pending
    pending.removeAll(keepingCapacity: true)
    try AtomicFile.writeAll(bytes, to: descriptor, path: path)
  }

  /// Writes an array completely.
  static func writeAll(
    _ bytes: [UInt8], to descriptor: Int32, path: String
  ) throws(CheckpointError) {
    let result = unsafe bytes.withUnsafeBytes { buffer -> Result<Void, CheckpointError> in
      do throws(CheckpointError) {
        return .success(unsafe try writeAll(buffer, to: descriptor, path: path))
      } catch {
        return .failure(error)
      }
    }
    try result.get()
  }

  /// Writes a buffer completely.
  static func writeAll(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String
  ) throws(CheckpointError) {
    guard let start = bytes.baseAddress else { return }
    var done = 0
    while done < bytes.count {
      let count = unsafe Glibc.write(descriptor, start + done, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .system(path, "cannot be written") }
      done += count
    }
  }

  /// Flushes the folder of a file, so that a rename survives a loss of power.
  static func flushFolder(of path: String) {
    let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "."
    let descriptor = unsafe open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    // Some file systems refuse to flush folders; the file itself is safe by then.
    fsync(descriptor)
    close(descriptor)
  }
}
