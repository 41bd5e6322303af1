internal import CheckpointFormats
internal import Glibc
internal import Synchronization

extension CheckpointStore {
  /// The number of verified checkpoints that are never removed.
  private static let safeCount = 2

  /// Finds the newest whole checkpoint, to go on from.
  ///
  /// Damaged ones that are newer get names that begin with `damaged-`: they stay for whoever wants to
  /// look at them, and do not stand in the way of new ones of the same iteration.
  ///
  /// - Parameter isStrict: Whether a damaged one is an error instead of being passed over.
  /// - Returns: The checkpoint and what was passed over; nil if there is none at all.
  /// - Throws: ``RunError/damaged(path:reasons:)`` if none is whole, or the newest is not and
  ///   `isStrict` is set; ``RunError/incompatible(path:problem:)`` if it is of another kind.
  public func resume(isStrict: Bool = false) throws(RunError) -> CheckpointReader.Newest? {
    guard let newest = try CheckpointReader(folder).newest(isStrict: isStrict) else { return nil }
    verified.withLock { _ = $0.insert(newest.checkpoint.iteration) }
    for rejected in newest.rejected { try setAside(rejected.iteration) }
    if !newest.rejected.isEmpty { try flushFolder(folder.checkpoints) }
    return newest
  }

  private func setAside(_ iteration: Int) throws(RunError) {
    let name = CheckpointName.folder(iteration)
    let path = folder.checkpoints + "/" + name
    let suffix = String(UInt32.random(in: 0...UInt32.max), radix: 36)
    do throws(SystemFailure) {
      try files.renameNew(path, to: "\(folder.checkpoints)/damaged-\(name)-\(suffix)")
    } catch {
      throw error.error(path, "is damaged and cannot be renamed")
    }
  }

  /// Writes the hint and removes old checkpoints; what fails becomes a warning, since the new checkpoint
  /// is safe already.
  func tidy(after iteration: Int, replaced: String?) -> [String] {
    var warnings: [String] = []
    func noting(_ body: () throws(RunError) -> Void) {
      do throws(RunError) { try body() } catch { warnings.append("\(error)") }
    }
    noting { () throws(RunError) in try writeLatest(iteration) }
    if let replaced {
      noting { () throws(RunError) in try FolderTree.remove(replaced, files: files) }
    }
    noting { () throws(RunError) in
      for old in try expendable(newest: iteration) { try remove(old) }
    }
    return warnings
  }

  private func writeLatest(_ iteration: Int) throws(RunError) {
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let name = Self.temporaryPrefix + Self.latestName + "-" + suffix
    let temporary = folder.checkpoints + "/" + name
    let path = folder.checkpoints + "/" + Self.latestName
    do throws(SystemFailure) {
      let text = Array((CheckpointName.folder(iteration) + "\n").utf8)
      let file = try DurableFile(temporary, byteCount: text.count, files: files)
      try file.write(text)
      _ = try file.finish()
      try files.rename(temporary, to: path)
    } catch {
      try? FolderTree.remove(temporary, files: files)
      throw error.error(path, "cannot be written")
    }
    try flushFolder(folder.checkpoints)
  }

  /// The iterations that need not be kept, oldest first.
  private func expendable(newest: Int) throws(RunError) -> [Int] {
    let all = try CheckpointReader(folder).iterations()
    let whole = verified.withLock { $0 }
    var kept = Set(all.suffix(max(retention.newest, Self.safeCount)))
    kept.formUnion(all.filter(whole.contains).suffix(Self.safeCount))
    kept.insert(newest)
    return all.filter { iteration in
      !kept.contains(iteration)
        && (retention.every <= 0 || !iteration.isMultiple(of: retention.every))
    }
  }

  /// Takes a checkpoint's name away, for good, before the first of its files goes: what has the name is
  /// always whole.
  private func remove(_ iteration: Int) throws(RunError) {
    let name = CheckpointName.folder(iteration)
    let path = folder.checkpoints + "/" + name
    let suffix = String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let trash = "\(folder.checkpoints)/\(Self.trashPrefix)\(name)-\(suffix)"
    do throws(SystemFailure) {
      try files.rename(path, to: trash)
      try files.flushFolder(folder.checkpoints)
    } catch {
      throw error.error(path, "cannot be removed")
    }
    verified.withLock { _ = $0.remove(iteration) }
    try FolderTree.remove(trash, files: files)
  }
}
