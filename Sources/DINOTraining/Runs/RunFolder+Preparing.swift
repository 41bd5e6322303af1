internal import CheckpointFormats
internal import Glibc

extension RunFolder {
  /// How many checkpoints must fit: the kept ones, one being written and one being removed.
  private static let checkpointsThatMustFit = 3

  /// Creates the folder and finds out, before any model is built, whether a run can be saved there.
  ///
  /// A file of 4 KiB is created, flushed, renamed and removed, and the free room is compared with
  /// three checkpoints.
  ///
  /// - Parameter estimatedCheckpointBytes: The expected size of one checkpoint.
  /// - Throws: ``RunError/system(path:problem:)`` if something is refused,
  ///   ``RunError/fileSystem(path:problem:)`` if files cannot be renamed without replacing others, and
  ///   ``RunError/noRoom(path:needed:free:)``.
  public func prepare(estimatedCheckpointBytes: Int) throws(RunError) {
    try prepare(estimatedCheckpointBytes: estimatedCheckpointBytes, files: SystemFiles())
  }

  /// Creates and probes the folder through given operations.
  ///
  /// - Parameters:
  ///   - estimatedCheckpointBytes: The expected size of one checkpoint.
  ///   - files: The operations.
  /// - Throws: ``RunError`` if the folder cannot be used.
  package func prepare(
    estimatedCheckpointBytes: Int, files: any FileOperations
  ) throws(RunError) {
    try Self.makeFolders(path)
    try probe(files)
    for folder in [checkpoints, samples] { try Self.makeFolders(folder) }
    // Those of an earlier start are there already.
    let present = try FolderTree.names(in: checkpoints).count {
      CheckpointName.iteration(of: $0) != nil
    }
    let (product, overflows) = estimatedCheckpointBytes.multipliedReportingOverflow(
      by: max(Self.checkpointsThatMustFit - present, 1))
    let needed = overflows ? .max : product
    let free: Int
    do throws(SystemFailure) { free = try files.freeBytes(path) } catch {
      throw error.error(path, "the free room cannot be found out")
    }
    guard free >= needed else { throw .noRoom(path: path, needed: needed, free: free) }
  }

  /// Removes what crashed processes left half done.
  ///
  /// - Parameter lock: The lock of this folder; without it the files could be another process's.
  /// - Returns: The names that were removed.
  /// - Throws: ``RunError/usage(problem:)`` if the lock is another folder's, and
  ///   ``RunError/system(path:problem:)`` if something cannot be removed.
  @discardableResult
  public func clear(holding lock: RunLock) throws(RunError) -> [String] {
    try clear(holding: lock, files: SystemFiles())
  }

  /// Removes what crashed processes left half done, through given operations.
  ///
  /// - Parameters:
  ///   - lock: The lock of this folder.
  ///   - files: The operations.
  /// - Returns: The names that were removed.
  /// - Throws: ``RunError`` if the lock is another folder's or something cannot be removed.
  @discardableResult
  package func clear(
    holding lock: RunLock, files: any FileOperations
  ) throws(RunError) -> [String] {
    guard lock.path == self.lock else {
      throw .usage(
        problem:
          "\(path.escapedForMessage) is cleared with the lock \(lock.path.escapedForMessage); "
          + "take the lock of the same folder")
    }
    var removed: [String] = []
    for folder in [path, checkpoints] where FolderTree.isFolder(folder) {
      for name in try FolderTree.names(in: folder) where Self.isLeftOver(name) {
        try FolderTree.remove(folder + "/" + name, files: files)
        removed.append(name)
      }
    }
    return removed
  }

  /// Whether a name is that of something unfinished: ours, or a file or folder that `CheckpointFormats`
  /// was writing (`.name.suffix.tmp`).
  private static func isLeftOver(_ name: String) -> Bool {
    name.hasPrefix(CheckpointStore.temporaryPrefix) || name.hasPrefix(CheckpointStore.trashPrefix)
      || name.hasPrefix(".") && name.hasSuffix(".tmp")
  }

  private func probe(_ files: any FileOperations) throws(RunError) {
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let name = path + "/" + CheckpointStore.temporaryPrefix + "probe-" + suffix
    do throws(SystemFailure) {
      let file = try DurableFile(name, byteCount: 4096, files: files)
      try file.write([UInt8](repeating: 0x2E, count: 4096))
      _ = try file.finish()
    } catch {
      try? FolderTree.remove(name, files: files)
      throw error.error(path, "the run folder is not writable")
    }
    do throws(SystemFailure) {
      try files.renameNew(name, to: name + "-renamed")
    } catch {
      try? FolderTree.remove(name, files: files)
      throw .fileSystem(path: path, problem: "the file system cannot rename: \(error.reason)")
    }
    try FolderTree.remove(name + "-renamed", files: files)
  }

  /// Creates a folder and those above it where they are missing.
  private static func makeFolders(_ path: String) throws(RunError) {
    guard !FolderTree.leadsToFolder(path) else { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try makeFolders(String(path[..<slash]))
    }
    guard unsafe mkdir(path, 0o777) == 0 || errno == EEXIST && FolderTree.leadsToFolder(path) else {
      throw SystemFailure.last.error(path, "the folder cannot be created")
    }
  }
}
