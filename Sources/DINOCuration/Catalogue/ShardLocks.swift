internal import Glibc

/// The right of one process to write a shard, for many shards in one file.
///
/// Byte `i` of `.shards.lock` stands for shard `i`. The locks belong to the open file: the kernel frees
/// them when the process ends in whatever way.
final class ShardLocks: Sendable {
  private let path: String
  private let descriptor: Int32

  /// `F_OFD_SETLK` and `F_OFD_SETLKW` of `fcntl.h`, which Swift's view of glibc leaves out.
  private static let (set, setWaiting): (Int32, Int32) = (37, 38)
  /// The byte that stands for the list of images; far beyond any shard.
  private static let planning = 1 << 40

  /// Opens the file of a store.
  init(_ folder: String) throws(StoreError) {
    path = folder + "/.shards.lock"
    descriptor = unsafe open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
    guard descriptor >= 0 else { throw .errno(path, "the locks cannot be made") }
  }

  deinit { close(descriptor) }

  /// Takes a shard; false if another process has it.
  func take(_ shard: Int) throws(StoreError) -> Bool {
    try change(shard, F_WRLCK, waits: false)
  }

  /// Gives a shard back.
  func giveBack(_ shard: Int) { _ = try? change(shard, F_UNLCK, waits: false) }

  /// Calls a closure while no other process changes the list of images.
  func planning<Result>(
    _ body: () throws(StoreError) -> Result
  ) throws(StoreError) -> Result {
    _ = try change(Self.planning, F_WRLCK, waits: true)
    defer { giveBack(Self.planning) }
    return try body()
  }

  private func change(_ byte: Int, _ type: Int32, waits: Bool) throws(StoreError) -> Bool {
    var request = Glibc.flock()  // `l_pid` must be 0 for this kind of lock
    request.l_type = Int16(type)
    request.l_whence = Int16(SEEK_SET)
    request.l_start = off_t(byte)
    request.l_len = 1
    while unsafe fcntl(descriptor, waits ? Self.setWaiting : Self.set, &request) != 0 {
      switch errno {
      case EINTR: continue
      case EAGAIN, EACCES: return false
      default:
        throw .errno(path, "locks cannot be taken; keep the store on a local disk")
      }
    }
    return true
  }
}

extension StoreError {
  /// An error with the operating system's reason.
  static func errno(_ path: String, _ problem: String) -> StoreError {
    let number = Glibc.errno
    // glibc's text for an error number is its own static memory.
    let reason = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "unknown error"
    return .system(path: path, problem: "\(problem): \(reason) (errno \(number))")
  }
}
