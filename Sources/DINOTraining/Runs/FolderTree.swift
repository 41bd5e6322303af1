internal import CheckpointFormats
internal import Glibc

/// Looking at folders and removing them.
enum FolderTree {
  /// Deeper nesting is nothing that this package made.
  private static let maximumDepth = 8

  /// Whether a path is a folder itself; a link to one is not.
  static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// Whether a path is a folder, or a link to one.
  static func leadsToFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }

  /// The size of a regular file; nil for anything else.
  static func fileSize(_ path: String) -> Int? {
    var status = stat()
    guard unsafe lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return nil }
    return Int(exactly: status.st_size)
  }

  /// The names in a folder, sorted by their bytes.
  static func names(in path: String) throws(RunError) -> [String] {
    guard let folder = unsafe opendir(path) else {
      throw SystemFailure.last.error(path, "the folder cannot be read")
    }
    defer { unsafe closedir(folder) }
    var names: [String] = []
    while let entry = unsafe readdir(folder) {
      // The name is an array inside the entry, ended by a zero byte; the entry lives until the next
      // call of `readdir`.
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) {
          unsafe String(cString: $0)
        }
      }
      if name != ".", name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Removes a file, a link, or a folder with what is in it; links are not followed.
  static func remove(
    _ path: String, files: any FileOperations, depth: Int = 0
  ) throws(RunError) {
    guard depth < maximumDepth else {
      throw .usage(problem: "\(path.quoted) nests too deep to be removed; remove it by hand")
    }
    if isFolder(path) {
      for name in try names(in: path) {
        try remove(path + "/" + name, files: files, depth: depth + 1)
      }
    }
    do throws(SystemFailure) {
      if isFolder(path) { try files.removeFolder(path) } else { try files.removeFile(path) }
    } catch {
      guard error.code != ENOENT else { return }
      throw error.error(path, "cannot be removed")
    }
  }
}
