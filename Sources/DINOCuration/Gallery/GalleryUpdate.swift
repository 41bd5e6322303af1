internal import CheckpointFormats
internal import Crypto
public import DINOData
public import DINOInference
internal import DINOModels
internal import FoundationEssentials
internal import Imaging

/// Makes a gallery hold what inputs hold: new images are described, changed ones anew, and those that are
/// gone are taken out.
///
/// An image whose size and time are those of the last run is not read; one whose bytes are known, under
/// whatever name, is not described again. Steps are small and each is on the disk before the next one,
/// so that a run that was stopped in whatever way goes on where it was. The caller holds a lock of the
/// folder: there is one writer at a time.
public final class GalleryUpdate {
  /// What became of the images.
  public struct Report: Sendable, Equatable {
    /// Images that the gallery did not know.
    public internal(set) var added = 0
    /// Images whose contents changed.
    public internal(set) var changed = 0
    /// Images that are as they were.
    public internal(set) var unchanged = 0
    /// Those among the added and changed ones whose bytes were known under another name.
    public internal(set) var copied = 0
    /// Images that were taken out.
    public internal(set) var removed = 0
    /// Images that cannot be read, one line each.
    public internal(set) var failures: [String] = []
    /// Images whose descriptors were lost with a damaged file; they are described again.
    public internal(set) var recovered = 0
    /// The images of the gallery.
    public internal(set) var count = 0
  }

  /// What an update tells while it runs.
  public enum Event: Sendable, Equatable {
    /// So many images need no work.
    case unchanged(Int)
    /// So many more images are done.
    case advanced(Int)
    /// An image could not be read.
    case failed(String)
  }

  /// How an update works.
  public struct Options: Sendable, Equatable {
    /// Whether images stay that are not among the inputs.
    public var keepsOthers = false
    /// Images per forward pass.
    public var batch = 16
    /// Threads that decode.
    public var decoders = 2
    /// How long a step may take before it is written to the disk.
    public var step = Duration.seconds(5)

    /// Creates the defaults.
    public init() {}
  }

  /// The folder.
  public let folder: String
  /// How images are described.
  public let settings: GallerySettings
  let catalogue: GalleryCatalogue
  let segments: GallerySegments
  /// What the catalogue knows, by place of the image.
  var records: [RawPath: GalleryRecord]
  /// The files that are whole.
  var files: [Int: GalleryCatalogue.Segment]
  var tensors: [Int: StoredTensor]
  var report = Report()
  private var nextSegment: Int
  private var pending: [(record: GalleryRecord, values: [Float])] = []
  private var lastStep = ContinuousClock.now

