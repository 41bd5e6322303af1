internal import CheckpointFormats
internal import DINOData
internal import FoundationEssentials
internal import GRDB

/// The table of a gallery's images, in an SQLite file.
///
/// Rows carry checksums, so that a damaged file is noticed wherever the damage is. All changes of one
/// step are one transaction.
final class GalleryCatalogue {
  /// A file of descriptors.
  struct Segment: Sendable, Equatable {
    let id: Int
    let rows: Int
    /// The hash of the file.
    let checksum: String
  }

  /// An index over the rows, in a file of its own.
  struct IndexEntry: Sendable, Equatable {
    /// What kind of index, and with which settings.
    var settings: String
    /// The file's name in the folder.
    var file: String
    /// The hash of the file.
    var checksum: String
    /// How many rows it holds.
    var rows: Int
    /// The hash of the places of those rows.
    var places: String
  }

  /// The file.
  let path: String
  private let queue: DatabaseQueue

  private static let version = 1
  /// "DINO" in ASCII: tells our files from other SQLite files.
  private static let application = 0x4449_4E4F

  /// Opens a catalogue.
  ///
  /// - Throws: ``GalleryError`` if there is none, or it is damaged.
  init(opening path: String) throws(GalleryError) {
    guard FileManager.default.fileExists(atPath: path) else {
      let folder = path.split(separator: "/", omittingEmptySubsequences: false).dropLast()
      throw .missing(path: folder.joined(separator: "/"))
    }
    self.path = path
    queue = try Self.attempt(path) { try Self.open(path) }
    try attempt { queue in
      try queue.read { db in
        let problems = try String.fetchAll(db, sql: "PRAGMA quick_check(1)")
        guard problems == ["ok"] else {
          throw Self.damaged(path, "the catalogue is damaged: \(problems.first ?? "no answer")")
        }
        let application = try Int.fetchOne(db, sql: "PRAGMA application_id") ?? 0
        let version = try Int.fetchOne(db, sql: "PRAGMA user_version") ?? 0
        guard application == Self.application, version == Self.version else {
          throw GalleryError.incompatible(
            path: path,
            problem: "is no catalogue of this program, or of another version (\(version), expected "
              + "\(Self.version)); name another --index, or build it anew with --rebuild")
        }
      }
    }
  }

  /// Makes a catalogue.
  ///
  /// - Throws: ``GalleryError`` if the file cannot be written.
  init(creating path: String, _ settings: GallerySettings) throws(GalleryError) {
    self.path = path
    queue = try Self.attempt(path) { try Self.open(path) }
    try attempt { queue in
      try queue.write { db in
        try db.execute(sql: Self.schema)
        try Self.write(settings, to: db)
        try db.execute(sql: "PRAGMA application_id = \(Self.application)")
        try db.execute(sql: "PRAGMA user_version = \(Self.version)")
      }
    }
  }

  private static func open(_ path: String) throws -> DatabaseQueue {
    var configuration = Configuration()
    configuration.busyMode = .timeout(10)
    configuration.prepareDatabase { db in
      // A step that was acknowledged survives a loss of power.
      try db.execute(sql: "PRAGMA synchronous = FULL")
    }
    return try DatabaseQueue(path: path, configuration: configuration)
  }

  private static let schema = """
    CREATE TABLE gallery (
      id INTEGER PRIMARY KEY CHECK (id = 1), settings TEXT NOT NULL, checksum TEXT NOT NULL);
    CREATE TABLE segments (
      id INTEGER PRIMARY KEY, rows INTEGER NOT NULL, checksum TEXT NOT NULL);
    CREATE TABLE images (
      id INTEGER PRIMARY KEY, location BLOB NOT NULL UNIQUE, name BLOB NOT NULL,
      size INTEGER NOT NULL, modified INTEGER NOT NULL, checked INTEGER NOT NULL,
      content BLOB NOT NULL, segment INTEGER, row INTEGER, problem TEXT, checksum TEXT NOT NULL);
    CREATE TABLE indexes (
      settings TEXT PRIMARY KEY, file TEXT NOT NULL, checksum TEXT NOT NULL, rows INTEGER NOT NULL,
      places TEXT NOT NULL);
    """

  // MARK: - Settings

  /// How images are described.
  func settings() throws(GalleryError) -> GallerySettings {
    let path = path
    return try attempt { queue in
      try queue.read { db in
        guard
          let row = try Row.fetchOne(
            db, sql: "SELECT settings, checksum FROM gallery WHERE id = 1"),
          let text = try row.value(0) as String?, try row.value(1) == Self.checksum(of: text),
          let settings = try? JSONDecoder().decode(GallerySettings.self, from: Data(text.utf8))
        else { throw Self.damaged(path, "the settings are damaged") }
        return settings
      }
    }
  }

