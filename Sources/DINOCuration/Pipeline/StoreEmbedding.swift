internal import CheckpointFormats
public import DINOData
public import DINOInference
internal import DINOModels
internal import FoundationEssentials
internal import Glibc
internal import Imaging

/// Embeds images into a store, shard by shard.
///
/// Several processes may call it for one store at the same time: each takes shards that no other one
/// works on, and all return when the store is complete. Every few seconds what was done goes to the disk,
/// so that a process that was stopped in whatever way loses only that much; the next one goes on there,
/// and the bytes of the store are the same.
public final class StoreEmbedding {
  /// How to work; none of it changes the result.
  public struct Options: Sendable {
    /// Images per forward pass.
    public var batch = 16
    /// Threads that decode.
    public var decoders = 2
    /// How long work may go on before it is put on the disk.
    public var step = Duration.seconds(2)
    /// Asked after each batch: whether to stop.
    public var shouldStop: @Sendable () -> Bool = { false }

    /// Creates the defaults.
    public init() {}
  }

  /// What became of the images.
  public struct Report: Sendable {
    /// All images of the store.
    public internal(set) var images = 0
    /// Those that this call added to the list.
    public internal(set) var added = 0
    /// Those that have a row.
    public internal(set) var rows = 0
    /// Those that were done before this call, or by other processes.
    public internal(set) var doneElsewhere = 0
    /// Those without a row: their names and why.
    public internal(set) var failures: [(name: String, problem: ImageRecord.Problem)] = []
  }

  /// What is told while the work goes on.
  public enum Event: Sendable {
    /// So many images were done before.
    case resumed(Int)
    /// So many more images are done.
    case advanced(Int)
    /// An image has no row.
    case failed(String)
    /// Only shards are left that other processes work on, so many.
    case waiting(Int)
  }

  /// The store.
  public let folder: String
  /// How rows are made.
  public let settings: StoreSettings
  /// The number of images of the store.
  public var imageCount: Int { list.count }
  /// Whether every image was embedded.
  public var isComplete: Bool {
    list.shards.allSatisfy { StoreShard.Files(folder, $0.index).areComplete }
  }
  private let list: ImageList
  private let locks: ShardLocks
  private let added: Int

  /// Opens a store, or makes one, and adds images that it does not list yet.
  ///
  /// - Parameters:
  ///   - folder: The folder; made if it is missing.
  ///   - settings: How rows are made.
  ///   - references: Images; those that the store lists already are left as they are.
  /// - Throws: ``StoreError`` if the store was made in another way or cannot be written.
  public convenience init(
    _ folder: String, _ settings: StoreSettings, _ references: [ImageReference]
  ) throws(StoreError) {
    var canonical = CanonicalPath()
    try self.init(folder, settings, references.map { ImageList.Entry($0, &canonical) })
  }