  /// Opens the gallery of a folder for writing, or makes one.
  ///
  /// Leftovers of a run that was stopped are removed; images in damaged files are described again by the
  /// next ``run(_:with:options:progress:)``.
  ///
  /// - Parameters:
  ///   - folder: The folder; it exists, and the caller holds its lock.
  ///   - settings: How images shall be described; nil for as they were.
  /// - Throws: ``GalleryError/incompatible(path:problem:)`` if the gallery was built with another model or
  ///   in another way, ``GalleryError/missing(path:)`` if there is none and no settings are given.
  public init(_ folder: String, _ settings: GallerySettings?) throws(GalleryError) {
    let path = Gallery.catalogue(in: folder)
    if let settings, !FileManager.default.fileExists(atPath: path) {
      catalogue = try GalleryCatalogue(creating: path, settings)
    } else {
      catalogue = try GalleryCatalogue(opening: path)
    }
    let stored = try catalogue.settings()
    if let settings { try Self.check(settings, stored, folder) }
    self.folder = folder
    self.settings = stored
    segments = GallerySegments(folder: folder, columns: stored.columns)
    let known = try catalogue.snapshot { files, _, _ in files }
    files = Dictionary(known.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
    nextSegment = (known.map(\.id).max() ?? 0) + 1
    segments.removeAll(except: Set(files.keys))
    tensors = [:]
    for file in known {
      // A damaged file is dropped: its images are still there to be described again.
      do throws(GalleryError) { tensors[file.id] = try segments.open(file) } catch {
        files[file.id] = nil
      }
    }
    records = [:]
    for (_, record) in try catalogue.records() { records[record.location] = record }
    try dropLostRows(except: Set(tensors.keys))
  }

  /// Removes a gallery's files, so that it is built anew.
  ///
  /// - Parameter folder: The folder; the caller holds its lock.
  /// - Throws: ``GalleryError/system(path:problem:)`` if a file cannot be removed.
  public static func clear(_ folder: String) throws(GalleryError) {
    let files = FileManager.default
    let prefixes = ["catalogue.sqlite", "segment-", ".segment-", "index-", ".index-"]
    do {
      for name in try files.contentsOfDirectory(atPath: folder)
      where prefixes.contains(where: name.hasPrefix) {
        try files.removeItem(atPath: folder + "/" + name)
      }
    } catch { throw .system(path: folder, problem: "cannot be cleared: \(error)") }
  }

  private static func check(
    _ wanted: GallerySettings, _ stored: GallerySettings, _ folder: String
  ) throws(GalleryError) {
    guard wanted.model.probe.agrees(with: stored.model.probe) else {
      throw .incompatible(
        path: folder,
        problem: "was built with \(stored.model.name), whose features are others than those of "
          + "\(wanted.model.name); take that model, name another --index, or build anew with "
          + "--rebuild")
    }
    if let difference = wanted.difference(from: stored) {
      throw .incompatible(
        path: folder,
        problem: "was built otherwise (\(difference)); leave these options out, name another "
          + "--index, or build anew with --rebuild")
    }
  }

  /// Forgets the places of descriptors in files that are damaged.
  private func dropLostRows(except whole: Set<Int>) throws(GalleryError) {
    var lost: [GalleryRecord] = []
    for (location, record) in records {
      guard let place = record.place, !whole.contains(place.segment) else { continue }
      var record = record
      // Without a content the image counts as changed.
      (record.place, record.content) = (nil, [])
      record.checked = 0
      records[location] = record
      lost.append(record)
    }
    guard !lost.isEmpty else { return }
    report.recovered = lost.count
    let (records, ids) = (lost, lost.isEmpty ? [] : Array(files.keys))
    try catalogue.change { changes in
      for record in records { try changes.put(record) }
      try changes.removeSegments(Array(Set(try changes.segmentIDs()).subtracting(ids)))
    }
  }

  // MARK: - Running

  /// Makes the gallery hold what inputs hold.
  ///
  /// - Parameters:
  ///   - references: The images.
  ///   - model: The model that the gallery is built with.
  ///   - options: How to work.
  ///   - progress: Called after each step.
  /// - Returns: What became of the images.
  /// - Throws: ``GalleryError`` if a file cannot be written or the model fails.
  public func run(
    _ references: [ImageReference], with model: DINOv2, options: Options = Options(),
    progress: (Event) -> Void = { _ in }
  ) async throws -> Report {
    let recovered = report.recovered
    report = Report()
    report.recovered = recovered
    var canonical = CanonicalPath()
    var works: [Work] = []
    var seen: Set<RawPath> = []
    for reference in references {
      let location = canonical.location(of: reference)
      guard seen.insert(location).inserted else { continue }
      let stamp = FileStamp(reference)
      let previous = records[location]
      if let stamp, let previous, previous.isCurrent(stamp) {
        keep(previous, reference, progress)
      } else {
        works.append(Work(reference, location, stamp ?? FileStamp(size: -1, modified: 0), previous))
      }
    }
    progress(.unchanged(seen.count - works.count))
    if !works.isEmpty { try await describe(works, model, options, progress) }
    try step()
    if !options.keepsOthers { try remove(allBut: seen) }
    try compact(force: false)
    report.count = records.values.count { $0.place != nil }
    return report
  }

  /// An image that has to be looked at.
  struct Work: Sendable {
    let reference: ImageReference
    let location: RawPath
    let stamp: FileStamp
    let previous: GalleryRecord?

    init(
      _ reference: ImageReference, _ location: RawPath, _ stamp: FileStamp,
      _ previous: GalleryRecord?
    ) {
      self.reference = reference
      self.location = location
      self.stamp = stamp
      self.previous = previous
    }
  }

  /// What the bytes of an image say.
  private struct Reading: Sendable {
    let content: [UInt8]
    let checked: Int
    /// The descriptor of these bytes, if they are known.
    let known: KnownRow?
  }

  /// A row of a file, which stays readable when the file is joined with others.
  private struct KnownRow: Sendable {
    let tensor: StoredTensor
    let row: Int
  }

  private func keep(
    _ record: GalleryRecord, _ reference: ImageReference, _ progress: (Event) -> Void
  ) {
    if let problem = record.problem {
      report.failures.append(problem)
      progress(.failed(problem))
    } else {
      report.unchanged += 1
    }
    guard record.name != reference.name else { return }
    var renamed = record
    renamed.name = reference.name
    pending.append((renamed, []))
  }

  private func describe(
    _ works: [Work], _ model: DINOv2, _ options: Options, _ progress: (Event) -> Void
  ) async throws {
    var job = DescriptorJob(
      settings.recipe, settings.preprocessing(patchSize: model.config.patchSize))
    job.batch = options.batch
    job.decoders = options.decoders
    let decoder = settings.decoder
    let rows = knownRows()
    try await job(
      works, with: model,
      load: { work in
        let checked = FileStamp.now
        let bytes = try work.reference.bytes(limit: decoder.limits.encodedBytes)
        let content = Array(SHA256.hash(data: bytes))
        let known = rows[content]
        let image =
          known == nil ? try work.reference.decode(bytes, decoder) : nil
        return .init(image, note: Reading(content: content, checked: checked, known: known))
      },
      each: { outcomes in
        for outcome in outcomes { try self.take(outcome, works[outcome.index], progress) }
        progress(.advanced(outcomes.count))
        if ContinuousClock.now - self.lastStep > options.step || self.pending.count >= 4096 {
          try self.step()
        }
      })
  }

  /// The descriptors by the bytes that they stand for.
  private func knownRows() -> [[UInt8]: KnownRow] {
    var rows: [[UInt8]: KnownRow] = [:]
    for record in records.values {
      guard let place = record.place, let tensor = tensors[place.segment] else { continue }
      rows[record.content] = KnownRow(tensor: tensor, row: place.row)
    }
    return rows
  }

  private func take(
    _ outcome: DescriptorJob.Outcome<Reading>, _ work: Work, _ progress: (Event) -> Void
  ) throws {
    var record = GalleryRecord(
      location: work.location, name: work.reference.name, stamp: work.stamp, checked: 0,
      content: [])
    switch outcome.result {
    case .failure(let error):
      let problem = "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
      report.failures.append(problem)
      progress(.failed(problem))
      // What the system refuses may be there the next time; a damaged image is damaged until it changes.
      if let error = error as? DataError, error.category == .refusedInput {
        record.problem = problem
        record.checked = FileStamp.now
      }
      // The old descriptor no longer stands for the file.
      pending.append((record, []))
    case .success(let (reading, descriptor)):
      (record.content, record.checked) = (reading.content, reading.checked)
      if let place = records[work.location]?.place, work.previous?.content == reading.content {
        record.place = place
        report.unchanged += 1
        return pending.append((record, []))
      }
      let isChange = work.previous?.place != nil
      if work.previous == nil || isChange || work.previous?.problem != nil {
        if isChange { report.changed += 1 } else { report.added += 1 }
      }
      if let known = reading.known {
        report.copied += 1
        pending.append((record, try segments.values(of: known.row, in: known.tensor)))
      } else {
        pending.append((record, descriptor ?? []))
      }
    }
  }

  /// Writes what is pending to the disk.
  private func step() throws(GalleryError) {
    lastStep = .now
    guard !pending.isEmpty else { return }
    let id = nextSegment
    var values: [Float] = []
    var changed: [GalleryRecord] = []
    for (record, row) in pending {
      var record = record
      if !row.isEmpty {
        record.place = .init(segment: id, row: values.count / settings.columns)
        values += row
      }
      changed.append(record)
    }
    let file = values.isEmpty ? nil : try segments.write(values, id: id)
    let all = changed
    try catalogue.change { changes in
      if let file { try changes.add(file) }
      for record in all { try changes.put(record) }
    }
    if let file {
      nextSegment += 1
      files[id] = file
      tensors[id] = try segments.open(file)
    }
    for record in changed { records[record.location] = record }
    pending = []
    try compact(force: false)
  }

  private func remove(allBut seen: Set<RawPath>) throws(GalleryError) {
    let gone = records.keys.filter { !seen.contains($0) }
    guard !gone.isEmpty else { return }
    report.removed = gone.count { records[$0]?.place != nil }
    try catalogue.change { try $0.remove(gone) }
    for location in gone { records[location] = nil }
  }

  /// Takes a number for a new file of descriptors.
  func takeSegment() -> Int {
    defer { nextSegment += 1 }
    return nextSegment
  }
}

extension ImageReference {
  /// Decodes bytes that were read before.
  fileprivate func decode(
    _ bytes: [UInt8], _ decoder: ImageDecoder
  ) throws(DataError) -> PixelBuffer {
    do throws(ImageError) {
      return try decoder.decode(bytes: bytes, name: displayName)
    } catch { throw DataError(error, path: displayName) }
  }
}
