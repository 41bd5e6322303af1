internal import CheckpointFormats
internal import FoundationEssentials

extension EmbeddingStore {
  /// Writes a store, going on after the rows that are there.
  public final class Writer {
    /// The number of rows on the disk.
    public private(set) var rowCount: Int
    private let folder: String
    private let columns: Int
    private let precision: Precision
    private let shardRows: Int
    private var shardCount: Int
    private var values: [Float] = []
    private var names: [String] = []

    /// Makes a folder, or opens it to go on.
    ///
    /// - Parameters:
    ///   - folder: The folder; made if it is missing.
    ///   - columns: The number of values of a row.
    ///   - precision: How values are stored.
    ///   - shardRows: The number of rows of a shard.
    /// - Throws: ``CurationError`` if the folder cannot be made, a shard is damaged, or its rows have
    ///   another length.
    public init(
      _ folder: String, columns: Int, precision: Precision = .float32, shardRows: Int = 65_536
    ) throws(CurationError) {
      guard columns > 0, shardRows > 0 else {
        throw .usage(problem: "shards of \(shardRows) rows of \(columns) values were asked for")
      }
      do {
        try FileManager.default.createDirectory(
          atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw .file(.file(path: folder, problem: "cannot be made: \(error)"))
      }
      let shards = try Shard.all(in: folder)
      if let other = shards.first(where: { $0.tensor.shape[1] != columns }) {
        throw .shape(
          source: folder,
          problem: "holds rows of \(other.tensor.shape[1]) values, the new rows have \(columns); "
            + "name another folder")
      }
      self.folder = folder
      self.columns = columns
      self.precision = precision
      self.shardRows = shardRows
      shardCount = shards.count
      rowCount = shards.reduce(0) { $0 + $1.names.count }
    }

    /// Adds a row; a full shard goes to the disk.
    ///
    /// - Parameters:
    ///   - row: The values.
    ///   - name: The name of the row, without line breaks.
    /// - Throws: ``CurationError`` if the row has another length, holds NaN, an infinity or a value that
    ///   the precision cannot hold, if the name has a line break, or if the shard cannot be written.
    public func append(_ row: [Float], name: String) throws(CurationError) {
      guard row.count == columns else {
        throw .shape(
          source: folder, problem: "a row has \(row.count) values, \(columns) were expected")
      }
      guard !name.utf8.contains(10) else {
        throw .usage(problem: "\(folder): the name of a row holds a line break")
      }
      // Beyond 65504, rounded to nearest, float16 has only infinity.
      let limit: Float = precision == .float16 ? 65_520 : .infinity
      guard row.allSatisfy({ abs($0) < limit }) else {
        throw .notFinite(source: folder, row: rowCount + names.count)
      }
      values += row
      names.append(name)
      if names.count == shardRows { try flush() }
    }

    /// Writes the rows that no shard holds yet as a shard of their own.
    ///
    /// - Throws: ``CurationError`` if the shard cannot be written; the rows are then kept for another
    ///   attempt.
    public func flush() throws(CurationError) {
      guard !names.isEmpty else { return }
      let path = Shard.path(folder, shardCount)
      let text = names.map { $0 + "\n" }.joined()
      try CurationError.files { () throws(CheckpointError) in
        try AtomicFile.write(Array(text.utf8), to: path + ".names.txt")
      }
      let shape = [names.count, columns]
      try CurationError.files { () throws(CheckpointError) in
        try Npy.write(stored(shape), to: path + ".npy")
      }
      shardCount += 1
      rowCount += names.count
      (values, names) = ([], [])
    }

    private func stored(_ shape: [Int]) throws(CheckpointError) -> StoredTensor {
      guard precision == .float16 else { return try StoredTensor(floats: values, shape: shape) }
      let halves = values.map { Float16($0).bitPattern }
      let result = unsafe halves.withUnsafeBytes { bytes in
        Result { () throws(CheckpointError) in
          unsafe try StoredTensor(copying: bytes, as: .float16, shape: shape)
        }
      }
      return try result.get()
    }
  }
}
