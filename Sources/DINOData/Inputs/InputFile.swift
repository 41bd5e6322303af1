internal import Glibc

/// An open regular file that is read at positions.
final class InputFile {
  let path: RawPath
  let size: Int
  private let descriptor: Int32

  /// Opens a regular file.
  ///
  /// Symbolic links are followed; devices, pipes and folders are refused without waiting for them.
  ///
  /// - Throws: ``DataError`` if the file cannot be opened or is not a regular file.
  init(_ path: RawPath) throws(DataError) {
    let descriptor = try path.openForReading()
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let error = DataError.errno(path, "cannot be examined")
      close(descriptor)
      throw error
    }
    guard status.st_mode & S_IFMT == S_IFREG, let size = Int(exactly: status.st_size) else {
      close(descriptor)
      throw .refused(
        path: path.displayName, problem: "is \(FileKind(status).text); a file was expected")
    }
    self.path = path
    self.size = size
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Reads bytes at a position; fewer only where the file ends.
  func read(at offset: Int, count: Int) throws(DataError) -> [UInt8] {
    guard offset >= 0, count >= 0, offset < size else { return [] }
    let wanted = min(count, size - offset)
    var done = 0
    var failure: DataError?
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, initialized in
      while done < wanted, let base = buffer.baseAddress {
        let got = unsafe pread(descriptor, base + done, wanted - done, off_t(offset + done))
        if got < 0, errno == EINTR { continue }
        if got < 0 { failure = .errno(path, "cannot be read") }
        guard got > 0 else { break }
        done += got
      }
      initialized = done
    }
    if let failure { throw failure }
    return bytes
  }
}

/// What a path leads to.
enum FileKind: Equatable {
  case regular
  case folder
  case other(String)

  init(_ status: stat) {
    self =
      switch status.st_mode & S_IFMT {
      case S_IFREG: .regular
      case S_IFDIR: .folder
      case S_IFIFO: .other("a pipe")
      case S_IFSOCK: .other("a socket")
      default: .other("a device")
      }
  }

  var text: String {
    switch self {
    case .regular: "a file"
    case .folder: "a folder"
    case .other(let text): text
    }
  }
}

extension RawPath {
  /// Calls a closure with the path as a C string.
  func withCString<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
    let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
    return unsafe terminated.withUnsafeBufferPointer { buffer in
      // The array holds at least the terminator, so that the base address exists.
      guard let base = buffer.baseAddress else { preconditionFailure("an array without storage") }
      return unsafe body(base)
    }
  }

  /// What the path leads to, or nil if there is nothing.
  ///
  /// - Throws: ``DataError`` if the operating system refuses to look, other than for absence.
  func kind() throws(DataError) -> FileKind? {
    guard !bytes.isEmpty, !bytes.contains(0) else { return nil }
    var status = stat()
    let result = unsafe withCString { unsafe stat($0, &status) }
    if result == 0 { return FileKind(status) }
    // A link that runs in a circle leads to nothing.
    if [ENOENT, ENOTDIR, ENAMETOOLONG, ELOOP].contains(errno) { return nil }
    throw .errno(self, "cannot be examined")
  }

  /// Whether the path leads to a regular file.
  package var isRegularFile: Bool {
    do throws(DataError) { return try kind() == .regular } catch { return false }
  }

  /// Whether the path itself is a symbolic link.
  func isLink() -> Bool {
    guard !bytes.isEmpty, !bytes.contains(0) else { return false }
    var status = stat()
    return unsafe withCString { unsafe lstat($0, &status) } == 0
      && status.st_mode & S_IFMT == S_IFLNK
  }

  /// Opens the path for reading, without waiting for a writer of a pipe.
  func openForReading(flags: Int32 = 0) throws(DataError) -> Int32 {
    guard !bytes.contains(0) else {
      throw .refused(path: displayName, problem: "the name holds a NUL byte")
    }
    while true {
      let descriptor = unsafe withCString {
        unsafe open($0, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | flags)
      }
      if descriptor >= 0 { return descriptor }
      guard errno == EINTR else { throw .errno(self, "cannot be opened") }
    }
  }

  /// Reads a whole regular file.
  ///
  /// - Parameter limit: The largest size to accept, in bytes.
  /// - Returns: The contents.
  /// - Throws: ``DataError`` if the file cannot be read, or is larger than the limit.
  package func contents(limit: Int) throws(DataError) -> [UInt8] {
    let file = try InputFile(self)
    guard file.size <= limit else { throw .tooLarge(displayName, size: file.size, limit: limit) }
    let bytes = try file.read(at: 0, count: file.size)
    guard bytes.count == file.size else {
      throw .system(
        path: displayName, problem: "ended after \(bytes.count) of \(file.size) bytes")
    }
    return bytes
  }
}

extension DataError {
  /// An error with the operating system's reason.
  static func errno(_ path: RawPath, _ problem: String) -> DataError {
    let number = Glibc.errno
    // glibc's text for an error number is its own static memory.
    let message = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "unknown error"
    return .system(path: path.displayName, problem: "\(problem): \(message) (errno \(number))")
  }

  static func tooLarge(_ path: String, size: Int, limit: Int) -> DataError {
    .refused(path: path, problem: "has \(size) bytes; at most \(limit) are read")
  }
}
