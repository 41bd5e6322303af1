/// A table of decisions, column by column.
///
/// As a file it has one line per row with the fields separated by tabs; a missing value is an empty
/// field.
struct StageTable: Sendable, Equatable {
  /// The values of a column.
  enum Values: Sendable, Equatable {
    /// Whole numbers; ``StageTable/none`` is a missing one.
    case integers([Int])
    /// Single-precision numbers; NaN is a missing one.
    case floats([Float])
    /// Double-precision numbers; NaN is a missing one.
    case doubles([Double])
    /// Texts without line breaks; an empty one is missing.
    case texts([String])

    var count: Int {
      switch self {
      case .integers(let values): values.count
      case .floats(let values): values.count
      case .doubles(let values): values.count
      case .texts(let values): values.count
      }
    }

    fileprivate var code: String {
      switch self {
      case .integers: "int"
      case .floats: "float"
      case .doubles: "double"
      case .texts: "text"
      }
    }

    fileprivate func field(_ row: Int) -> String {
      switch self {
      case .integers(let values): values[row] == StageTable.none ? "" : "\(values[row])"
      case .floats(let values): values[row].isNaN ? "" : "\(values[row])"
      case .doubles(let values): values[row].isNaN ? "" : "\(values[row])"
      case .texts(let values): values[row].asField
      }
    }

    fileprivate init?(code: String) {
      switch code {
      case "int": self = .integers([])
      case "float": self = .floats([])
      case "double": self = .doubles([])
      case "text": self = .texts([])
      default: return nil
      }
    }

    /// Adds a field; false if it is no value of the type.
    fileprivate mutating func append(_ field: ArraySlice<UInt8>) -> Bool {
      switch self {
      case .integers(var values):
        self = .texts([])  // lets the array be changed in place
        let value = field.isEmpty ? StageTable.none : Int(field.text)
        values.append(value ?? 0)
        self = .integers(values)
        return value != nil
      case .floats(var values):
        self = .texts([])
        let value = field.isEmpty ? Float.nan : Float(field.text)
        values.append(value ?? 0)
        self = .floats(values)
        return value != nil
      case .doubles(var values):
        self = .texts([])
        let value = field.isEmpty ? Double.nan : Double(field.text)
        values.append(value ?? 0)
        self = .doubles(values)
        return value != nil
      case .texts(var values):
        self = .integers([])
        values.append(field.text)
        self = .texts(values)
        return true
      }
    }
  }

  /// A column.
  struct Column: Sendable, Equatable {
    let name: String
    var values: Values
  }

  /// The missing whole number.
  static let none = Int.min
  private static let kind = "#dinov2-table 1"

  /// The columns; all have ``rowCount`` values.
  private(set) var columns: [Column]

  /// The number of rows.
  var rowCount: Int { columns.first?.values.count ?? 0 }

  /// A table of columns of one length.
  init(_ columns: KeyValuePairs<String, Values>) {
    self.columns = columns.map { Column(name: $0.key, values: $0.value) }
  }

  /// The whole numbers of a column; empty if there is no such column.
  func integers(_ name: String) -> [Int] {
    if case .integers(let values)? = columns.first(where: { $0.name == name })?.values {
      return values
    }
    return []
  }

  /// The single-precision numbers of a column; empty if there is no such column.
  func floats(_ name: String) -> [Float] {
    if case .floats(let values)? = columns.first(where: { $0.name == name })?.values {
      return values
    }
    return []
  }

  /// The double-precision numbers of a column; empty if there is no such column.
  func doubles(_ name: String) -> [Double] {
    if case .doubles(let values)? = columns.first(where: { $0.name == name })?.values {
      return values
    }
    return []
  }

  /// The texts of a column; empty if there is no such column.
  func texts(_ name: String) -> [String] {
    if case .texts(let values)? = columns.first(where: { $0.name == name })?.values {
      return values
    }
    return []
  }

  // MARK: - Files

  /// Writes the table and tells the hash of the file.
  func write(to path: String) throws(StoreError) -> String {
    var writer = try SealedText.Writer(
      path, kind: Self.kind, head: columns.map { "\($0.name):\($0.values.code)" })
    for row in 0..<rowCount {
      try writer.add(columns.map { $0.values.field(row) }.joined(separator: "\t"))
    }
    return try writer.finish()
  }

  /// Reads a table.
  ///
  /// - Throws: ``StoreError/damaged(path:problem:)`` if it is not as it was written.
  init(_ path: String, checksum: String) throws(StoreError) {
    let text = try SealedText(path, kind: Self.kind)
    guard text.checksum == checksum else {
      throw .damaged(path: path, problem: "belongs to another run of its stage")
    }
    columns = []
    for field in text.head {
      let parts = field.split(separator: ":").map(String.init)
      guard parts.count == 2, let values = Values(code: parts[1]) else {
        throw .damaged(path: path, problem: "has a column \(field)")
      }
      columns.append(Column(name: parts[0], values: values))
    }
    for (number, line) in text.lines.enumerated() {
      let fields = line.fields
      guard fields.count == columns.count else {
        throw .damaged(path: path, problem: "line \(number + 2) has \(fields.count) fields")
      }
      for index in columns.indices {
        guard columns[index].values.append(fields[index]) else {
          throw .damaged(
            path: path,
            problem: "line \(number + 2): no \(columns[index].name) in field \(index + 1)")
        }
      }
    }
  }
}
