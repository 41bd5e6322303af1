internal import CheckpointFormats
internal import FoundationEssentials
internal import Glibc

/// A shard that is complete: rows, the names of the rows, and what is known of each image.
///
/// `shard-00000.npy` and `shard-00000.names.txt` are as ``EmbeddingStore`` reads them.
/// `shard-00000.records.tsv` has one line per image, also for those without a row, and the hashes of the
/// other two. The rows appear last.
struct StoreShard: Sendable {
  /// The rows, `[n, D]`.
  let tensor: StoredTensor
  /// One per image.
  let records: [ImageRecord]
  /// The hash of the records, which hold those of rows and names.
  let checksum: String

  static let kind = "#dinov2-shard 1"

  /// The files of a shard.
  struct Files {
    let rows: String
    let names: String
    let records: String
    /// The images done so far while the shard is not complete; the rows are in `rows` + `.partial`.
    let journal: String

    init(_ folder: String, _ shard: Int) {
      let path = EmbeddingStore.Shard.path(folder, shard)
      rows = path + ".npy"
      names = path + ".names.txt"
      records = path + ".records.tsv"
      journal = path + ".journal"
    }

    /// Whether the shard is complete.
    var areComplete: Bool { FileManager.default.fileExists(atPath: rows) }

    /// Takes the shard out of the store, rows first.
    func remove() {
      for path in [rows, rows + ".partial", records, names, journal] { unsafe unlink(path) }
    }
  }

  /// What the first line of the records says.
  struct Head: Equatable {
    let fingerprint: String
    let rows: Int
    let columns: Int
    let rowsHash: String
    let namesHash: String

    var fields: [String] { [fingerprint, "\(rows)", "\(columns)", rowsHash, namesHash] }

    init(fingerprint: String, rows: Int, columns: Int, rowsHash: String, namesHash: String) {
      self.fingerprint = fingerprint
      self.rows = rows
      self.columns = columns
      self.rowsHash = rowsHash
      self.namesHash = namesHash
    }

    init?(_ fields: [String]) {
      guard fields.count == 5, let rows = Int(fields[1]), let columns = Int(fields[2]) else {
        return nil
      }
      self.init(
        fingerprint: fields[0], rows: rows, columns: columns, rowsHash: fields[3],
        namesHash: fields[4])
    }
  }

  /// Opens a complete shard and compares it with what was written.
  ///
  /// - Throws: ``StoreError/damaged(path:problem:)`` that names the file.
  init(
    _ shard: ImageList.Shard, _ settings: StoreSettings, in folder: String
  ) throws(StoreError) {
    let files = Files(folder, shard.index)
    func damaged(_ path: String, _ problem: String) -> StoreError {
      .damaged(path: path, problem: problem + "; " + StoreError.remedy(folder))
    }
    let text: SealedText
    let bytes: StoredTensor
    let namesHash: String
    do throws(StoreError) { text = try SealedText(files.records, kind: Self.kind) } catch {
      throw damaged(files.records, "is missing or damaged")
    }
    do throws(StoreError) {
      bytes = try StoreError.files { () throws(CheckpointError) in
        try NpyArray.read(files.rows).tensor()
      }
    } catch { throw damaged(files.rows, "is missing or damaged") }
    do throws(StoreError) { namesHash = try Self.hash(ofFile: files.names) } catch {
      throw damaged(files.names, "is missing or damaged")
    }
    guard let head = Head(text.head), head.fingerprint == shard.fingerprint,
      text.lines.count == shard.images.count
    else { throw damaged(files.records, "belongs to other images than the list says") }
    guard bytes.shape == [head.rows, settings.columns], bytes.scalarType == settings.precision.type
    else {
      throw damaged(
        files.rows,
        "holds \(bytes.scalarType) of shape \(bytes.shape), \(settings.precision.type) of shape "
          + "\([head.rows, settings.columns]) was expected")
    }
    guard Self.hash(of: bytes) == head.rowsHash else {
      throw damaged(files.rows, "is not as it was written: its checksum is another one")
    }
    guard namesHash == head.namesHash else {
      throw damaged(files.names, "is not as it was written: its checksum is another one")
    }
    var records: [ImageRecord] = []
    records.reserveCapacity(text.lines.count)
    for line in text.lines {
      guard let record = ImageRecord(line.fields) else {
        throw damaged(files.records, "line \(records.count + 2) is no record")
      }
      records.append(record)
    }
    guard records.count(where: { $0.problem == nil }) == head.rows else {
      throw damaged(files.records, "has another number of rows than \(files.rows)")
    }
    tensor = bytes
    self.records = records
    checksum = text.checksum
  }

  /// The hash of the values of rows.
  static func hash(of tensor: StoredTensor) -> String {
    var hash = ContentHash()
    unsafe hash.add(tensor.bytes)
    return hash.text
  }

  /// The hash of a file.
  static func hash(ofFile path: String) throws(StoreError) -> String {
    let file = try StoreError.files { () throws(CheckpointError) in try FileBytes(path: path) }
    var hash = ContentHash()
    unsafe file.withUnsafeBytes { unsafe hash.add($0) }
    return hash.text
  }
}

extension EmbeddingStore.Precision {
  /// The type of stored values.
  var type: ScalarType { self == .float16 ? .float16 : .float32 }
}