  init(
    _ folder: String, _ settings: StoreSettings, _ entries: [ImageList.Entry]
  ) throws(StoreError) {
    guard settings.columns > 0, settings.shardImages > 0 else {
      throw .usage(
        problem: "shards of \(settings.shardImages) images and \(settings.columns) values cannot be"
      )
    }
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    } catch {
      throw .system(path: folder, problem: "cannot be made: check the path and its rights")
    }
    let locks = try ShardLocks(folder)
    (list, added) = try locks.planning {
      () throws(StoreError) -> (ImageList, Int) in
      Leftovers.remove(in: folder) { $0.hasPrefix("images-") || $0.hasPrefix("store.json") }
      Leftovers.removeJournals(in: folder)
      if let stored = try StoreSettings.read(folder) {
        try settings.check(against: stored, folder)
      } else {
        try settings.write(folder)
      }
      var list = try ImageList(folder, shardImages: settings.shardImages)
      let new = list.new(among: entries)
      try list.add(new, to: folder)
      return (list, new.count)
    }
    self.folder = folder
    self.settings = settings
    self.locks = locks
  }

  /// Embeds all images that have not been embedded.
  ///
  /// - Parameters:
  ///   - model: The model that the settings name.
  ///   - options: How to work.
  ///   - progress: Called after each step.
  /// - Returns: What became of the images.
  /// - Throws: ``StoreError/stopped(problem:)`` on request; ``StoreError`` if a file cannot be written or
  ///   is damaged, or no image could be used.
  public func run(
    with model: DINOv2, options: Options = Options(),
    progress: @escaping (Event) -> Void = { _ in }
  ) async throws -> Report {
    guard let description = settings.description else {
      throw StoreError.incompatible(
        path: folder, problem: "holds rows that were made elsewhere; images cannot be added to them"
      )
    }
    var job = DescriptorJob(
      description.recipe, description.preprocessing(patchSize: model.config.patchSize))
    job.batch = options.batch
    job.decoders = options.decoders
    let decoder = description.decoder
    return try await run(options, progress) { writer, entries, note in
      try await job(
        entries, with: model,
        load: { entry in
          let (record, image) = Self.load(entry, decoder)
          return .init(image, note: record)
        },
        each: { outcomes in
          for outcome in outcomes {
            switch outcome.result {
            case .success(let (record, descriptor)): try note(writer, record, descriptor)
            case .failure(let error):
              var record = ImageRecord()
              record.problem = .init(kind: .image, reason: "\(error)".asField)
              try note(writer, record, nil)
            }
          }
          try note.step(writer, outcomes.count)
        })
    }
  }

  /// Reads and decodes an image; trouble of the system gets three chances.
  static func load(
    _ entry: ImageList.Entry, _ decoder: ImageDecoder
  ) -> (ImageRecord, PixelBuffer?) {
    var record = ImageRecord()
    guard let reference = entry.reference else {
      record.problem = .init(kind: .image, reason: "\(entry.name.displayName): only a row is known")
      return (record, nil)
    }
    var bytes: [UInt8] = []
    for attempt in 0..<3 {
      do throws(DataError) {
        bytes = try reference.bytes(limit: decoder.limits.encodedBytes)
        record.problem = nil
        break
      } catch {
        let isSystem = error.category == .inputOutput
        record.problem = .init(kind: isSystem ? .system : .image, reason: "\(error)".asField)
        guard isSystem else { break }
        usleep(10_000 << attempt)
      }
    }
    guard record.problem == nil else { return (record, nil) }
    record.byteCount = bytes.count
    record.digest = ContentDigest(of: bytes)
    do throws(ImageError) {
      let image = try decoder.decode(bytes: bytes, name: reference.displayName)
      record.size = image.size
      record.format = ImageFormat.detect(bytes)
      record.traits = try ImageTraits(image)
      return (record, image)
    } catch {
      record.problem = .init(
        kind: .image, reason: "\(DataError(error, path: reference.displayName))".asField)
      return (record, nil)
    }
  }

  // MARK: - Shards

  /// Notes what became of images, and flushes from time to time.
  struct Notes {
    fileprivate let progress: (Event) -> Void
    fileprivate let options: Options
    fileprivate let names: (Int) -> String
    fileprivate let first: Int
    fileprivate let clock: Clock

    /// When the last step was.
    fileprivate final class Clock { var last = ContinuousClock.now }

    func callAsFunction(
      _ writer: StoreShard.Writer, _ record: ImageRecord, _ row: [Float]?
    ) throws(StoreError) {
      let stored = try writer.add(record, row: row)
      guard let problem = stored.problem else { return }
      progress(
        .failed(
          problem.kind == .row
            ? "\(names(first + writer.done - 1)): the row \(problem.reason)" : problem.reason))
    }

    func step(_ writer: StoreShard.Writer, _ count: Int) throws(StoreError) {
      progress(.advanced(count))
      let stops = options.shouldStop()
      guard stops || ContinuousClock.now - clock.last > options.step else { return }
      try writer.flush()
      clock.last = .now
      if stops {
        throw .stopped(problem: "stopped on request; the same command goes on")
      }
    }
  }

  /// Writes all shards that are not complete; `fill` adds the images of one to its writer.
  func run(
    _ options: Options, _ progress: @escaping (Event) -> Void,
    _ fill: (StoreShard.Writer, [ImageList.Entry], Notes) async throws -> Void
  ) async throws -> Report {
    var waiting = list.shards.filter { !StoreShard.Files(folder, $0.index).areComplete }
    var report = Report()
    let done = list.count - waiting.reduce(0) { $0 + $1.images.count }
    if done > 0 { progress(.resumed(done)) }
    var own = 0
    var isTold = false
    while !waiting.isEmpty {
      var held: [ImageList.Shard] = []
      for shard in waiting {
        guard try locks.take(shard.index) else {
          held.append(shard)
          continue
        }
        defer { locks.giveBack(shard.index) }
        // Another process may have completed it meanwhile.
        guard !StoreShard.Files(folder, shard.index).areComplete else { continue }
        own += try await write(shard, options, progress, fill)
      }
      waiting = held
      guard !held.isEmpty else { break }
      if !isTold { progress(.waiting(held.count)) }
      isTold = true
      guard !options.shouldStop() else {
        throw StoreError.stopped(problem: "stopped on request; other processes go on")
      }
      try await Task.sleep(for: .milliseconds(200))
    }
    report.images = list.count
    report.added = added
    report.doneElsewhere = list.count - own
    return try finish(report)
  }

  private func write(
    _ shard: ImageList.Shard, _ options: Options, _ progress: @escaping (Event) -> Void,
    _ fill: (StoreShard.Writer, [ImageList.Entry], Notes) async throws -> Void
  ) async throws -> Int {
    let prefix = EmbeddingStore.Shard.path("", shard.index).dropFirst()
    Leftovers.remove(in: folder) { $0.hasPrefix(prefix) }
    let writer = try StoreShard.Writer(
      shard, of: list, settings, origin: settings.source, in: folder)
    let before = writer.done
    if before > 0 { progress(.resumed(before)) }
    for (_, problem) in writer.problems { progress(.failed(problem.reason)) }
    let list = list
    let notes = Notes(
      progress: progress, options: options, names: { list[$0].name.displayName },
      first: shard.images.lowerBound, clock: .init())
    if before < shard.images.count {
      try await fill(writer, shard.images.dropFirst(before).map { list[$0] }, notes)
    }
    guard writer.done == shard.images.count else {
      throw StoreError.system(
        path: folder,
        problem:
          "shard \(shard.index) has \(writer.done) of \(shard.images.count) images; run again")
    }
    try writer.finish()
    return shard.images.count - before
  }

  /// Opens the complete store, and writes its catalogue and the list of failures.
  private func finish(_ partial: Report) throws(StoreError) -> Report {
    var report = partial
    let store = try CurationStore(folder)
    report.rows = store.matrix.rowCount
    report.failures = store.failures.map { (store.name(of: $0.image), $0.problem) }
    try store.refresh(locks)
    guard report.rows > 0 else {
      throw .unusable(
        place: folder.escapedForMessage,
        problem: "none of \(report.images) images could be used"
          + (report.failures.first.map { ": \($0.problem.reason)" } ?? ""))
    }
    return report
  }
}

