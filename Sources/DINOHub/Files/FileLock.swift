internal import Glibc

/// A lock between processes, which the kernel frees when its holder ends in whatever way.
///
/// It is the lock of Python's `filelock` (`flock` on a file of its own), so that `huggingface_hub` and
/// this package do not download into one file at the same time.
final class FileLock: Sendable {
  private let path: String
  private let descriptor: Int32
  private let isTemporary: Bool

  /// How often a lock that is held is tried again; 0.05 s is what `filelock` does.
  private static let interval: Duration = .milliseconds(50)

  /// Waits for the lock.
  ///
  /// - Parameters:
  ///   - path: The file of the lock; its folder must exist.
  ///   - isTemporary: Whether the file is removed in the end.
  ///   - onWait: Called once if someone else holds the lock.
  /// - Returns: The lock, held until the object goes away.
  /// - Throws: ``HubError/system(path:problem:)`` if the file cannot be made, and
  ///   ``HubError/stopped(what:)`` if the task is cancelled.
  static func acquire(
    _ path: String, isTemporary: Bool, onWait: () -> Void
  ) async throws(HubError) -> FileLock {
    var hasWaited = false
    while true {
      if let lock = try attempt(path, isTemporary: isTemporary) { return lock }
      if !hasWaited { onWait() }
      hasWaited = true
      do { try await Task.sleep(for: interval) } catch { throw .stopped(what: path) }
    }
  }

  private static func attempt(_ path: String, isTemporary: Bool) throws(HubError) -> FileLock? {
    let descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o664)
    guard descriptor >= 0 else { throw .system(path, doing: "the lock cannot be made") }
    // Group-writable whatever the mask says, as `huggingface_hub` makes it for caches that several
    // users share; fails harmlessly for a file of another user.
    fchmod(descriptor, 0o664)
    if flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let code = errno
      if code == EWOULDBLOCK || code == EINTR {
        close(descriptor)
        return nil
      }
      // Network file systems without locks: go on, since hashes are checked in the end anyway.
      guard [ENOSYS, EOPNOTSUPP, ENOLCK].contains(code) else {
        close(descriptor)
        throw .system(path, doing: "the lock cannot be taken", code: code)
      }
    }
    // A holder may have removed the file between the opening and the locking.
    var opened = stat()
    var named = stat()
    guard unsafe fstat(descriptor, &opened) == 0, unsafe stat(path, &named) == 0,
      opened.st_ino == named.st_ino, opened.st_dev == named.st_dev
    else {
      close(descriptor)
      return nil
    }
    return FileLock(path: path, descriptor: descriptor, isTemporary: isTemporary)
  }

  private init(path: String, descriptor: Int32, isTemporary: Bool) {
    self.path = path
    self.descriptor = descriptor
    self.isTemporary = isTemporary
  }

  deinit {
    if isTemporary { unsafe unlink(path) }
    close(descriptor)
  }
}
