internal import CheckpointFormats
internal import Foundation
internal import Glibc

/// The right of one process to write in a run folder.
///
/// It is an open-file-description lock on `.lock` in the folder: the kernel frees it when the process
/// ends in whatever way, so that nothing has to be removed by hand after a crash. Programs that are
/// started by this process do not inherit it.
public final class RunLock: Sendable {
  /// Who holds a lock, as written into its file.
  public struct Holder: Codable, Equatable, Sendable {
    /// The name of the run.
    public var runID: String
    /// The number of the process.
    public var processID: Int32
    /// The name of the machine.
    public var host: String
    /// The kernel's name for the time since the machine started; tells a stale file from a live one.
    public var bootID: String
    /// When the process took the lock, UTC.
    public var started: String

    private enum CodingKeys: String, CodingKey {
      case runID = "run_id"
      case processID = "pid"
      case host
      case bootID = "boot_id"
      case started
    }

    /// This process.
    ///
    /// - Parameter runID: The name of the run.
    public init(runID: String) {
      self.runID = runID
      processID = getpid()
      host = ProcessInfo.processInfo.hostName
      // Absent in some containers; the field is for people only.
      let text = try? String(contentsOfFile: "/proc/sys/kernel/random/boot_id", encoding: .utf8)
      bootID = text?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unknown"
      started = Date().formatted(.iso8601)
    }

    /// For a message, for example `run "x", process 12 on "box" since 2026-11-24T10:00:00Z`.
    public var summary: String {
      "run \(runID.quoted), process \(processID) on \(host.quoted) since "
        + started.escapedForMessage
    }
  }

  /// The file of the lock.
  public let path: String
  /// This process.
  public let holder: Holder
  private let descriptor: Int32

  /// `F_OFD_SETLK` of `fcntl.h`, which Swift's view of glibc leaves out.
  private static let setOpenFileLock: Int32 = 37
  /// More than any holder's data needs.
  private static let maximumBytes = 4096

  /// Takes the lock, without waiting.
  ///
  /// - Parameters:
  ///   - path: The file of the lock; its folder must exist.
  ///   - runID: The name of the run.
  /// - Throws: ``RunError/locked(path:holder:)`` with the holder's data if another process, or another
  ///   object of this one, has it; ``RunError/fileSystem(path:problem:)`` if the file system has no
  ///   locks; ``RunError/system(path:problem:)`` if the file cannot be made.
  public init(path: String, runID: String) throws(RunError) {
    let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
    let descriptor = unsafe open(path, flags, 0o644)
    guard descriptor >= 0 else { throw SystemFailure.last.error(path, "the lock cannot be made") }
    do throws(RunError) {
      try Self.lock(descriptor, path: path)
      let holder = Holder(runID: runID)
      try Self.write(holder, to: descriptor, path: path)
      self.path = path
      self.holder = holder
      self.descriptor = descriptor
    } catch {
      close(descriptor)
      throw error
    }
  }

  deinit { close(descriptor) }

  private static func lock(_ descriptor: Int32, path: String) throws(RunError) {
    var request = Glibc.flock()  // the whole file; `l_pid` must be 0 for this kind of lock
    request.l_type = Int16(F_WRLCK)
    request.l_whence = Int16(SEEK_SET)
    while unsafe fcntl(descriptor, setOpenFileLock, &request) != 0 {
      let failure = SystemFailure.last
      switch failure.code {
      case EINTR: continue
      case EAGAIN, EACCES:
        throw .locked(path: path, holder: readHolder(descriptor)?.summary ?? "an unnamed process")
      case EINVAL, ENOLCK, ENOSYS, EOPNOTSUPP:
        throw .fileSystem(path: path, problem: "the file system has no locks: \(failure.reason)")
      default: throw failure.error(path, "the lock cannot be taken")
      }
    }
  }

  /// Reads who holds the lock; whoever has just taken it may not have written yet.
  private static func readHolder(_ descriptor: Int32) -> Holder? {
    for attempt in 0..<10 {
      if attempt > 0 { usleep(20_000) }
      var bytes = [UInt8](repeating: 0, count: maximumBytes)
      let count = unsafe pread(descriptor, &bytes, bytes.count, 0)
      guard count > 0 else { continue }
      let data = Data(bytes.prefix(count))
      if let holder = try? JSONDecoder().decode(Holder.self, from: data) { return holder }
    }
    return nil
  }

  private static func write(
    _ holder: Holder, to descriptor: Int32, path: String
  ) throws(RunError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(holder), data.count < maximumBytes else {
      throw .usage(problem: "the run's name is too long for \(path.escapedForMessage)")
    }
    let bytes = Array(data) + [0x0A]
    // One write, so that a reader sees a holder whole or, after the emptying, none.
    guard ftruncate(descriptor, 0) == 0,
      unsafe pwrite(descriptor, bytes, bytes.count, 0) == bytes.count
    else { throw SystemFailure.last.error(path, "the lock cannot be written") }
  }
}
