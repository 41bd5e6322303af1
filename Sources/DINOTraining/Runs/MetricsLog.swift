internal import CheckpointFormats
internal import Foundation
internal import Glibc
internal import Synchronization
public import Telemetry

/// The measurements of a run: a file of one JSON object per line, each beginning with its iteration.
///
/// A line is written by one call as soon as it is added, so that readers can follow the file and a crash
/// tears the last line at most. On resuming, ``cut(path:toIteration:)`` takes away what the repeated
/// iterations will write again.
public final class MetricsLog: Sendable {
  /// The key that every line begins with.
  public static let iterationKey = "iteration"

  private let path: String
  private let descriptor: Int32
  /// Keeps the lines of several threads apart.
  private let access = Mutex(())

  /// Opens a log, to add to what it holds.
  ///
  /// - Parameter path: The file; it is created if it is not there.
  /// - Throws: ``RunError/system(path:problem:)`` if it cannot be opened.
  public init(path: String) throws(RunError) {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
    descriptor = unsafe open(path, flags, 0o644)
    guard descriptor >= 0 else { throw SystemFailure.last.error(path, "cannot be opened") }
    self.path = path
  }

  deinit { close(descriptor) }

  /// Adds a line.
  ///
  /// - Parameters:
  ///   - iteration: The number of iterations that are done.
  ///   - fields: Keys and values in the order of the line; numbers that are not finite become `null`.
  /// - Throws: ``RunError/system(path:problem:)`` if the disk refuses.
  public func append(
    iteration: Int, _ fields: [(key: String, value: JSONField)]
  ) throws(RunError) {
    let members = [(Self.iterationKey, JSONField.integer(iteration))]
    let line = JSONField.object(members + fields.map { ($0.key, $0.value) })
    let bytes = Array((line + "\n").utf8)
    let failure = access.withLock { _ in write(bytes) }
    if let failure { throw failure.error(path, "cannot be written") }
  }

  private func write(_ bytes: [UInt8]) -> SystemFailure? {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes {
        unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return count < 0 ? .last : SystemFailure(ENOSPC) }
      rest = rest.dropFirst(count)
    }
    return nil
  }

  /// Waits until everything that was added is on the disk.
  ///
  /// - Throws: ``RunError/system(path:problem:)`` if the disk refuses.
  public func flush() throws(RunError) {
    guard fsync(descriptor) == 0 else {
      throw SystemFailure.last.error(path, "cannot be flushed to the disk")
    }
  }
}
