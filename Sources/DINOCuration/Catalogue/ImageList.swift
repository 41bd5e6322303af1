internal import CheckpointFormats
public import DINOData
internal import FoundationEssentials

/// The images of a store in the order in which they were added.
///
/// `images-00000.tsv`, … hold a part each: what one call added. A part is never changed.
public struct ImageList: Sendable {
  /// One image.
  public struct Entry: Sendable, Equatable {
    /// The name as it was given.
    public let name: RawPath
    /// The absolute path of the file, or of the archive that holds the image; empty if only a row is known.
    let file: RawPath
    /// Place and size in the archive.
    let member: Member?

    struct Member: Sendable, Equatable {
      let offset: Int
      let size: Int
    }

    /// The image; nil if only a row is known.
    public var reference: ImageReference? {
      guard !file.bytes.isEmpty else { return nil }
      return ImageReference(
        name: name,
        source: member.map { .member(archive: file, offset: $0.offset, size: $0.size) }
          ?? .file(file), classIndex: nil, className: nil)
    }
  }

  /// What one call added.
  struct Part: Sendable {
    let entries: [Entry]
    /// The number of the first image.
    let firstImage: Int
    /// The number of the first shard.
    let firstShard: Int
    /// The hash of the file.
    let checksum: String
  }

  /// A shard and its images.
  struct Shard: Sendable, Equatable {
    let index: Int
    /// The numbers of its images.
    let images: Range<Int>
    /// Tells the images of this shard from any others.
    let fingerprint: String
  }

  private(set) var parts: [Part] = []
  let shardImages: Int

  /// The number of images.
  public var count: Int { parts.last.map { $0.firstImage + $0.entries.count } ?? 0 }

  /// An image by its number.
  ///
  /// - Parameter image: A number below ``count``.
  public subscript(image: Int) -> Entry {
    guard let part = parts.last(where: { $0.firstImage <= image }) else {
      preconditionFailure("image \(image) of \(count)")
    }
    return part.entries[image - part.firstImage]
  }

  static func path(_ folder: String, _ part: Int) -> String {
    let digits = String(part)
    return folder + "/images-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
      + ".tsv"
  }

  /// Reads the list of a store.
  init(_ folder: String, shardImages: Int) throws(StoreError) {
    self.shardImages = shardImages
    while FileManager.default.fileExists(atPath: Self.path(folder, parts.count)) {
      let path = Self.path(folder, parts.count)
      let text = try SealedText(path, kind: "#dinov2-images 1")
      var entries: [Entry] = []
      entries.reserveCapacity(text.lines.count)
      for line in text.lines {
        guard let entry = Entry(line) else {
          throw .damaged(path: path, problem: "line \(entries.count + 2) is no image")
        }
        entries.append(entry)
      }
      append(entries, checksum: text.checksum)
    }
  }

  private mutating func append(_ entries: [Entry], checksum: String) {
    parts.append(
      Part(
        entries: entries, firstImage: count, firstShard: shardCount, checksum: checksum))
  }

  /// Adds images to a store.
  ///
  /// The caller has the store's lock for planning.
  mutating func add(_ entries: [Entry], to folder: String) throws(StoreError) {
    guard !entries.isEmpty else { return }
    var writer = try SealedText.Writer(
      Self.path(folder, parts.count), kind: "#dinov2-images 1", head: ["name, file, offset, size"])
    for entry in entries { try writer.add(entry.line) }
    append(entries, checksum: try writer.finish())
  }

  /// The images among these that the list does not hold yet, each once.
  func new(among entries: [Entry]) -> [Entry] {
    // The usual case: the same call again.
    if parts.count == 1, parts[0].entries == entries { return [] }
    var known = Set<Place>(minimumCapacity: count + entries.count)
    for part in parts { for entry in part.entries { known.insert(Place(entry)) } }
    return entries.filter { known.insert(Place($0)).inserted }
  }

  /// Where an image lies.
  private struct Place: Hashable {
    let file: RawPath
    let name: RawPath
    let offset: Int

    init(_ entry: Entry) {
      file = entry.file
      // Without a file only the name tells rows apart.
      name = entry.file.bytes.isEmpty ? entry.name : ""
      offset = entry.member?.offset ?? -1
    }
  }

  // MARK: - Shards

  /// The number of shards.
  var shardCount: Int { parts.last.map { $0.firstShard + shards(of: $0) } ?? 0 }

  private func shards(of part: Part) -> Int {
    (part.entries.count + shardImages - 1) / shardImages
  }

  /// All shards; none holds images of two parts.
  var shards: [Shard] {
    parts.flatMap { part in
      (0..<shards(of: part)).map { index in
        let start = index * shardImages
        let end = min(start + shardImages, part.entries.count)
        var hash = ContentHash()
        hash.add(part.checksum)
        hash.add(UInt64(start))
        hash.add(UInt64(end))
        return Shard(
          index: part.firstShard + index,
          images: (part.firstImage + start)..<(part.firstImage + end), fingerprint: hash.text)
      }
    }
  }
}

extension ImageList.Entry {
  /// An image that was found.
  init(_ reference: ImageReference, _ canonical: inout CanonicalPath) {
    name = reference.name
    switch reference.source {
    case .file(let path):
      (file, member) = (canonical.location(of: path), nil)
    case .member(let archive, let offset, let size):
      (file, member) = (canonical.location(of: archive), Member(offset: offset, size: size))
    }
  }

  /// A row of which only the name is known.
  init(row name: RawPath) { (self.name, file, member) = (name, "", nil) }

  /// Reads a line of a list.
  fileprivate init?(_ line: ArraySlice<UInt8>) {
    let fields = line.fields
    guard fields.count == 4 else { return nil }
    name = RawPath(escaped: fields[0].text)
    file = RawPath(escaped: fields[1].text)
    if fields[2].isEmpty {
      member = nil
    } else {
      guard let offset = Int(fields[2].text), let size = Int(fields[3].text), offset >= 0, size >= 0
      else { return nil }
      member = Member(offset: offset, size: size)
    }
  }

  fileprivate var line: String {
    [
      name.displayName, file.displayName, member.map { "\($0.offset)" } ?? "",
      member.map { "\($0.size)" } ?? "",
    ].joined(separator: "\t")
  }
}
