internal import CheckpointFormats
internal import DINOData
internal import FoundationEssentials

/// Images with their embeddings in a folder: what curation works on.
///
/// `store.json` says how rows were made, `images-….tsv` which images there are, `shard-….npy` hold the
/// rows. ``StoreEmbedding`` and ``StoreImport`` make stores; stages put their decisions into
/// `stages/`; `catalogue.sqlite` holds all of it as tables and can be made anew at any time.
public struct CurationStore: Sendable {
  /// The folder.
  public let folder: String
  /// How rows were made.
  public let settings: StoreSettings
  /// The images.
  public let images: ImageList
  /// What is known of each image.
  public let records: [ImageRecord]
  /// The rows of the images that have one.
  public let matrix: EmbeddingMatrix
  /// The image of each row.
  public let imageOfRow: [Int]
  /// Tells this content from any other.
  public let digest: String

  /// Opens a complete store.
  ///
  /// - Parameter folder: The folder.
  /// - Throws: ``StoreError`` if there is none, a file of it is damaged, or shards are missing.
  public init(_ folder: String) throws(StoreError) {
    guard let settings = try StoreSettings.read(folder) else { throw Self.missing(folder) }
    let images = try ImageList(folder, shardImages: settings.shardImages)
    let shards = images.shards
    let open = shards.count { !StoreShard.Files(folder, $0.index).areComplete }
    guard open == 0 else {
      throw .unusable(
        place: folder.escapedForMessage,
        problem:
          "\(open) of \(shards.count) shards are not embedded yet; run the same 'curate embed' again"
      )
    }
    guard !shards.isEmpty else {
      throw .unusable(
        place: folder.escapedForMessage, problem: "the store holds no images; embed some")
    }
    var hash = ContentHash()
    hash.add("\(settings.source) \(settings.columns) \(settings.precision.rawValue)")
    var records: [ImageRecord] = []
    var imageOfRow: [Int] = []
    var tensors: [StoredTensor] = []
    for shard in shards {
      let found = try StoreShard(shard, settings, in: folder)
      for (image, record) in zip(shard.images, found.records) where record.problem == nil {
        imageOfRow.append(image)
      }
      records += found.records
      tensors.append(found.tensor)
      hash.add(shard.fingerprint)
      hash.add(found.checksum)
    }
    let parts = tensors
    matrix = try StoreError.curation { () throws(CurationError) in
      try EmbeddingMatrix(parts: parts, source: folder)
    }
    self.folder = folder
    self.settings = settings
    self.images = images
    self.records = records
    self.imageOfRow = imageOfRow
    digest = hash.text
  }

  static func missing(_ folder: String) -> StoreError {
    .missing(
      path: folder,
      problem: "holds no store; make one with 'dinov2 curate embed INPUT... --store "
        + "\(folder.escapedForMessage)'")
  }

  /// The images without a row.
  public var failures: [(image: Int, problem: ImageRecord.Problem)] {
    records.enumerated().compactMap { image, record in record.problem.map { (image, $0) } }
  }

  /// The printable name of an image.
  ///
  /// - Parameter image: Its number.
  /// - Returns: The name.
  public func name(of image: Int) -> String { images[image].name.displayName }

  /// The row of each image, or -1.
  var rowOfImage: [Int] {
    var rows = [Int](repeating: -1, count: records.count)
    for (row, image) in imageOfRow.enumerated() { rows[image] = row }
    return rows
  }

  /// Writes the paths of images, one a line, in a form that commands take as `@file`.
  ///
  /// - Parameters:
  ///   - images: Their numbers.
  ///   - path: The file; one that exists is replaced when the new one is complete.
  /// - Throws: ``StoreError`` if the file cannot be written.
  public func writeList(of images: [Int], to path: String) throws(StoreError) {
    let bytes = PathList.bytes(images.map { self.images[$0].path })
    try StoreError.files { () throws(CheckpointError) in
      try AtomicFile.write(bytes, to: path)
    }
  }
}

/// A list of paths as a file.
enum PathList {
  /// The paths, one a line; separated by NUL if one of them holds a line feed.
  static func bytes(_ paths: [RawPath]) -> [UInt8] {
    let isPlain = paths.allSatisfy { !$0.bytes.contains(0x0A) && !$0.bytes.contains(0x0D) }
    return paths.flatMap { $0.bytes + [isPlain ? 0x0A : 0] }
  }
}
