internal import CheckpointFormats
internal import FoundationEssentials
internal import Glibc

/// Looks at every file of a store, and takes damaged ones out on request.
///
/// What is taken out comes back when the same inputs are embedded again and the same stages are run
/// again; whole shards are kept.
public struct StoreCheck {
  /// Something that was found.
  public struct Finding: Sendable, Equatable {
    /// The file.
    public let path: String
    /// What is wrong with it, and what to do.
    public let problem: String
    /// What was done about it; nil if nothing was.
    public let repair: String?
  }

  /// The store.
  public let folder: String
  /// What was found.
  public private(set) var findings: [Finding] = []
  /// The number of whole shards.
  public private(set) var wholeShards = 0
  /// The number of shards that are not embedded yet.
  public private(set) var missingShards = 0
  private let repairs: Bool

  /// Looks at a store.
  ///
  /// - Parameters:
  ///   - folder: The store; the caller has its lock.
  ///   - repairs: Whether damaged files are taken out and the catalogue is made anew.
  /// - Throws: ``StoreError`` if there is no store, or the system refuses to remove a file.
  public init(_ folder: String, repairs: Bool) throws(StoreError) {
    self.folder = folder
    self.repairs = repairs
    let settings: StoreSettings
    do throws(StoreError) {
      guard let found = try StoreSettings.read(folder) else { throw CurationStore.missing(folder) }
      settings = found
    } catch {
      guard case .damaged(let path, _) = error else { throw error }
      note(error, removing: [path], "removed; embed again with the same options")
      return
    }
    let images: ImageList
    do throws(StoreError) {
      images = try ImageList(folder, shardImages: settings.shardImages)
    } catch {
      guard case .damaged(let path, _) = error else { throw error }
      note(error, removing: lists(from: path), "removed; embed the same inputs again")
      return
    }
    try checkShards(of: images, settings)
    let isWhole = missingShards == 0 && findings.isEmpty
    checkStages()
    // Where a shard is missing the catalogue will be made after it is back.
    guard isWhole else { return }
    try checkCatalogue()
    if repairs, !findings.isEmpty { try CurationStore(folder).refreshCatalogue() }
  }

  private mutating func note(_ error: StoreError, removing paths: [String], _ repair: String) {
    guard case .damaged(let path, let problem) = error else { return }
    if repairs { for path in paths { unsafe unlink(path) } }
    findings.append(Finding(path: path, problem: problem, repair: repairs ? repair : nil))
  }

  /// A part of the list and all later ones, whose numbers depend on it.
  private func lists(from path: String) -> [String] {
    let first = (0..<100_000).first { ImageList.path(folder, $0) == path } ?? 0
    let later = (first..<100_000).lazy.map { ImageList.path(folder, $0) }
    return Array(later.prefix { FileManager.default.fileExists(atPath: $0) })
  }

  private mutating func checkShards(
    of images: ImageList, _ settings: StoreSettings
  ) throws(StoreError) {
    let locks = try ShardLocks(folder)
    for shard in images.shards {
      let files = StoreShard.Files(folder, shard.index)
      guard files.areComplete else {
        missingShards += 1
        continue
      }
      do throws(StoreError) {
        _ = try StoreShard(shard, settings, in: folder)
        wholeShards += 1
      } catch {
        guard case .damaged(let path, let problem) = error else { throw error }
        var repair: String?
        if repairs, try locks.take(shard.index) {
          files.remove()
          locks.giveBack(shard.index)
          missingShards += 1
          repair = "shard \(shard.index) removed; embed the same inputs again"
        }
        findings.append(Finding(path: path, problem: problem, repair: repair))
      }
    }
  }

  private mutating func checkStages() {
    for name in StageName.allCases {
      let stage = StageFolder(folder, name)
      let manifestPath = stage.folder + "/manifest.json"
      do throws(StoreError) {
        guard let manifest = try stage.manifest() else { continue }
        for table in manifest.tables.keys.sorted() { _ = try stage.table(table, manifest) }
        for array in manifest.arrays.keys.sorted() { _ = try stage.array(array, manifest) }
      } catch { note(error, removing: [manifestPath], "stage taken out; run it again") }
    }
  }

  private mutating func checkCatalogue() throws(StoreError) {
    let store = try CurationStore(folder)
    do throws(StoreError) { try Catalogue(folder).check(store) } catch {
      guard case .damaged(let path, let problem) = error else { throw error }
      findings.append(
        Finding(path: path, problem: problem, repair: repairs ? "made anew" : nil))
    }
  }

  /// Takes shards out that hold images which the system could not read, so that they are tried again.
  ///
  /// - Parameter folder: The store; the caller has its lock.
  /// - Returns: The number of shards.
  /// - Throws: ``StoreError`` if the store is damaged.
  public static func removeUnread(_ folder: String) throws(StoreError) -> Int {
    guard let settings = try StoreSettings.read(folder) else { return 0 }
    let images = try ImageList(folder, shardImages: settings.shardImages)
    let locks = try ShardLocks(folder)
    var count = 0
    for shard in images.shards {
      let files = StoreShard.Files(folder, shard.index)
      guard files.areComplete, try locks.take(shard.index) else { continue }
      defer { locks.giveBack(shard.index) }
      let found = try StoreShard(shard, settings, in: folder)
      guard found.records.contains(where: { $0.problem?.kind == .system }) else { continue }
      files.remove()
      count += 1
    }
    return count
  }
}
