internal import CheckpointFormats
internal import DINOData
internal import FoundationEssentials
internal import Glibc

extension StoreShard {
  /// Writes a shard image by image, going on where an earlier process was stopped.
  ///
  /// Rows go to `shard-….npy.partial`, then a line per image to `shard-….journal`; rows without a line do
  /// not count. The caller has the lock of the shard.
  final class Writer {
    /// The number of images done.
    private(set) var done = 0
    /// The problems of images that an earlier process did.
    private(set) var problems: [(image: Int, problem: ImageRecord.Problem)] = []

    private let shard: ImageList.Shard
    private let list: ImageList
    private let settings: StoreSettings
    private let files: Files
    private let rows: NpyRowWriter
    private let journal: Int32
    private var records: [ImageRecord] = []
    private var pendingLines = ""

    /// Begins a shard, or opens what an earlier process has left.
    ///
    /// - Parameters:
    ///   - shard: The shard.
    ///   - list: All images.
    ///   - settings: What rows are.
    ///   - origin: How rows are made; what was made in another way is thrown away.
    ///   - folder: The store.
    /// - Throws: ``StoreError`` if a file cannot be read or written.
    init(
      _ shard: ImageList.Shard, of list: ImageList, _ settings: StoreSettings, origin: String,
      in folder: String
    ) throws(StoreError) {
      let files = Files(folder, shard.index)
      let head = "\(StoreShard.kind)\t\(shard.fingerprint)\t\(settings.columns)\t\(origin.asField)"
      let known = Self.read(files.journal, head: head, most: shard.images.count)
      let (columns, type) = (settings.columns, settings.precision.type)
      if let known,
        let rows = try? NpyRowWriter.resume(
          files.rows, columns: columns, rows: known.records.count { $0.problem == nil }, type: type)
      {
        self.rows = rows
        records = known.records
        journal = try Self.open(files.journal, keeping: known.byteCount)
      } else {
        rows = try StoreError.files { () throws(CheckpointError) in
          try NpyRowWriter.create(files.rows, columns: columns, type: type)
        }
        journal = try Self.open(files.journal, keeping: 0)
        pendingLines = head + "\n"
      }
      (self.shard, self.list, self.settings, self.files) = (shard, list, settings, files)
      done = records.count
      for (index, record) in records.enumerated() {
        if let problem = record.problem {
          problems.append((shard.images.lowerBound + index, problem))
        }
      }
    }

    deinit { close(journal) }

    /// Adds what is known of the next image, with its row unless there is a problem.
    ///
    /// A row that cannot be stored becomes a problem.
    ///
    /// - Returns: The record as it was stored.
    func add(_ record: ImageRecord, row: [Float]?) throws(StoreError) -> ImageRecord {
      var record = record
      if record.problem == nil {
        if let problem = problem(of: row) {
          record.problem = .init(kind: .row, reason: problem)
        } else if let row {
          try StoreError.files { () throws(CheckpointError) in try rows.append(row) }
        }
      }
      records.append(record)
      pendingLines += record.line + "\n"
      done += 1
      return record
    }

    private func problem(of row: [Float]?) -> String? {
      guard let row, row.count == settings.columns else {
        return "has \(row?.count ?? 0) values, \(settings.columns) were expected"
      }
      // Beyond 65504, rounded to nearest, float16 has only infinity.
      let limit: Float = settings.precision == .float16 ? 65_520 : .infinity
      guard let place = row.firstIndex(where: { !(abs($0) < limit) }) else { return nil }
      return "value \(place) is \(row[place])"
        + (row[place].isFinite
          ? ", beyond float16; store float32" : "; a finite number was expected")
    }

    /// Puts what was added on the disk.
    func flush() throws(StoreError) {
      guard !pendingLines.isEmpty else { return }
      try StoreError.files { () throws(CheckpointError) in try rows.synchronize() }
      let bytes = Array(pendingLines.utf8)
      var done = 0
      while done < bytes.count {
        let count = unsafe bytes.withUnsafeBytes { buffer in
          unsafe write(
            journal, buffer.baseAddress.map { unsafe $0 + done }, buffer.count - done)
        }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw .errno(files.journal, "cannot be written; free some room") }
        done += count
      }
      guard fdatasync(journal) == 0 else { throw .errno(files.journal, "cannot be flushed") }
      pendingLines = ""
    }

    /// Makes the shard appear, after all its images were added.
    func finish() throws(StoreError) {
      try flush()
      let names = zip(shard.images, records).filter { $0.1.problem == nil }
        .map { list[$0.0].name.displayName + "\n" }
      let hash = try StoreError.files { () throws(CheckpointError) in
        let file = try AtomicFile(path: files.names)
        for name in names { try file.write(Array(name.utf8)) }
        try file.commit()
        return StoreShard.hash(of: try rows.written())
      }
      let head = Head(
        fingerprint: shard.fingerprint, rows: names.count, columns: settings.columns,
        rowsHash: hash,
        namesHash: try StoreShard.hash(ofFile: files.names))
      var writer = try SealedText.Writer(
        files.records, kind: StoreShard.kind, head: head.fields)
      for record in records { try writer.add(record.line) }
      _ = try writer.finish()
      try StoreError.files { () throws(CheckpointError) in try rows.finish() }
      unsafe unlink(files.journal)
    }

    // MARK: - The journal

    private struct Known {
      let records: [ImageRecord]
      /// The bytes up to the end of the last whole line.
      let byteCount: Int
    }

    /// What an earlier process has done; nil if there is nothing of use.
    private static func read(_ path: String, head: String, most: Int) -> Known? {
      guard let data = FileManager.default.contents(atPath: path) else { return nil }
      let bytes = [UInt8](data)
      // What comes after the last line feed was cut off.
      guard let end = bytes.lastIndex(of: 0x0A) else { return nil }
      let lines = bytes[..<end].split(separator: 0x0A, omittingEmptySubsequences: false)
      guard lines.first?.text == head, lines.count - 1 <= most else { return nil }
      var records: [ImageRecord] = []
      for line in lines.dropFirst() {
        guard let record = ImageRecord(line.fields) else { return nil }
        records.append(record)
      }
      return Known(records: records, byteCount: end + 1)
    }

    private static func open(_ path: String, keeping byteCount: Int) throws(StoreError) -> Int32 {
      let descriptor = unsafe Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw .errno(path, "cannot be opened for writing") }
      guard ftruncate(descriptor, off_t(byteCount)) == 0 else {
        let error = StoreError.errno(path, "cannot be cut to its whole lines")
        close(descriptor)
        throw error
      }
      return descriptor
    }
  }
}