/// Files that a stopped process has left half written.
enum Leftovers {
  /// Removes temporary files whose final names meet a condition.
  static func remove(in folder: String, where matches: (String) -> Bool) {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix(".") && name.hasSuffix(".tmp") && matches(String(name.dropFirst())) {
      unsafe unlink(folder + "/" + name)
    }
  }

  /// Removes the journals of complete shards, whose writer was stopped after its last step but one.
  static func removeJournals(in folder: String) {
    let ending = ".journal"
    for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
    where name.hasPrefix("shard-") && name.hasSuffix(ending) {
      let shard = folder + "/" + name.dropLast(ending.count)
      if FileManager.default.fileExists(atPath: shard + ".npy") { unsafe unlink(shard + ending) }
    }
  }
}

extension CurationStore {
  /// Writes the catalogue and the list of images without a row.
  ///
  /// - Throws: ``StoreError`` if they cannot be written.
  public func refreshCatalogue() throws(StoreError) { try refresh(ShardLocks(folder)) }

  func refresh(_ locks: ShardLocks) throws(StoreError) {
    try locks.planning { () throws(StoreError) in
      Leftovers.remove(in: folder) { $0.hasPrefix("bad-images") }
      var lines = ""
      for (image, problem) in failures {
        lines += "\(name(of: image))\t\(problem.kind.rawValue)\t\(problem.reason.asField)\n"
      }
      let (path, bytes) = (folder + "/bad-images.tsv", Array(lines.utf8))
      try StoreError.files { () throws(CheckpointError) in
        try AtomicFile.write(bytes, to: path)
      }
      try Catalogue(folder).write(self)
    }
  }
}
