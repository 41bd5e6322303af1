internal import Foundation
public import Imaging

/// Packs images into tar shards in WebDataset form.
///
/// Written are `<prefix>-000000.tar`, …, whose members are `<number>.<format>` with the bytes of the
/// image file (of JPEG 2000, QOI and icons a PNG) and, where the image has a class, `<number>.cls` with
/// its index; `classes.txt`, if there are classes; and `sources.txt`, which says for each member where
/// it came from. Images that cannot be decoded are left out. Equal inputs give equal bytes, whatever the
/// number of threads.
public struct ShardWriter: Sendable {
  /// What was written.
  public struct Report: Equatable, Sendable {
    /// The names of the shards in order.
    public internal(set) var shards: [String] = []
    /// The number of images in them.
    public internal(set) var imageCount = 0
    /// The images that were left out.
    public internal(set) var bad: [DatasetCheck.BadImage] = []
  }

  private struct Packed: Sendable {
    let bytes: [UInt8]
    let format: ImageFormat
  }

  /// The beginning of the shards' names.
  public var prefix = "shard"
  /// The most images of a shard.
  public var imagesPerShard = 10_000
  /// The size beyond which a shard takes no further image, in bytes.
  public var bytesPerShard = 1 << 30
  /// The number of threads that read and check images.
  public var threads = 1
  /// How images are checked.
  public var decoder = ImageDecoder()

  /// Creates a writer with the usual sizes.
  public init() {}

  /// Packs images with their classes, then those that have none.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - folder: A folder that does not exist yet or is empty.
  ///   - progress: Called after each image with the number of finished ones.
  /// - Returns: What was written.
  /// - Throws: ``DataError`` if a setting is out of range, the folder is not empty, nothing can be
  ///   written, or no image can be used.
  public func write(
    _ images: LabelledImages, to folder: String, progress: (Int) -> Void = { _ in }
  ) async throws(DataError) -> Report {
    try await write(
      images.references + images.unlabelled, labels: images.labels, classNames: images.classNames,
      to: folder, progress: progress)
  }

  /// Packs images without classes.
  ///
  /// - Parameters:
  ///   - images: The images.
  ///   - folder: A folder that does not exist yet or is empty.
  ///   - progress: Called after each image with the number of finished ones.
  /// - Returns: What was written.
  /// - Throws: ``DataError`` as ``write(_:to:progress:)``.
  public func write(
    _ images: [ImageReference], to folder: String, progress: (Int) -> Void = { _ in }
  ) async throws(DataError) -> Report {
    try await write(images, labels: [], classNames: [], to: folder, progress: progress)
  }

  private func write(
    _ images: [ImageReference], labels: [Int], classNames: [String], to folder: String,
    progress: (Int) -> Void
  ) async throws(DataError) -> Report {
    let root = try prepared(folder)
    let decoder = decoder
    let pipeline = OrderedPipeline(images, threads: threads, ahead: 4 * max(threads, 1)) {
      try Self.packed($0, decoder)
    }
    var shards = Shards(root: root, writer: self)
    var report = Report()
    for await item in pipeline {
      switch item.result {
      case .success(let packed):
        try shards.add(
          packed, item.input, label: item.index < labels.count ? labels[item.index] : nil)
        report.imageCount += 1
      case .failure(let error):
        report.bad.append(
          .init(
            index: item.index, path: item.input.displayName, reason: "\(error)".onOneLine))
      }
      progress(item.index + 1)
    }
    guard !Task.isCancelled else {
      throw .system(path: root.displayName, problem: "is incomplete: writing was cancelled")
    }
    guard report.imageCount > 0 else {
      throw .unusable(
        place: root.displayName,
        problem: "none of \(images.count) images can be used; the first: "
          + (report.bad.first?.reason ?? "there is none"))
    }
    report.shards = try shards.finish()
    if !classNames.isEmpty { try Self.write(classNames, root, "classes.txt") }
    try Self.write(shards.sources, root, "sources.txt")
    return report
  }

