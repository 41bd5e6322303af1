internal import CheckpointFormats
internal import Glibc
internal import Synchronization

/// The checkpoints of one run: writes them so that a crash at any moment leaves the old or the new one.
///
/// A checkpoint is written into a temporary folder, every file hashed and flushed, then appears by one
/// renaming. Nothing of an earlier checkpoint is touched before the new one is on the disk.
///
///     let store = CheckpointStore(folder: folder, lock: lock, origin: origin)
///     if let resumed = try store.resume() { … }
///     try store.save(snapshot)
public final class CheckpointStore: Sendable {
  /// Which checkpoints are kept.
  public struct Retention: Equatable, Sendable {
    /// The number of newest checkpoints that are kept; at least two are, whatever this says.
    public var newest = 3
    /// Those of every iteration that this divides are kept for good; 0 for none.
    public var every = 0

    /// The three newest.
    public init() {}
  }

  /// A checkpoint that is on the disk.
  public struct Saved: Equatable, Sendable {
    /// The number of iterations that are done.
    public let iteration: Int
    /// Its folder.
    public let path: String
    /// The bytes of its files.
    public let byteCount: Int
    /// What failed afterwards, such as the removal of an old checkpoint; one line each.
    public let warnings: [String]
  }

  /// How the names of unfinished things begin.
  static let temporaryPrefix = ".tmp-"
  /// How the names of things that are being removed begin.
  static let trashPrefix = ".trash-"
  /// The file that names the newest checkpoint, for people.
  static let latestName = "latest"

  let folder: RunFolder
  let files: any FileOperations
  let retention: Retention
  private let lock: RunLock
  private let origin: CheckpointOrigin
  /// The iterations whose bytes this object wrote or verified.
  let verified = Mutex<Set<Int>>([])

  /// Opens the checkpoints of a run.
  ///
  /// - Parameters:
  ///   - folder: A folder that was prepared.
  ///   - lock: Its lock, which is held as long as this object lives.
  ///   - origin: What goes into the manifests.
  ///   - retention: Which checkpoints are kept.
  /// - Throws: ``RunError/usage(problem:)`` if the lock is another folder's.
  public convenience init(
    folder: RunFolder, lock: RunLock, origin: CheckpointOrigin, retention: Retention = Retention()
  ) throws(RunError) {
    try self.init(
      folder: folder, lock: lock, origin: origin, retention: retention, files: SystemFiles())
  }

  /// Opens the checkpoints of a run through given operations.
  ///
  /// - Parameters:
  ///   - folder: A folder that was prepared.
  ///   - lock: Its lock.
  ///   - origin: What goes into the manifests.
  ///   - retention: Which checkpoints are kept.
  ///   - files: The operations.
  /// - Throws: ``RunError/usage(problem:)`` if the lock is another folder's.
  package init(
    folder: RunFolder, lock: RunLock, origin: CheckpointOrigin, retention: Retention,
    files: any FileOperations
  ) throws(RunError) {
    guard lock.path == folder.lock else {
      throw .usage(
        problem: "\(folder.path.escapedForMessage) is opened with the lock "
          + "\(lock.path.escapedForMessage); take the lock of the same folder")
    }
    self.folder = folder
    self.lock = lock
    self.origin = origin
    self.retention = retention
    self.files = files
  }

  /// Writes a checkpoint and then removes those that need not be kept.
  ///
  /// A checkpoint of the same iteration is replaced at one stroke.
  ///
  /// - Parameter snapshot: What to write.
  /// - Returns: The checkpoint, which a loss of power does not take away any more.
  /// - Throws: ``RunError/nonFinite(name:problem:)`` before anything is written;
  ///   ``RunError/system(path:problem:)`` if the disk refuses. Earlier checkpoints are untouched then.
  @discardableResult
  public func save(_ snapshot: CheckpointSnapshot) throws(RunError) -> Saved {
    try snapshot.checkFinite()
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let name = CheckpointName.folder(snapshot.iteration)
    let temporary = "\(folder.checkpoints)/\(Self.temporaryPrefix)\(name)-\(suffix)"
    let byteCount: Int
    let isReplacing: Bool
    do throws(RunError) {
      byteCount = try stage(snapshot, in: temporary)
      isReplacing = try put(temporary, name: name)
    } catch {
      // If this fails too, the next start removes it.
      try? FolderTree.remove(temporary, files: files)
      throw error
    }
    // From here on the folder has its name, and a failure leaves everything where it is.
    try flushFolder(folder.checkpoints)
    verified.withLock { _ = $0.insert(snapshot.iteration) }
    return Saved(
      iteration: snapshot.iteration, path: folder.checkpoints + "/" + name, byteCount: byteCount,
      warnings: tidy(after: snapshot.iteration, replaced: isReplacing ? temporary : nil))
  }