  private static func write(_ settings: GallerySettings, to db: Database) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    let text = String(decoding: try encoder.encode(settings), as: UTF8.self)
    try db.execute(
      sql: "INSERT OR REPLACE INTO gallery VALUES (1, ?, ?)",
      arguments: [text, checksum(of: text)])
  }

  // MARK: - Reading

  /// Everything at one moment; `body` runs before anyone can change the files that it names.
  func snapshot<Result>(
    _ body: (
      _ segments: [Segment], _ places: [(id: Int, place: GalleryRecord.Place)],
      _ indexes: [IndexEntry]
    ) throws -> Result
  ) throws(GalleryError) -> Result {
    try attempt { queue in
      try queue.read { db in
        let segments = try Row.fetchAll(
          db, sql: "SELECT id, rows, checksum FROM segments ORDER BY id"
        )
        .map { row in
          Segment(
            id: try row.needed(0), rows: try row.needed(1), checksum: try row.needed(2))
        }
        var places: [(id: Int, place: GalleryRecord.Place)] = []
        let rows = try Row.fetchCursor(
          db,
          sql: "SELECT id, segment, row FROM images WHERE segment IS NOT NULL ORDER BY segment, row"
        )
        while let row = try rows.next() {
          places.append(
            (try row.needed(0), .init(segment: try row.needed(1), row: try row.needed(2))))
        }
        let indexes = try Row.fetchAll(
          db, sql: "SELECT settings, file, checksum, rows, places FROM indexes ORDER BY settings"
        ).map { row in
          IndexEntry(
            settings: try row.needed(0), file: try row.needed(1), checksum: try row.needed(2),
            rows: try row.needed(3), places: try row.needed(4))
        }
        return try body(segments, places, indexes)
      }
    }
  }

  private static let columns =
    "id, location, name, size, modified, checked, content, segment, row, problem, checksum"

  /// All images, with the numbers that ``snapshot(_:)`` calls them by.
  func records() throws(GalleryError) -> [(id: Int, record: GalleryRecord)] {
    try select("", [])
  }

  /// Images by their numbers.
  func records(_ ids: [Int]) throws(GalleryError) -> [Int: GalleryRecord] {
    var result: [Int: GalleryRecord] = [:]
    for start in stride(from: 0, to: ids.count, by: 500) {
      let part = ids[start..<min(start + 500, ids.count)]
      let marks = part.map { _ in "?" }.joined(separator: ",")
      for (id, record) in try select("WHERE id IN (\(marks))", Array(part)) { result[id] = record }
    }
    return result
  }

  /// The image at a place, or with a name as it was given.
  func record(at location: RawPath, named name: RawPath) throws(GalleryError) -> GalleryRecord? {
    let found = try select(
      "WHERE location = ? OR name = ? ORDER BY location = ? DESC LIMIT 1",
      [Data(location.bytes), Data(name.bytes), Data(location.bytes)])
    return found.first?.record
  }

  private func select(
    _ condition: String, _ arguments: [any DatabaseValueConvertible]
  ) throws(GalleryError) -> [(id: Int, record: GalleryRecord)] {
    let path = path
    return try attempt { queue in
      try queue.read { db in
        let rows = try Row.fetchCursor(
          db, sql: "SELECT \(Self.columns) FROM images \(condition)",
          arguments: StatementArguments(arguments))
        var found: [(id: Int, record: GalleryRecord)] = []
        while let row = try rows.next() {
          let (id, record) = (try row.needed(0) as Int, try GalleryRecord(row))
          guard try row.value(10) == record.checksum else {
            throw Self.damaged(path, "the catalogue's entry \(id) is damaged")
          }
          found.append((id, record))
        }
        return found
      }
    }
  }

  // MARK: - Writing

  /// Makes changes in one step.
  func change(_ body: (GalleryChanges) throws -> Void) throws(GalleryError) {
    try attempt { queue in try queue.write { db in try body(GalleryChanges(db)) } }
  }

  // MARK: - Errors

  private static func damaged(_ path: String, _ problem: String) -> GalleryError {
    .damaged(
      path: path,
      problem: "\(problem); describe the images anew with 'dinov2 search build INPUT... "
        + "--rebuild'")
  }

  private static func checksum(of text: String) -> String {
    var hash = ContentHash()
    hash.add(text)
    return hash.text
  }

  private func attempt<Result>(
    _ body: (DatabaseQueue) throws -> Result
  ) throws(GalleryError) -> Result {
    let queue = queue
    return try Self.attempt(path) { try body(queue) }
  }

  private static func attempt<Result>(
    _ path: String, _ body: () throws -> Result
  ) throws(GalleryError) -> Result {
    do { return try body() } catch let error as GalleryError { throw error } catch is BadValue {
      throw damaged(path, "the catalogue is damaged: a value has the wrong type")
    } catch let error as DatabaseError {
      switch error.resultCode {
      case .SQLITE_CORRUPT, .SQLITE_NOTADB, .SQLITE_ERROR, .SQLITE_MISMATCH, .SQLITE_CONSTRAINT:
        throw damaged(path, "the catalogue is damaged: \(error.message ?? "\(error.resultCode)")")
      case .SQLITE_BUSY:
        throw .system(
          path: path, problem: "is in use by another process for more than 10 s; try again later")
      default:
        throw .system(
          path: path,
          problem: "\(error.message ?? "SQLite failed") (\(error.extendedResultCode.rawValue))")
      }
    } catch { throw .system(path: path, problem: "\(error)") }
  }
}

