/// Writes records as NumPy does, for tests of reading.
struct NpyRecords {
  /// A value of a record.
  enum Value {
    case integer(Int, bytes: Int)
    /// UTF-32 of a fixed number of characters.
    case text(String, length: Int)
    case bytes(String, length: Int)

    var encoded: [UInt8] {
      switch self {
      case .integer(let value, let count):
        return (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
      case .text(let text, let length):
        let scalars = text.unicodeScalars.map(\.value)
        return (scalars + Array(repeating: 0, count: length - scalars.count)).flatMap { scalar in
          (0..<4).map { UInt8(truncatingIfNeeded: scalar >> (8 * $0)) }
        }
      case .bytes(let text, let length):
        return Array(text.utf8) + Array(repeating: 0, count: length - text.utf8.count)
      }
    }
  }

  /// A file of records.
  ///
  /// - Parameters:
  ///   - descriptor: The Python literal of the type.
  ///   - rows: The records.
  ///   - version: The version of the format.
  ///   - count: The announced number of records; nil for the true one.
  /// - Returns: The bytes of the file.
  static func file(
    _ descriptor: String, _ rows: [[Value]], version: UInt8 = 1, count: Int? = nil
  ) -> [UInt8] {
    var header =
      "{'descr': \(descriptor), 'fortran_order': False, 'shape': (\(count ?? rows.count),), }"
    let lengthBytes = version == 1 ? 2 : 4
    while (8 + lengthBytes + header.utf8.count + 1) % 64 != 0 { header += " " }
    header += "\n"
    let length = Value.integer(header.utf8.count, bytes: lengthBytes).encoded
    return [0x93] + Array("NUMPY".utf8) + [version, 0] + length + Array(header.utf8)
      + rows.joined().flatMap(\.encoded)
  }
}
