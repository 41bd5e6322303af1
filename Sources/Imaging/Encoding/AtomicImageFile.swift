internal import Glibc

/// Writes a file under a temporary name, flushes it and renames it.
enum AtomicImageFile {
  static func write(_ bytes: [UInt8], to path: String) throws(ImageError) {
    let slash = path.lastIndex(of: "/")
    let folder = slash.map { String(path[...$0]) } ?? ""
    let name = slash.map { String(path[path.index(after: $0)...]) } ?? path
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let temporary = "\(folder).\(name.prefix(60)).\(suffix).tmp"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw failure(path, "cannot be created", errno) }
    var code: Int32 = 0
    bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count, let base = buffer.baseAddress {
        let count = Glibc.write(descriptor, base + written, buffer.count - written)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          code = errno
          break
        }
        written += count
      }
    }
    if code == 0, fsync(descriptor) != 0, errno != EINVAL { code = errno }
    if close(descriptor) != 0, code == 0 { code = errno }
    if code == 0, rename(temporary, path) != 0 { code = errno }
    guard code == 0 else {
      unlink(temporary)
      throw failure(path, "cannot be written", code)
    }
  }

  private static func failure(_ path: String, _ problem: String, _ code: Int32) -> ImageError {
    let reason = strerror(code).map { String(validatingCString: $0) ?? "" } ?? ""
    return .unwritable(
      file: path, problem: "\(problem): \(reason). Check that its folder exists and has room")
  }
}
