import DINOTraining
import Glibc
import Synchronization

/// The operating system's operations with a fault at a chosen place.
final class FaultyFiles: FileOperations {
  /// What goes wrong.
  enum Fault {
    /// Operation number `at`, from 0, fails; later ones work.
    case fail(at: Int, code: Int32)
    /// The process stops before operation number `before`: nothing happens from there on.
    case stop(before: Int)
    /// Each write takes at most so many bytes.
    case shortWrites(Int)
    /// Writes and creations are interrupted by a signal every other time.
    case interruptions
    /// Free room, for the question how much there is.
    case room(Int)
  }

  private let fault: Fault
  private let log = Mutex<[String]>([])
  private let system = SystemFiles()

  init(_ fault: Fault) { self.fault = fault }

  /// The operations so far.
  var operations: [String] { log.withLock { $0 } }

  /// Whether the fault has happened.
  var hasHappened: Bool {
    switch fault {
    case .fail(let number, _), .stop(let number): operations.count > number
    case .shortWrites, .interruptions, .room: true
    }
  }

  private func next(_ name: String, canBeInterrupted: Bool = false) throws(SystemFailure) {
    let number = log.withLock { log in
      log.append(name)
      return log.count - 1
    }
    switch fault {
    case .fail(number, let code): throw SystemFailure(code)
    case .stop(let before) where number >= before: throw SystemFailure(EIO)
    case .interruptions where canBeInterrupted && number.isMultiple(of: 2):
      throw SystemFailure(EINTR)
    default: break
    }
  }

  func makeFolder(_ path: String) throws(SystemFailure) {
    try next("makeFolder")
    try system.makeFolder(path)
  }

  func createFile(_ path: String) throws(SystemFailure) -> Int32 {
    try next("createFile", canBeInterrupted: true)
    return try system.createFile(path)
  }

  func allocate(_ descriptor: Int32, _ byteCount: Int) throws(SystemFailure) {
    try next("allocate", canBeInterrupted: true)
    try system.allocate(descriptor, byteCount)
  }

  func write(
    _ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(SystemFailure) -> Int {
    try next("write", canBeInterrupted: true)
    guard case .shortWrites(let count) = fault else {
      return try system.write(descriptor, bytes, at: offset)
    }
    let part = UnsafeRawBufferPointer(rebasing: bytes.prefix(count))
    return try system.write(descriptor, part, at: offset)
  }

  func flush(_ descriptor: Int32) throws(SystemFailure) {
    try next("flush")
    try system.flush(descriptor)
  }

  func close(_ descriptor: Int32) throws(SystemFailure) {
    // A descriptor is freed even if closing fails, also by the end of the process.
    try system.close(descriptor)
    try next("close")
  }

  func flushFolder(_ path: String) throws(SystemFailure) {
    try next("flushFolder")
    try system.flushFolder(path)
  }

  func rename(_ path: String, to newPath: String) throws(SystemFailure) {
    try next("rename")
    try system.rename(path, to: newPath)
  }

  func renameNew(_ path: String, to newPath: String) throws(SystemFailure) {
    try next("renameNew")
    try system.renameNew(path, to: newPath)
  }

  func exchange(_ path: String, _ otherPath: String) throws(SystemFailure) {
    try next("exchange")
    try system.exchange(path, otherPath)
  }

  func removeFile(_ path: String) throws(SystemFailure) {
    try next("removeFile")
    try system.removeFile(path)
  }

  func removeFolder(_ path: String) throws(SystemFailure) {
    try next("removeFolder")
    try system.removeFolder(path)
  }

  func freeBytes(_ path: String) throws(SystemFailure) -> Int {
    if case .room(let count) = fault { return count }
    return try system.freeBytes(path)
  }
}