/// Changes of a catalogue that take effect together.
struct GalleryChanges {
  private let db: Database

  fileprivate init(_ db: Database) { self.db = db }

  /// Adds a file of descriptors.
  func add(_ segment: GalleryCatalogue.Segment) throws {
    try db.execute(
      sql: "INSERT INTO segments VALUES (?, ?, ?)",
      arguments: [segment.id, segment.rows, segment.checksum])
  }

  /// The files of descriptors.
  func segmentIDs() throws -> [Int] { try Int.fetchAll(db, sql: "SELECT id FROM segments") }

  /// Forgets files of descriptors.
  func removeSegments(_ ids: [Int]) throws {
    for id in ids { try db.execute(sql: "DELETE FROM segments WHERE id = ?", arguments: [id]) }
  }

  /// Adds an image, or replaces what is known of the one at the same place.
  func put(_ record: GalleryRecord) throws {
    try db.execute(
      sql: """
        INSERT INTO images
          (location, name, size, modified, checked, content, segment, row, problem, checksum)
          VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (location) DO UPDATE SET
          name = excluded.name, size = excluded.size, modified = excluded.modified,
          checked = excluded.checked, content = excluded.content, segment = excluded.segment,
          row = excluded.row, problem = excluded.problem, checksum = excluded.checksum
        """,
      arguments: [
        Data(record.location.bytes), Data(record.name.bytes), record.stamp.size,
        record.stamp.modified, record.checked, Data(record.content), record.place?.segment,
        record.place?.row, record.problem, record.checksum,
      ])
  }

  /// Forgets images.
  func remove(_ locations: [RawPath]) throws {
    for location in locations {
      try db.execute(
        sql: "DELETE FROM images WHERE location = ?", arguments: [Data(location.bytes)])
    }
  }

  /// Notes an index; those of other settings are forgotten.
  func set(_ index: GalleryCatalogue.IndexEntry?) throws {
    try db.execute(sql: "DELETE FROM indexes")
    guard let index else { return }
    try db.execute(
      sql: "INSERT INTO indexes VALUES (?, ?, ?, ?, ?)",
      arguments: [index.settings, index.file, index.checksum, index.rows, index.places])
  }
}

/// A value of another type than its column's.
private struct BadValue: Error {}

extension Row {
  /// A value, or nil for NULL; subscripts would end the program at a value of another type.
  fileprivate func value<Value: DatabaseValueConvertible>(_ index: Int) throws -> Value? {
    let stored: DatabaseValue = self[index]
    if stored.isNull { return nil }
    guard let value = Value.fromDatabaseValue(stored) else { throw BadValue() }
    return value
  }

  /// A value that must be there.
  fileprivate func needed<Value: DatabaseValueConvertible>(_ index: Int) throws -> Value {
    guard let value: Value = try value(index) else { throw BadValue() }
    return value
  }
}

extension GalleryRecord {
  /// An entry of the table `images`.
  fileprivate init(_ row: Row) throws {
    func bytes(_ index: Int) throws -> [UInt8] { Array(try row.needed(index) as Data) }
    self.init(
      location: RawPath(bytes: try bytes(1)), name: RawPath(bytes: try bytes(2)),
      stamp: FileStamp(size: try row.needed(3), modified: try row.needed(4)),
      checked: try row.needed(5), content: try bytes(6))
    if let segment: Int = try row.value(7), let position: Int = try row.value(8) {
      place = Place(segment: segment, row: position)
    }
    problem = try row.value(9)
  }
}
