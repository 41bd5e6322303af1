internal import Glibc

/// Operations on files that say why they failed.
enum FileSystem {
  /// The home folder of the user, from the system's table of users.
  static var homeFolder: String {
    guard let entry = unsafe getpwuid(getuid()), let folder = unsafe entry.pointee.pw_dir
    else { return "" }
    return unsafe String(cString: folder)
  }

  /// Whether a path leads to a regular file, also through links.
  static func isFile(_ path: String) -> Bool { size(path) != nil }

  /// The size of a regular file in bytes; `nil` if there is none.
  static func size(_ path: String) -> Int? {
    var status = stat()
    guard unsafe stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(status.st_size)
  }

  /// The contents of a small file of text; `nil` if it cannot be read or is larger than 64 kB.
  static func readText(_ path: String) -> String? {
    let limit = 1 << 16
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var count = 0
    while count < bytes.count {
      let part = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe read(descriptor, buffer.baseAddress.map { unsafe $0 + count }, buffer.count - count)
      }
      if part < 0, errno == EINTR { continue }
      guard part >= 0 else { return nil }
      if part == 0 { break }
      count += part
    }
    return count > limit ? nil : String(validating: bytes.prefix(count), as: UTF8.self)
  }

  /// Writes a small file so that it appears complete, replacing one of the name.
  static func writeText(_ text: String, to path: String) throws(HubError) {
    let temporary = temporaryName(beside: path)
    let descriptor = unsafe open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw .system(path, doing: "cannot be created") }
    // Removes what a failure leaves; after the renaming the name is gone.
    defer { unsafe unlink(temporary) }
    defer { close(descriptor) }
    try writeAll(Array(text.utf8), to: descriptor, path: path)
    try moveIntoPlace(temporary, path)
  }

  /// Writes bytes completely.
  static func writeAll(
    _ bytes: [UInt8], to descriptor: Int32, path: String
  ) throws(HubError) {
    var code: Int32 = 0
    unsafe bytes.withUnsafeBytes { buffer in
      var done = 0
      while done < buffer.count, let start = buffer.baseAddress {
        let count = unsafe write(descriptor, start + done, buffer.count - done)
        if count < 0, errno == EINTR { continue }
        guard count > 0 else {
          code = errno
          return
        }
        done += count
      }
    }
    if code != 0 { throw .system(path, doing: "cannot be written", code: code) }
  }

  /// Makes a folder and those above it.
  static func makeFolder(_ path: String) throws(HubError) {
    if unsafe mkdir(path, 0o777) == 0 { return }
    if errno == ENOENT, let parent = parent(of: path), parent != path {
      try makeFolder(parent)
      if unsafe mkdir(path, 0o777) == 0 { return }
    }
    let code = errno
    var status = stat()
    let isFolder = unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    if !isFolder { throw .system(path, doing: "the folder cannot be made", code: code) }
  }

  /// The folder that holds a path; `nil` if the path has no slash.
  static func parent(of path: String) -> String? {
    guard let slash = path.lastIndex(of: "/") else { return nil }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// Makes a symbolic link, replacing whatever has the name.
  static func link(_ path: String, to target: String) throws(HubError) {
    if linkTarget(of: path) == target { return }
    let temporary = temporaryName(beside: path)
    guard unsafe symlink(target, temporary) == 0 else {
      throw .system(path, doing: "the link cannot be made")
    }
    defer { unsafe unlink(temporary) }
    try moveIntoPlace(temporary, path)
  }

  /// What a symbolic link leads to; `nil` for anything else.
  static func linkTarget(of path: String) -> String? {
    var bytes = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = unsafe readlink(path, &bytes, bytes.count)
    guard count >= 0 else { return nil }
    return String(validating: bytes.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// The bytes that the user may still write into a folder; `nil` if the system does not say.
  static func availableBytes(in folder: String) -> Int? {
    var status = statvfs()
    guard unsafe statvfs(folder, &status) == 0 else { return nil }
    let (bytes, overflow) = status.f_bavail.multipliedReportingOverflow(by: status.f_frsize)
    return overflow ? Int.max : Int(clamping: bytes)
  }

  /// Renames a file and flushes its folder, so that the name survives a loss of power.
  static func moveIntoPlace(_ temporary: String, _ path: String) throws(HubError) {
    guard unsafe rename(temporary, path) == 0 else {
      throw .system(path, doing: "cannot be put in place")
    }
    let folder = unsafe open(parent(of: path) ?? ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard folder >= 0 else { return }
    // Some file systems refuse to flush folders; the file itself is safe by then.
    fsync(folder)
    close(folder)
  }

  /// The system's words for the number of an error.
  static func reason(_ code: Int32) -> String {
    unsafe strerror(code).map { unsafe String(cString: $0) } ?? "error \(code)"
  }

  private static func temporaryName(beside path: String) -> String {
    path + "." + String(UInt64.random(in: 0...UInt64.max), radix: 36) + ".tmp"
  }
}

extension HubError {
  /// The error for a failed system call; a full disk has a case of its own.
  static func system(_ path: String, doing: String, code: Int32 = errno) -> HubError {
    if code == ENOSPC || code == EDQUOT {
      let folder = FileSystem.parent(of: path) ?? "."
      return .diskFull(
        path: path, needed: 0, available: FileSystem.availableBytes(in: folder) ?? 0)
    }
    return .system(path: path, problem: "\(doing): \(FileSystem.reason(code))")
  }
}
