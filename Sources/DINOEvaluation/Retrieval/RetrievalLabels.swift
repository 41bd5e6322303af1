internal import DINOData

/// `labels.tsv` beside a retrieval set: the class of every image, at one or several levels.
///
/// The first line names the columns. `file` is the path, `role` is `db` for the gallery and anything
/// else for a kind of queries, each column that ends in `_id` is a level, the finest first. A query
/// should find the gallery images of its class; at a coarser level those of its coarser class. Further
/// columns do not count.
struct RetrievalLabels {
  /// One line of the table.
  private struct Line {
    let name: RawPath
    let role: String
    let classes: [RawPath]
  }

  /// `""` for the finest level, otherwise the column's name without `_id`.
  private let levels: [String]
  private let queries: [Line]
  /// For each level the gallery's rows by class.
  private let rows: [[RawPath: [Int]]]

  /// Reads the table of a folder; nil if there is none or it has no such columns.
  init?(_ folder: RawPath, gallery: NameList) throws(DataError) {
    let path = folder.appending(Array("labels.tsv".utf8))
    guard path.isRegularFile else { return nil }
    let lines = try path.contents(limit: NameList.largest).split(separator: 0x0A)
    guard let header = lines.first.map(Self.fields) else { return nil }
    let names = header.map(\.text)
    let columns = names.indices.filter { names[$0].hasSuffix("_id") }
    guard let file = names.firstIndex(of: "file"), let role = names.firstIndex(of: "role"),
      !columns.isEmpty
    else { return nil }
    levels = columns.enumerated().map { $0 == 0 ? "" : String(names[$1].dropLast(3)) }
    var queries: [Line] = []
    var rows = [[RawPath: [Int]]](repeating: [:], count: levels.count)
    for (number, line) in lines.enumerated().dropFirst() {
      let fields = Self.fields(line)
      guard fields.count == names.count else {
        throw .unusable(
          place: path.displayName,
          problem: "line \(number + 1) has \(fields.count) fields, the first one \(names.count)")
      }
      let entry = Line(
        name: fields[file], role: fields[role].text, classes: columns.map { fields[$0] })
      if entry.role != "db" {
        queries.append(entry)
      } else if let row = gallery.row(of: entry.name) {
        for level in levels.indices { rows[level][entry.classes[level], default: []].append(row) }
      }
    }
    self.queries = queries
    self.rows = rows
  }

  private static func fields(_ line: ArraySlice<UInt8>) -> [RawPath] {
    let line = line.last == 0x0D ? line.dropLast() : line
    return line.split(separator: 0x09, omittingEmptySubsequences: false).map {
      RawPath(bytes: Array($0))
    }
  }

  /// The tasks that the table adds to the main one.
  ///
  /// - Parameters:
  ///   - items: The queries so far; those of the table that are new are added.
  ///   - known: The names of the queries so far.
  ///   - folder: The folder of the set.
  /// - Returns: For each kind of queries and each level a task, but not the main one once more.
  func tasks(
    among items: inout [RetrievalSet.Item], known: NameList, folder: RawPath
  ) -> [RetrievalSet.Task] {
    var tasks: [RetrievalSet.Task] = []
    var roles: [String] = []
    for line in queries where !roles.contains(line.role) { roles.append(line.role) }
    for role in roles {
      let lines = queries.filter { $0.role == role }
      let isMain = lines.allSatisfy { known.row(of: $0.name) != nil }
      var positions: [Int] = []
      for line in lines {
        if let row = known.row(of: line.name) {
          positions.append(row)
        } else {
          positions.append(items.count)
          items.append(.init(ImageReference(file: folder.appending(line.name.bytes))))
        }
      }
      for (level, name) in levels.enumerated() where !(isMain && level == 0) {
        tasks.append(
          .init(
            name: [isMain ? "" : role, name].filter { !$0.isEmpty }.joined(separator: "_"),
            queries: positions,
            truths: lines.map { line in
              .plain(RetrievalTruth(positive: rows[level][line.classes[level]] ?? []))
            }))
      }
    }
    return tasks
  }
}
