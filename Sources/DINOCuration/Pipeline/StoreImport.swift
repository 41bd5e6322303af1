internal import CheckpointFormats
internal import DINOData
internal import FoundationEssentials
internal import Imaging

/// Takes rows into a store that were made elsewhere.
///
/// A file holds a matrix (`.npy`, or a tensor of a `.safetensors` file), a list beside it one name per row.
/// Rows with NaN or an infinity are left out and listed.
public struct StoreImport: Sendable {
  /// Where rows come from, such as the name of a model; a store holds rows of one origin.
  public var origin: String
  /// The file of names; `<file>.names.txt` if nil.
  public var names: String?
  /// The tensor of a `.safetensors` file; the only matrix, or `embeddings`, if nil.
  public var tensor: String?
  /// How values are stored; as in the file, or float32, if nil.
  public var precision: EmbeddingStore.Precision?
  /// The most rows of a shard.
  public var shardImages = StoreSettings.standardShardImages
  /// Whether the images that rows are named after are read, for their hashes and sizes.
  public var readsImages = false

  /// Describes an import.
  ///
  /// - Parameter origin: Where rows come from.
  public init(origin: String) { self.origin = origin }

  /// Imports a file, or goes on with it.
  ///
  /// - Parameters:
  ///   - file: A `.npy` or `.safetensors` file.
  ///   - folder: The store; made if it is missing.
  ///   - options: How to work.
  ///   - progress: Called after each step.
  /// - Returns: What became of the rows.
  /// - Throws: ``StoreError`` if the file is damaged, or does not fit the store.
  public func callAsFunction(
    _ file: String, into folder: String, options: StoreEmbedding.Options = .init(),
    progress: @escaping (StoreEmbedding.Event) -> Void = { _ in }
  ) async throws -> StoreEmbedding.Report {
    let rows = try StoreError.files { () throws(CheckpointError) in try matrix(file) }
    let entries = try self.entries(file, rows.shape[0])
    let halves = rows.scalarType == .float16
    let settings = StoreSettings(
      origin: origin, columns: rows.shape[1],
      precision: precision ?? (halves ? .float16 : .float32), shardImages: shardImages)
    var places: [RawPath: Int] = [:]
    for (row, entry) in entries.enumerated() {
      guard let other = places.updateValue(row, forKey: entry.name) else { continue }
      throw StoreError.incompatible(
        path: file,
        problem:
          "rows \(other) and \(row) are both named \(entry.name.displayName); names must differ")
    }
    let embedding = try StoreEmbedding(folder, settings, entries)
    let reader = RowReader(rows)
    return try await embedding.run(options, progress) { writer, waiting, note in
      for start in stride(from: 0, to: waiting.count, by: 256) {
        let part = waiting[start..<min(start + 256, waiting.count)]
        for entry in part {
          guard let row = places[entry.name] else {
            throw StoreError.incompatible(
              path: folder,
              problem:
                "an import of other rows (\(entry.name.displayName)) is not complete; finish it first"
            )
          }
          try note(writer, record(of: entry), reader.row(row))
        }
        try note.step(writer, part.count)
      }
    }
  }

  private func record(of entry: ImageList.Entry) -> ImageRecord {
    guard readsImages, entry.reference != nil else { return ImageRecord() }
    var record = StoreEmbedding.load(entry, ImageDecoder()).0
    // The row counts although its image cannot be read.
    record.problem = nil
    return record
  }

  private func matrix(_ file: String) throws(CheckpointError) -> StoredTensor {
    let found: StoredTensor
    if file.hasSuffix(".safetensors") {
      let tensors = try Checkpoint.read(file).tensors
      let matrices = tensors.names.filter { tensors[$0]?.shape.count == 2 }
      let name = tensor ?? (matrices.count == 1 ? matrices.first : nil) ?? "embeddings"
      guard let matrix = tensors[name] else {
        throw .missing(path: file, problem: "has no tensor \(name.quoted); name one with --tensor")
      }
      found = matrix
    } else {
      found = try NpyArray.read(file).tensor()
    }
    guard found.shape.count == 2, found.shape[1] > 0, found.scalarType.isFloatingPoint else {
      throw .unsupported(
        path: file, place: "shape",
        problem:
          "\(found.scalarType) of shape \(found.shape) where floating-point numbers of shape [rows, "
          + "columns] were expected")
    }
    return found.contiguous()
  }

  private func entries(_ file: String, _ count: Int) throws -> [ImageList.Entry] {
    let path = names ?? file + ".names.txt"
    guard let lines = try EmbeddingFile.names(path) else {
      guard names == nil else {
        throw StoreError.system(path: path, problem: "no such file; it should name one row a line")
      }
      let name = RawPath(argument: file)
      return (0..<count).map {
        ImageList.Entry(row: RawPath(bytes: name.bytes + Array("#\($0)".utf8)))
      }
    }
    guard lines.count == count else {
      throw StoreError.incompatible(
        path: file,
        problem: "has \(count) rows, but \(lines.count) names stand in \(path.escapedForMessage)")
    }
    var canonical = CanonicalPath()
    var archives: [RawPath: [RawPath: ImageReference]] = [:]
    return lines.map { line in
      let name = RawPath(escaped: line)
      if name.isRegularFile { return ImageList.Entry(ImageReference(file: name), &canonical) }
      guard let archive = name.archive, archive.isRegularFile else {
        return ImageList.Entry(row: name)
      }
      if archives[archive] == nil {
        let members = (try? ImageInputs([archive]))?.references ?? []
        archives[archive] = Dictionary(
          members.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
      }
      guard let member = archives[archive]?[name] else { return ImageList.Entry(row: name) }
      return ImageList.Entry(member, &canonical)
    }
  }
}

extension RawPath {
  /// The tar shard that a path leads into.
  fileprivate var archive: RawPath? {
    let ending = Array(".tar/".utf8)
    guard bytes.count > ending.count else { return nil }
    for start in 0...(bytes.count - ending.count)
    where bytes[start..<(start + ending.count)].elementsEqual(ending) {
      return RawPath(bytes: Array(bytes[..<(start + ending.count - 1)]))
    }
    return nil
  }
}

/// Reads rows of a tensor as they are, also those that are not finite.
private struct RowReader {
  private let tensor: StoredTensor
  private let columns: Int

  init(_ tensor: StoredTensor) {
    self.tensor = tensor
    columns = tensor.shape[1]
  }

  func row(_ row: Int) -> [Float] {
    let bytes = unsafe tensor.bytes
    return (row * columns..<(row + 1) * columns).map { element -> Float in
      switch tensor.scalarType {
      case .float32: unsafe bytes.load(fromByteOffset: 4 * element, as: Float.self)
      case .float64: unsafe Float(bytes.load(fromByteOffset: 8 * element, as: Double.self))
      case .bfloat16:
        Float(
          bitPattern: UInt32(unsafe bytes.load(fromByteOffset: 2 * element, as: UInt16.self)) << 16)
      default: Float(halfBits: unsafe bytes.load(fromByteOffset: 2 * element, as: UInt16.self))
      }
    }
  }
}
