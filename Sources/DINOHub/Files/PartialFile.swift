internal import Dispatch
internal import Glibc

/// Runs file operations one after another on a thread of its own, since disks block and the threads of
/// the cooperative pool must not wait.
final class FileQueue: SerialExecutor {
  private let queue = DispatchQueue(label: "dinov2.hub.files")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = unsafe asUnownedSerialExecutor()
    queue.async { unsafe job.runSynchronously(on: executor) }
  }
}

/// A download that is not complete yet: its bytes, and the server's tag of the version they belong to.
///
/// The tag lies in a second file, so that another process can go on later with what is here.
actor PartialFile {
  private let path: String
  private let descriptor: Int32
  private let queue: FileQueue
  /// The number of bytes so far.
  private(set) var count: Int

  nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe queue.asUnownedSerialExecutor() }

  /// Opens what an earlier try left, or creates an empty file.
  init(path: String) throws(HubError) {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
    let descriptor = unsafe open(path, flags, 0o666)
    guard descriptor >= 0 else { throw .system(path, doing: "cannot be created") }
    let size = lseek(descriptor, 0, SEEK_END)
    self.path = path
    self.descriptor = descriptor
    queue = FileQueue()
    count = max(Int(size), 0)
  }

  deinit { close(descriptor) }

  private var tagPath: String { path + ".etag" }

  /// The strong `ETag` that the bytes belong to, if the server gave one.
  func tag() -> String? {
    guard let tag = FileSystem.readText(tagPath), !tag.isEmpty else { return nil }
    return tag
  }

  /// Remembers the server's tag.
  func setTag(_ tag: String?) throws(HubError) {
    guard let tag else {
      unsafe unlink(tagPath)
      return
    }
    if tag != self.tag() { try FileSystem.writeText(tag, to: tagPath) }
  }

  /// Adds bytes at the end and returns the new size.
  func append(_ bytes: [UInt8]) throws(HubError) -> Int {
    do throws(HubError) {
      try FileSystem.writeAll(bytes, to: descriptor, path: path)
    } catch {
      // Bytes beyond the count would be taken for the next ones.
      ftruncate(descriptor, off_t(count))
      throw error
    }
    count += bytes.count
    return count
  }

  /// Throws everything away, to begin again.
  func restart() throws(HubError) {
    unsafe unlink(tagPath)
    guard ftruncate(descriptor, 0) == 0 else { throw .system(path, doing: "cannot be emptied") }
    count = 0
  }

  /// SHA-256 of the bytes.
  func sha256() throws(HubError) -> String { try FileHash.sha256(path) }

  /// Removes the file, for contents that are wrong.
  func discard() {
    unsafe unlink(path)
    unsafe unlink(tagPath)
  }

  /// Flushes the bytes to the disk and gives the file its final name.
  func commit(to destination: String) throws(HubError) {
    guard fsync(descriptor) == 0 || errno == EINVAL else {
      throw .system(path, doing: "cannot be flushed to the disk")
    }
    try FileSystem.moveIntoPlace(path, destination)
    unsafe unlink(tagPath)
  }
}
