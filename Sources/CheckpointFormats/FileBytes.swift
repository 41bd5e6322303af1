internal import Glibc

/// The bytes of one regular file, mapped read-only into memory and shared, not copied.
///
/// The file stays open as long as the object lives, so that a file that is replaced by renaming keeps
/// its contents here. A file that another process shortens in place cannot be read safely through a
/// mapping; ``checkUnchanged()`` looks for that, and readers call it before they trust what they parsed.
@safe public final class FileBytes: Sendable {
  /// The path the file was opened with.
  public let path: String
  /// The number of bytes.
  public let count: Int
  private let descriptor: Int32
  private let identity: (device: UInt, inode: UInt, modified: Int, modifiedNanoseconds: Int)
  // Set once before anyone else sees the object and never written through: the pages are mapped
  // read-only, and `deinit` runs when no reference is left. That is why sharing it is safe.
  private nonisolated(unsafe) let base: UnsafeRawPointer?
  private let isMapped: Bool

  /// Opens a file and maps it.
  ///
  /// Symbolic links are followed, because users link weights into several folders; what they lead to
  /// must be a regular file.
  ///
  /// - Parameter path: The path of the file.
  /// - Throws: ``CheckpointError/file(path:problem:)`` if the file cannot be opened, is not a regular
  ///   file, or cannot be mapped.
  public init(path: String) throws(CheckpointError) {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .system(path, "cannot be opened") }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let error = CheckpointError.system(path, "cannot be examined")
      close(descriptor)
      throw error
    }
    guard status.st_mode & S_IFMT == S_IFREG, let size = Int(exactly: status.st_size) else {
      close(descriptor)
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "a folder" : "a device, pipe or socket"
      throw .file(path: path, problem: "is \(kind); a regular file was expected")
    }
    var base: UnsafeRawPointer?
    var isMapped = true
    if size > 0 {
      let mapped = unsafe mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0)
      if let mapped = unsafe mapped, unsafe mapped != MAP_FAILED {
        unsafe base = UnsafeRawPointer(mapped)
      } else {
        isMapped = false
        unsafe base = try FileBytes.readWhole(descriptor, size: size, path: path)
      }
    }
    self.path = path
    self.count = size
    self.descriptor = descriptor
    unsafe self.base = base
    self.isMapped = isMapped
    identity = FileBytes.identity(of: status)
  }

  deinit {
    if let base = unsafe base {
      let pointer = unsafe UnsafeMutableRawPointer(mutating: base)
      if isMapped { unsafe munmap(pointer, count) } else { unsafe free(pointer) }
    }
    close(descriptor)
  }

  /// Calls a closure with the file's bytes, without copying them.
  ///
  /// - Parameter body: A closure; the buffer must not outlive this object.
  /// - Returns: The value of the closure.
  /// - Throws: What the closure throws.
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    unsafe try body(UnsafeRawBufferPointer(start: base, count: count))
  }

  /// The mapped bytes; valid as long as this object lives.
  package var buffer: UnsafeRawBufferPointer {
    unsafe UnsafeRawBufferPointer(start: base, count: count)
  }

  /// Looks whether the file still has the size and modification time it had when it was opened.
  ///
  /// - Throws: ``CheckpointError/file(path:problem:)`` if another process changed the file.
  public func checkUnchanged() throws(CheckpointError) {
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      throw .system(path, "cannot be examined")
    }
    guard Int(exactly: status.st_size) == count, FileBytes.identity(of: status) == identity else {
      throw .file(
        path: path,
        problem: "was changed while it was read (\(count) bytes when opened, now "
          + "\(status.st_size)); wait until the writer is done and try again")
    }
  }

  private static func identity(
    of status: stat
  ) -> (device: UInt, inode: UInt, modified: Int, modifiedNanoseconds: Int) {
    (status.st_dev, status.st_ino, status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
  }

  /// Reads a file that cannot be mapped, as on some network file systems; closes it on failure.
  private static func readWhole(
    _ descriptor: Int32, size: Int, path: String
  ) throws(CheckpointError) -> UnsafeRawPointer {
    var memory: UnsafeMutableRawPointer?
    guard unsafe posix_memalign(&memory, 64, size) == 0, let memory = unsafe memory else {
      close(descriptor)
      throw .file(path: path, problem: "needs \(size) bytes of memory, which are not to be had")
    }
    var done = 0
    while done < size {
      let count = unsafe pread(descriptor, memory + done, size - done, off_t(done))
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        let error =
          count < 0
          ? CheckpointError.system(path, "cannot be read")
          : .file(path: path, problem: "ended after \(done) of \(size) bytes")
        unsafe free(memory)
        close(descriptor)
        throw error
      }
      done += count
    }
    return UnsafeRawPointer(memory)
  }
}

extension CheckpointError {
  /// An error with the operating system's reason.
  package static func system(_ path: String, _ problem: String) -> CheckpointError {
    let number = errno
    // glibc's text for an error number: its own static memory, not the file's.
    let message = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "unknown error"
    return .file(path: path, problem: "\(problem): \(message) (errno \(number))")
  }
}

extension FileBytes {
  /// Whether a path leads to a folder.
  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}
