internal import DINOData
internal import Glibc

/// What tells without reading that a file is as it was: its size and when it was changed last.
struct FileStamp: Sendable, Equatable {
  /// The size in bytes.
  var size: Int
  /// The time of the last change, in nanoseconds since 1970.
  var modified: Int

  /// Changes closer than this to the time of reading may carry the same time: 2 s is the grain of FAT.
  static let grain = 2_000_000_000

  /// Makes a stamp.
  init(size: Int, modified: Int) {
    self.size = size
    self.modified = modified
  }

  /// Looks at what holds an image; nil if it cannot be looked at.
  init?(_ reference: ImageReference) {
    let path: RawPath
    switch reference.source {
    case .file(let file): path = file
    case .member(let archive, _, _): path = archive
    }
    guard
      let status = unsafe path.terminated.withUnsafeBufferPointer({ buffer -> stat? in
        var status = stat()
        guard let base = buffer.baseAddress, unsafe stat(base, &status) == 0 else { return nil }
        return status
      }), let size = Int(exactly: status.st_size)
    else { return nil }
    let seconds = status.st_mtim.tv_sec.multipliedReportingOverflow(by: 1_000_000_000)
    guard !seconds.overflow else { return nil }
    self.init(size: size, modified: seconds.partialValue &+ status.st_mtim.tv_nsec)
    if case .member(_, _, let count) = reference.source { self.size = count }
  }

  /// The time now, in nanoseconds since 1970.
  static var now: Int {
    var time = timespec()
    unsafe clock_gettime(CLOCK_REALTIME, &time)
    return time.tv_sec &* 1_000_000_000 &+ time.tv_nsec
  }
}

/// One spelling of each path: the real folder, and the name in it.
struct CanonicalPath {
  private var folders: [RawPath: RawPath] = [:]

  /// Where an image lies: the absolute path of the file, for a member of a shard that of the archive, a
  /// slash and the member's name.
  mutating func location(of reference: ImageReference) -> RawPath {
    switch reference.source {
    case .file(let path): return path.bytes.isEmpty ? path : location(of: path)
    case .member(let archive, _, _):
      let member = reference.name.bytes.dropFirst(archive.bytes.count + 1)
      return location(of: archive).appending(Array(member))
    }
  }

  /// The absolute path of a file; links to folders are followed, one that is the file itself is not.
  mutating func location(of path: RawPath) -> RawPath {
    let folder = path.folder
    if let known = folders[folder] { return known.appending(path.lastComponent) }
    let real = Self.real(folder) ?? folder
    folders[folder] = real
    return real.appending(path.lastComponent)
  }

  /// The absolute path of something that exists; other texts, such as names of models, stay.
  static func ifExisting(_ text: String) -> String {
    real(RawPath(argument: text))?.text ?? text
  }

  private static func real(_ path: RawPath) -> RawPath? {
    unsafe path.terminated.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress, let real = unsafe realpath(base, nil) else { return nil }
      defer { unsafe free(real) }
      let length = unsafe strlen(real)
      return unsafe RawPath(
        bytes: UnsafeBufferPointer(start: real, count: length).map { UInt8(bitPattern: $0) })
    }
  }
}

extension RawPath {
  /// The bytes as a C string.
  fileprivate var terminated: [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }
}
