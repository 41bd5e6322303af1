internal import Glibc

/// A folder whose files appear together when all of them are complete.
///
/// They are written into a temporary folder beside it. A new folder then appears by one renaming; in
/// a folder that exists, files of the same names are replaced one after the other.
package final class AtomicFolder {
  private let path: String
  private let temporaryPath: String
  private var names: [String] = []
  private var isCommitted = false

  /// Creates the temporary folder, and the folders above it where they are missing.
  ///
  /// - Parameter path: The folder.
  /// - Throws: ``CheckpointError`` if there is a file of this name, or no folder can be made there.
  package init(path: String) throws(CheckpointError) {
    var path = path
    while path.count > 1, path.last == "/" { path.removeLast() }
    let slash = path.lastIndex(of: "/")
    let parent = slash.map { String(path[...$0]) } ?? ""
    let name = slash.map { path[path.index(after: $0)...] } ?? path[...]
    guard !name.isEmpty, name != ".", name != ".." else {
      throw .usage(problem: "\(path.quoted) is not the name of a folder that can be written")
    }
    if unsafe access(path, F_OK) == 0 {
      guard FileBytes.isFolder(path) else {
        throw .file(path: path, problem: "is a file; name a folder or remove it")
      }
    }
    try AtomicFolder.makeFolders(parent)
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let temporaryPath = "\(parent).\(name.prefix(200)).\(suffix).tmp"
    guard unsafe mkdir(temporaryPath, 0o777) == 0 else { throw .system(path, "cannot be created") }
    self.path = path
    self.temporaryPath = temporaryPath
  }

  deinit {
    guard !isCommitted else { return }
    for name in names { unsafe unlink(temporaryPath + "/" + name) }
    unsafe rmdir(temporaryPath)
  }

  /// Where to write a file of the folder until it is complete.
  ///
  /// - Parameter name: The file's name, without slashes.
  /// - Returns: Its temporary path.
  package func file(_ name: String) -> String {
    names.append(name)
    return temporaryPath + "/" + name
  }

  /// Writes a small file of the folder.
  ///
  /// - Parameters:
  ///   - name: The file's name, without slashes.
  ///   - bytes: Its contents.
  /// - Throws: ``CheckpointError`` if it cannot be written.
  package func write(_ name: String, _ bytes: [UInt8]) throws(CheckpointError) {
    let file = try AtomicFile(path: file(name))
    try file.write(bytes)
    try file.commit()
  }

  /// Makes the files appear in the folder.
  ///
  /// - Throws: ``CheckpointError`` if the system refuses.
  package func commit() throws(CheckpointError) {
    guard unsafe rename(temporaryPath, path) != 0 else {
      isCommitted = true
      return AtomicFile.flushFolder(of: path)
    }
    // Only an empty folder can be replaced by another; this one has files.
    for name in names {
      guard unsafe rename(temporaryPath + "/" + name, path + "/" + name) == 0 else {
        throw .system(path + "/" + name, "cannot be put in place")
      }
    }
    AtomicFile.flushFolder(of: path + "/")
  }

  private static func makeFolders(_ path: String) throws(CheckpointError) {
    var end = path.startIndex
    while let slash = path[end...].firstIndex(of: "/") {
      end = path.index(after: slash)
      let part = String(path[..<end])
      guard unsafe mkdir(part, 0o777) == 0 || errno == EEXIST || FileBytes.isFolder(part) else {
        throw .system(part, "cannot be created")
      }
    }
  }
}
