internal import CheckpointFormats
internal import DINOData
internal import DINOInference
internal import FoundationEssentials
internal import GRDB
internal import Glibc
internal import Imaging

/// All that is known and decided about the images of a store, as tables of an SQLite file.
///
/// `images` has one row per image; `stages` says with which options and from which inputs each stage
/// decided; every table of a stage is a table here, such as `dedup_decisions`. The file follows from the
/// store and its stages: it is written anew as a whole and put in place by renaming, so that it is never
/// half written, and equal stores have equal files.
public struct Catalogue {
  /// The file.
  public let path: String

  private static let version = 1
  /// "DINC" in ASCII: tells our files from other SQLite files.
  private static let application = 0x4449_4E43

  /// The catalogue of a store.
  ///
  /// - Parameter folder: The store.
  public init(_ folder: String) { path = folder + "/catalogue.sqlite" }

  /// Writes the catalogue of a store as it is now.
  ///
  /// - Parameter store: The store.
  /// - Throws: ``StoreError`` if a stage is damaged or the file cannot be written.
  public func write(_ store: CurationStore) throws(StoreError) {
    let temporary = path + ".tmp"
    for ending in ["", "-journal", "-wal", "-shm"] { unsafe unlink(temporary + ending) }
    defer { unsafe unlink(temporary) }
    try attempt {
      var configuration = Configuration()
      configuration.prepareDatabase { db in
        // The file appears by renaming after it was flushed: nothing needs a journal.
        try db.execute(sql: "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
      }
      let queue = try DatabaseQueue(path: temporary, configuration: configuration)
      try queue.write { db in
        try db.execute(sql: Self.schema)
        try Self.describe(store, in: db)
        try Self.writeImages(store, to: db)
        for stage in StageName.allCases { try Self.write(stage, of: store.folder, to: db) }
        try db.execute(sql: "CREATE INDEX images_path ON images (path)")
        try db.execute(sql: "CREATE INDEX images_sha256 ON images (sha256)")
        try db.execute(sql: "PRAGMA application_id = \(Self.application)")
        try db.execute(sql: "PRAGMA user_version = \(Self.version)")
      }
      try queue.close()
    }
    let descriptor = unsafe open(temporary, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .errno(temporary, "cannot be opened") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0, unsafe rename(temporary, path) == 0 else {
      throw .errno(path, "cannot be put in place")
    }
  }

  /// Compares the file with a store.
  ///
  /// - Parameter store: The store.
  /// - Throws: ``StoreError/damaged(path:problem:)`` if the file is damaged, or belongs to another content.
  public func check(_ store: CurationStore) throws(StoreError) {
    let remedy =
      "'dinov2 curate check --store \(store.folder.escapedForMessage) --repair' makes it anew"
    guard FileManager.default.fileExists(atPath: path) else {
      throw .damaged(path: path, problem: "is missing; \(remedy)")
    }
    do {
      var configuration = Configuration()
      configuration.readonly = true
      let queue = try DatabaseQueue(path: path, configuration: configuration)
      let (problems, digest) = try queue.read { db in
        (
          try String.fetchAll(db, sql: "PRAGMA integrity_check(1)"),
          try String.fetchOne(db, sql: "SELECT value FROM store WHERE key = 'digest'")
        )
      }
      guard problems == ["ok"] else {
        throw StoreError.damaged(
          path: path, problem: "\(problems.first ?? "SQLite refuses it"); \(remedy)")
      }
      guard digest == store.digest else {
        throw StoreError.damaged(path: path, problem: "is of another state of the store; \(remedy)")
      }
    } catch let error as StoreError { throw error } catch {
      throw .damaged(path: path, problem: "SQLite cannot read it; \(remedy)")
    }
  }

  private func attempt(_ body: () throws -> Void) throws(StoreError) {
    do { try body() } catch let error as StoreError { throw error } catch let error as DatabaseError
    {
      throw .system(
        path: path,
        problem: "cannot be written: \(error.message ?? "SQLite failed") "
          + "(\(error.extendedResultCode.rawValue)); free some room or check the rights")
    } catch { throw .system(path: path, problem: "cannot be written: \(error)") }
  }

  // MARK: - Tables

  private static let schema = """
    CREATE TABLE store (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
    CREATE TABLE images (
      id INTEGER PRIMARY KEY, path BLOB NOT NULL, name TEXT NOT NULL, file BLOB, "offset" INTEGER,
      bytes INTEGER, sha256 BLOB, width INTEGER, height INTEGER, format TEXT, luma REAL,
      sharpness REAL, row INTEGER, problem TEXT, reason TEXT);
    CREATE TABLE stages (
      name TEXT PRIMARY KEY, options TEXT NOT NULL, inputs TEXT NOT NULL, counts TEXT NOT NULL,
      digest TEXT NOT NULL) WITHOUT ROWID;
    """

  private static func describe(_ store: CurationStore, in db: Database) throws {
    let values = [
      ("digest", store.digest), ("model", store.settings.source),
      ("columns", "\(store.settings.columns)"), ("precision", store.settings.precision.rawValue),
      ("descriptor", store.settings.description?.recipe.text ?? ""),
    ]
    for (key, value) in values {
      try db.execute(sql: "INSERT INTO store VALUES (?, ?)", arguments: [key, value])
    }
  }

  private static func writeImages(_ store: CurationStore, to db: Database) throws {
    let statement = try db.makeStatement(
      sql: "INSERT INTO images VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)")
    let rows = store.rowOfImage
    for (image, record) in store.records.enumerated() {
      let entry = store.images[image]
      try statement.execute(arguments: [
        image, Data(entry.name.bytes), entry.name.displayName,
        entry.file.bytes.isEmpty ? nil : Data(entry.file.bytes), entry.member?.offset,
        record.byteCount, record.digest.map { Data($0.bytes) }, record.size?.width,
        record.size?.height, record.format?.rawValue, record.traits.map { Double($0.luma) },
        record.traits.map { Double($0.sharpness) }, rows[image] < 0 ? nil : rows[image],
        record.problem?.kind.rawValue, record.problem?.reason,
      ])
    }
  }

  private static func write(_ name: StageName, of folder: String, to db: Database) throws {
    let stage = StageFolder(folder, name)
    guard let manifest = try stage.manifest() else { return }
    try db.execute(
      sql: "INSERT INTO stages VALUES (?, ?, ?, ?, ?)",
      arguments: [
        name.rawValue, manifest.json(manifest.options), manifest.json(manifest.inputs),
        manifest.json(manifest.counts), manifest.digest,
      ])
    for tableName in manifest.tables.keys.sorted() {
      let table = try stage.table(tableName, manifest)
      let sqlName = "\(name.rawValue)_\(tableName)"
      let columns = table.columns.map { "\"\($0.name)\" \($0.values.sqlType)" }
      try db.execute(sql: "CREATE TABLE \(sqlName) (\(columns.joined(separator: ", ")))")
      let marks = table.columns.map { _ in "?" }.joined(separator: ", ")
      let statement = try db.makeStatement(sql: "INSERT INTO \(sqlName) VALUES (\(marks))")
      for row in 0..<table.rowCount {
        let values: [(any DatabaseValueConvertible)?] = table.columns.map { $0.values.value(row) }
        try statement.execute(arguments: StatementArguments(values))
      }
    }
  }
}

extension StageTable.Values {
  fileprivate var sqlType: String {
    switch self {
    case .integers: "INTEGER"
    case .floats, .doubles: "REAL"
    case .texts: "TEXT"
    }
  }

  fileprivate func value(_ row: Int) -> (any DatabaseValueConvertible)? {
    switch self {
    case .integers(let values): values[row] == StageTable.none ? nil : values[row]
    case .floats(let values): values[row].isNaN ? nil : Double(values[row])
    case .doubles(let values): values[row].isNaN ? nil : values[row]
    case .texts(let values): values[row].isEmpty ? nil : values[row]
    }
  }
}
