/// A one-dimensional `.npy` file of records (NumPy's structured arrays), read row by row.
///
/// Fields are little-endian integers (`u1` to `u8`, `i1` to `i8`), text of fixed length (`U`, UTF-32) and
/// bytes of fixed length (`S`). A plain array of one of these types has a single field without name.
/// Python objects, nested fields and other types are refused.
///
/// Source: "NEP 1 - A simple file format for NumPy arrays".
struct RecordTable {
  /// One field of each record.
  struct Field: Equatable {
    enum Kind: Equatable {
      case unsigned
      case signed
      /// UTF-32, little-endian.
      case text
      case bytes
    }

    let kind: Kind
    /// Where in the record it begins, in bytes.
    let offset: Int
    /// Its size in bytes.
    let size: Int
  }

  /// One record.
  struct Row {
    fileprivate let bytes: ArraySlice<UInt8>

    /// The value of a field of integers, nil if an `Int` cannot hold it.
    func integer(_ field: Field) -> Int? {
      let digits = slice(field)
      var value: UInt64 = 0
      for byte in digits.reversed() { value = value << 8 | UInt64(byte) }
      guard field.kind == .signed else { return Int(exactly: value) }
      let shift = 64 - 8 * field.size
      return Int(Int64(bitPattern: value << UInt64(shift)) >> Int64(shift))
    }

    /// The value of a field of text, nil if it is damaged.
    func text(_ field: Field) -> String? {
      let content = slice(field)
      guard field.kind == .text else {
        return String(validating: content.prefix { $0 != 0 }, as: UTF8.self)
      }
      var result = String.UnicodeScalarView()
      for start in stride(from: content.startIndex, to: content.endIndex, by: 4) {
        let value = content[start..<start + 4].reversed().reduce(0 as UInt32) {
          $0 << 8 | UInt32($1)
        }
        if value == 0 { break }
        guard let scalar = Unicode.Scalar(value) else { return nil }
        result.append(scalar)
      }
      return String(result)
    }

    private func slice(_ field: Field) -> ArraySlice<UInt8> {
      let start = bytes.startIndex + field.offset
      return bytes[start..<start + field.size]
    }
  }

  /// The number of records.
  let count: Int
  private let file: InputFile
  private let fields: [String: Field]
  private let rowSize: Int
  private let start: Int

  private static let largestHeader = 1 << 20
  private static let largestRow = 1 << 20

  /// Opens a file and reads its header.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``DataError`` if the file cannot be read, is damaged, or holds other types.
  init(_ path: RawPath) throws(DataError) {
    file = try InputFile(path)
    let refused = { DataError.refused(path: path.displayName, problem: $0) }
    let magic = try file.read(at: 0, count: 12)
    guard magic.count == 12, magic.starts(with: [0x93] + Array("NUMPY".utf8)),
      (1...3).contains(magic[6])
    else {
      throw refused("is no .npy file of version 1 to 3; its first bytes are \(magic.prefix(8))")
    }
    let lengthSize = magic[6] == 1 ? 2 : 4
    let length = magic[8..<8 + lengthSize].reversed().reduce(0) { $0 << 8 | Int($1) }
    start = 8 + lengthSize + length
    guard length <= Self.largestHeader,
      case .dictionary(let header)? = PythonLiteral.parse(
        try file.read(at: 8 + lengthSize, count: length)),
      case .sequence(let shape)? = header["shape"], case .integer(let count)? = shape.first,
      shape.count == 1, count >= 0, let descriptor = header["descr"]
    else {
      throw refused("has a damaged header, or is no list; expected descr and a shape of one number")
    }
    guard let (fields, rowSize) = Self.fields(of: descriptor),
      (1...Self.largestRow).contains(rowSize)
    else {
      throw refused(
        "holds \(descriptor); expected records of little-endian integers and text without objects")
    }
    let (size, overflow) = count.multipliedReportingOverflow(by: rowSize)
    guard !overflow, size == file.size - start else {
      throw refused(
        "has \(file.size - start) bytes of data; \(count) records of \(rowSize) bytes were announced"
      )
    }
    (self.count, self.fields, self.rowSize) = (count, fields, rowSize)
  }

  private static func fields(of descriptor: PythonLiteral) -> ([String: Field], Int)? {
    if case .text(let type) = descriptor {
      return field(type, at: 0).map { (["": $0], $0.size) }
    }
    guard case .sequence(let list) = descriptor else { return nil }
    var fields: [String: Field] = [:]
    var offset = 0
    for item in list {
      guard case .sequence(let pair) = item, pair.count == 2, case .text(let name) = pair[0],
        case .text(let type) = pair[1], let field = field(type, at: offset)
      else { return nil }
      fields[name] = field
      offset += field.size
    }
    return (fields, offset)
  }

  private static func field(_ type: String, at offset: Int) -> Field? {
    guard let order = type.first, "<|".contains(order), let size = Int(type.dropFirst(2)),
      (0...largestRow / 4).contains(size)
    else { return nil }
    switch type.dropFirst().first {
    case "u" where [1, 2, 4, 8].contains(size):
      return Field(kind: .unsigned, offset: offset, size: size)
    case "i" where [1, 2, 4, 8].contains(size):
      return Field(kind: .signed, offset: offset, size: size)
    case "U": return Field(kind: .text, offset: offset, size: 4 * size)
    case "S": return Field(kind: .bytes, offset: offset, size: size)
    default: return nil
    }
  }

  /// A field by name.
  ///
  /// - Parameters:
  ///   - name: The name.
  ///   - isText: Whether text is wanted, or an integer.
  /// - Returns: The field.
  /// - Throws: ``DataError/refused(path:problem:)`` if there is no such field of that kind.
  func field(_ name: String, isText: Bool) throws(DataError) -> Field {
    guard let field = fields[name], [.text, .bytes].contains(field.kind) == isText else {
      throw .refused(
        path: file.path.displayName,
        problem: "has no field \"\(name)\" of \(isText ? "text" : "integers"); it has "
          + fields.keys.sorted().joined(separator: ", "))
    }
    return field
  }

  /// Whether there is a field of a name.
  func has(_ name: String) -> Bool { fields[name] != nil }

  /// Calls a closure with each record in order.
  ///
  /// - Parameter body: Takes the record and its number; what it throws ends the walk.
  /// - Throws: What the closure throws, and ``DataError`` if the file cannot be read.
  func walk(_ body: (Row, Int) throws(DataError) -> Void) throws(DataError) {
    let rows = max((4 << 20) / rowSize, 1)
    for first in stride(from: 0, to: count, by: rows) {
      let part = min(rows, count - first)
      let bytes = try file.read(at: start + first * rowSize, count: part * rowSize)
      guard bytes.count == part * rowSize else {
        throw .refused(path: file.path.displayName, problem: "was shortened while it was read")
      }
      for row in 0..<part {
        try body(Row(bytes: bytes[row * rowSize..<(row + 1) * rowSize]), first + row)
      }
    }
  }
}
