internal import Glibc

/// The operating system's own operations.
package struct SystemFiles: FileOperations {
  /// Creates the operations; they have no state.
  package init() {}

  package func makeFolder(_ path: String) throws(SystemFailure) {
    guard unsafe mkdir(path, 0o700) == 0 else { throw .last }
  }

  package func createFile(_ path: String) throws(SystemFailure) -> Int32 {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC
    let descriptor = unsafe open(path, flags, 0o644)
    guard descriptor >= 0 else { throw .last }
    return descriptor
  }

  package func allocate(_ descriptor: Int32, _ byteCount: Int) throws(SystemFailure) {
    guard byteCount > 0 else { return }
    // Reports its error in the result and leaves `errno` alone.
    let code = posix_fallocate(descriptor, 0, off_t(byteCount))
    guard code == 0 else { throw SystemFailure(code) }
  }

  package func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(SystemFailure) -> Int {
    let count = unsafe pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
    guard count >= 0 else { throw .last }
    return count
  }

  package func flush(_ descriptor: Int32) throws(SystemFailure) {
    guard fsync(descriptor) == 0 else { throw .last }
  }

  package func close(_ descriptor: Int32) throws(SystemFailure) {
    guard Glibc.close(descriptor) == 0 else { throw .last }
  }

  package func flushFolder(_ path: String) throws(SystemFailure) {
    let descriptor = unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last }
    defer { Glibc.close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .last }
  }

  package func rename(_ path: String, to newPath: String) throws(SystemFailure) {
    guard unsafe Glibc.rename(path, newPath) == 0 else { throw .last }
  }

  package func renameNew(_ path: String, to newPath: String) throws(SystemFailure) {
    try RenameCall.call(path, newPath, RenameCall.noReplace)
  }

  package func exchange(_ path: String, _ otherPath: String) throws(SystemFailure) {
    try RenameCall.call(path, otherPath, RenameCall.exchange)
  }

  package func removeFile(_ path: String) throws(SystemFailure) {
    guard unsafe unlink(path) == 0 else { throw .last }
  }

  package func removeFolder(_ path: String) throws(SystemFailure) {
    guard unsafe rmdir(path) == 0 else { throw .last }
  }

  package func freeBytes(_ path: String) throws(SystemFailure) -> Int {
    var status = statvfs()
    guard unsafe statvfs(path, &status) == 0 else { throw .last }
    let (bytes, overflows) = UInt(status.f_bavail).multipliedReportingOverflow(
      by: UInt(status.f_frsize))
    return overflows ? .max : Int(clamping: bytes)
  }
}

/// `renameat2`, which Swift's view of glibc leaves out since it is behind `_GNU_SOURCE`.
private enum RenameCall {
  private typealias Function =
    @convention(c) (
      Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32
    ) -> Int32

  /// `RENAME_NOREPLACE` of `linux/fs.h`.
  static let noReplace: UInt32 = 1
  /// `RENAME_EXCHANGE` of `linux/fs.h`.
  static let exchange: UInt32 = 2

  // glibc has had the function since 2.28, and the type above is that of its header.
  private static let function: Function? = unsafe dlsym(nil, "renameat2").map {
    unsafe unsafeBitCast($0, to: Function.self)
  }

  static func call(_ path: String, _ newPath: String, _ flags: UInt32) throws(SystemFailure) {
    guard let function = unsafe function else { throw SystemFailure(ENOSYS) }
    guard unsafe function(AT_FDCWD, path, AT_FDCWD, newPath, flags) == 0 else { throw .last }
  }
}
