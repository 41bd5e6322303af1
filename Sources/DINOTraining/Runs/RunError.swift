internal import CheckpointFormats
internal import Glibc

/// Why a run folder, a lock, a checkpoint or a metrics file cannot be used.
///
/// Every description is one line: what, where, what was found and what to do. Names and texts that come
/// from files are escaped.
public enum RunError: Error, Equatable, Sendable {
  /// Another process works in the folder.
  case locked(path: String, holder: String)
  /// The operating system refused something.
  case system(path: String, problem: String)
  /// The disk has too little room, in bytes.
  case noRoom(path: String, needed: Int, free: Int)
  /// The file system lacks something that the protocol of checkpoints stands on.
  case fileSystem(path: String, problem: String)
  /// A checkpoint, or every one there is, cannot be trusted.
  case damaged(path: String, reasons: [String])
  /// A checkpoint is whole but of another kind than the run that wants it.
  case incompatible(path: String, problem: String)
  /// A value that is not finite was about to be saved.
  case nonFinite(name: String, problem: String)
  /// The caller asked for something impossible.
  case usage(problem: String)

  /// The exit code of the program when this error ends it.
  public var exitCode: Int32 {
    switch self {
    case .locked: 6
    case .system, .noRoom, .fileSystem: 5
    case .damaged, .incompatible: 3
    case .nonFinite: 7
    case .usage: 2
    }
  }
}

extension RunError: CustomStringConvertible {
  /// The one-line message.
  public var description: String {
    switch self {
    case .locked(let path, let holder):
      "\(path.escapedForMessage): the run folder is in use by \(holder); wait for it, stop it, or "
        + "choose another --output"
    case .system(let path, let problem):
      "\(path.escapedForMessage): \(problem)"
    case .noRoom(let path, let needed, let free):
      "\(path.escapedForMessage): \(free) bytes are free, \(needed) are needed; make room or choose "
        + "another --output"
    case .fileSystem(let path, let problem):
      "\(path.escapedForMessage): \(problem); choose an --output on a local disk"
    case .damaged(let path, let reasons):
      "\(path.escapedForMessage): no checkpoint can be used: " + reasons.joined(separator: "; ")
    case .incompatible(let path, let problem):
      "\(path.escapedForMessage): \(problem)"
    case .nonFinite(let name, let problem):
      "\(name.quoted) \(problem); nothing was saved, the earlier checkpoints are untouched"
    case .usage(let problem):
      problem
    }
  }
}

/// An error number of the operating system.
package struct SystemFailure: Error, Equatable, Sendable {
  /// The number, such as `ENOSPC`.
  package let code: Int32

  /// Wraps an error number.
  ///
  /// - Parameter code: The number.
  package init(_ code: Int32) { self.code = code }

  /// The error of the call that has just failed on this thread.
  package static var last: SystemFailure { SystemFailure(errno) }

  /// The reason and the symbol, for example `No space left on device (ENOSPC)`.
  package var reason: String {
    // glibc's text for an error number lies in static memory or in memory of this thread.
    let text = unsafe strerror(code).map { unsafe String(cString: $0) } ?? "unknown error"
    return "\(text) (\(Self.symbols[code] ?? "errno \(code)"))"
  }

  /// Whether the disk, or the user's share of it, is full.
  var isDiskFull: Bool { code == ENOSPC || code == EDQUOT }

  /// What happened to a path, as an error of this target.
  package func error(_ path: String, _ problem: String) -> RunError {
    .system(path: path, problem: "\(problem): \(reason)")
  }

  /// The errors that writing files meets; any other is shown by its number.
  private static let symbols: [Int32: String] = [
    EACCES: "EACCES", EBUSY: "EBUSY", EDQUOT: "EDQUOT", EEXIST: "EEXIST", EFBIG: "EFBIG",
    EINTR: "EINTR", EINVAL: "EINVAL", EIO: "EIO", EISDIR: "EISDIR", ELOOP: "ELOOP",
    EMFILE: "EMFILE", ENAMETOOLONG: "ENAMETOOLONG", ENFILE: "ENFILE", ENOENT: "ENOENT",
    ENOLCK: "ENOLCK", ENOMEM: "ENOMEM", ENOSPC: "ENOSPC", ENOSYS: "ENOSYS", ENOTDIR: "ENOTDIR",
    ENOTEMPTY: "ENOTEMPTY", EOPNOTSUPP: "EOPNOTSUPP", EPERM: "EPERM", EROFS: "EROFS",
    ESTALE: "ESTALE", EXDEV: "EXDEV",
  ]
}