  private func prepared(_ folder: String) throws(DataError) -> RawPath {
    guard imagesPerShard > 0, bytesPerShard > 0, prefix.isPlainName, prefix.utf8.count <= 64 else {
      throw .usage(
        problem:
          "shards \"\(prefix)\" of \(imagesPerShard) images and \(bytesPerShard) bytes cannot be; "
          + "both numbers must be positive and the prefix a plain name of at most 64 bytes")
    }
    let root = RawPath(argument: folder)
    if let kind = try root.kind() {
      guard kind == .folder, try FolderListing(root).entries().isEmpty else {
        throw .usage(
          problem: "\(root.displayName) exists and is not an empty folder; name a new folder")
      }
    }
    do {
      try FileManager.default.createDirectory(atPath: root.text, withIntermediateDirectories: true)
    } catch {
      throw .system(
        path: root.displayName,
        problem: "cannot be made: \(error.localizedDescription.onOneLine)")
    }
    return root
  }

  private static func packed(
    _ reference: ImageReference, _ decoder: ImageDecoder
  ) throws(DataError) -> Packed {
    let bytes = try reference.bytes(limit: decoder.limits.encodedBytes)
    do throws(ImageError) {
      let image = try decoder.decode(bytes: bytes, name: reference.displayName)
      let info = try decoder.probe(bytes: bytes, name: reference.displayName)
      // Shards are read by the names of their members; these formats have none there.
      if [.jpeg2000, .qoi, .ico].contains(info.format) {
        return Packed(bytes: try ImageEncoder().encode(image, as: .png), format: .png)
      }
      return Packed(bytes: bytes, format: info.format)
    } catch {
      throw DataError(error, path: reference.displayName)
    }
  }

  private static func write(
    _ lines: [String], _ root: RawPath, _ name: String
  ) throws(DataError) {
    let path = root.appending(Array(name.utf8))
    do {
      let text = lines.map { $0 + "\n" }.joined()
      try Data(text.utf8).write(to: URL(fileURLWithPath: path.text), options: .atomic)
    } catch {
      throw .system(
        path: path.displayName,
        problem: "cannot be written: \(error.localizedDescription.onOneLine)")
    }
  }

  /// The shards that are being written, one at a time.
  private struct Shards {
    let root: RawPath
    let writer: ShardWriter
    var names: [String] = []
    var sources: [String] = []
    private var archive: TarWriter?
    private var archived = 0

    init(root: RawPath, writer: ShardWriter) {
      self.root = root
      self.writer = writer
    }

    mutating func add(
      _ packed: Packed, _ reference: ImageReference, label: Int?
    ) throws(DataError) {
      if let archive, archived >= writer.imagesPerShard || archive.size >= writer.bytesPerShard {
        try archive.finish()
        self.archive = nil
      }
      let archive: TarWriter
      if let open = self.archive { archive = open } else { archive = try begin() }
      let stem = padded(sources.count, 8)
      let name = "\(stem).\(packed.format.fileExtension)"
      try archive.add(name, packed.bytes)
      if let label { try archive.add("\(stem).cls", Array(String(label).utf8)) }
      sources.append("\(names[names.count - 1])/\(name)\t\(reference.displayName)")
      archived += 1
    }

    private mutating func begin() throws(DataError) -> TarWriter {
      let name = "\(writer.prefix)-\(padded(names.count, 6)).tar"
      names.append(name)
      archived = 0
      let archive = try TarWriter(root.appending(Array(name.utf8)))
      self.archive = archive
      return archive
    }

    mutating func finish() throws(DataError) -> [String] {
      try archive?.finish()
      archive = nil
      return names
    }

    private func padded(_ number: Int, _ digits: Int) -> String {
      let text = String(number)
      return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
    }
  }
}

extension ImageFormat {
  /// The extension of files of this format.
  fileprivate var fileExtension: String {
    switch self {
    case .jpeg: "jpg"
    case .pnm: "ppm"
    case .tiff: "tif"
    case .heif: "heic"
    case .png, .webp, .gif, .bmp, .avif, .jpeg2000, .qoi, .ico: rawValue
    }
  }
}