  /// Writes all files of a checkpoint into a temporary folder; returns their bytes.
  private func stage(
    _ snapshot: CheckpointSnapshot, in temporary: String
  ) throws(RunError) -> Int {
    let layout = try SafetensorsLayout(snapshot.tensors)
    let wanted = layout.byteCount + snapshot.state.count
    try attempt(temporary, wanting: wanted) { () throws(SystemFailure) in
      try files.makeFolder(temporary)
    }
    try flushFolder(folder.checkpoints)
    let shard = try write(CheckpointName.shard, byteCount: layout.byteCount, in: temporary) {
      (file) throws(SystemFailure) in
      try file.write(layout.header)
      for (_, tensor) in layout.tensors {
        unsafe try tensor.withContiguousBytes { (bytes) throws(SystemFailure) in
          unsafe try file.write(bytes)
        }
      }
    }
    let state = try write(CheckpointName.state, byteCount: snapshot.state.count, in: temporary) {
      (file) throws(SystemFailure) in try file.write(snapshot.state)
    }
    for file in [shard, state] {
      let path = temporary + "/" + file.name
      guard FolderTree.fileSize(path) == file.size else {
        throw .system(path: path, problem: "does not have the \(file.size) bytes that were written")
      }
    }
    let manifest = try CheckpointManifest(
      iteration: snapshot.iteration, worldSize: 1, origin: origin, files: [shard, state]
    ).encoded()
    _ = try write(CheckpointManifest.fileName, byteCount: manifest.count, in: temporary) {
      (file) throws(SystemFailure) in try file.write(manifest)
    }
    try flushFolder(temporary)
    return shard.size + state.size + manifest.count
  }

  /// Gives a staged folder its name; returns whether a checkpoint of the name was there, which then has
  /// the temporary name.
  private func put(_ temporary: String, name: String) throws(RunError) -> Bool {
    let path = folder.checkpoints + "/" + name
    do throws(SystemFailure) {
      try files.renameNew(temporary, to: path)
      return false
    } catch {
      guard error.code == EEXIST else { throw error.error(path, "cannot be put in place") }
    }
    try attempt(path) { () throws(SystemFailure) in try files.exchange(temporary, path) }
    return true
  }

  /// Writes one file under a temporary name and gives it its own when it is on the disk.
  private func write(
    _ name: String, byteCount: Int, in folder: String,
    _ body: (DurableFile) throws(SystemFailure) -> Void
  ) throws(RunError) -> CheckpointManifest.File {
    let path = folder + "/" + name
    return try attempt(path, wanting: byteCount) { () throws(SystemFailure) in
      let file = try DurableFile(path + ".part", byteCount: byteCount, files: files)
      try body(file)
      let (size, sha256) = try file.finish()
      try files.rename(path + ".part", to: path)
      return CheckpointManifest.File(name: name, size: size, sha256: sha256)
    }
  }

  /// Flushes a folder's entries.
  func flushFolder(_ path: String) throws(RunError) {
    try attempt(path) { () throws(SystemFailure) in try files.flushFolder(path) }
  }

  /// Calls something and says what could not be written if it fails.
  private func attempt<Value>(
    _ path: String, wanting byteCount: Int = 0, _ body: () throws(SystemFailure) -> Value
  ) throws(RunError) -> Value {
    do throws(SystemFailure) { return try body() } catch {
      guard error.isDiskFull, let free = try? files.freeBytes(folder.checkpoints) else {
        throw error.error(path, "cannot be written")
      }
      throw .system(
        path: path,
        problem: "cannot be written: \(error.reason); \(byteCount) bytes are needed, \(free) are "
          + "free; make room")
    }
  }
}
