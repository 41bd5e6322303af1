/// The fields of a protocol-buffer message, read without a schema.
struct ProtobufFields {
  enum Value: Equatable {
    case integer(UInt64)
    case bytes([UInt8])
  }

  struct BadMessage: Error {}

  private(set) var fields: [(number: Int, value: Value)] = []

  init(_ bytes: [UInt8]) throws {
    var position = 0
    while position < bytes.count {
      let key = try Self.varint(bytes, &position)
      let number = Int(key >> 3)
      switch key & 7 {
      case 0: fields.append((number, .integer(try Self.varint(bytes, &position))))
      case 1: fields.append((number, .integer(try Self.fixed(bytes, &position, 8))))
      case 5: fields.append((number, .integer(try Self.fixed(bytes, &position, 4))))
      case 2:
        let count = Int(try Self.varint(bytes, &position))
        guard count <= bytes.count - position else { throw BadMessage() }
        fields.append((number, .bytes(Array(bytes[position..<(position + count)]))))
        position += count
      default: throw BadMessage()
      }
    }
  }

  private static func varint(_ bytes: [UInt8], _ position: inout Int) throws -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: 0, to: 70, by: 7) {
      guard position < bytes.count else { throw BadMessage() }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << UInt64(shift)
      if byte < 0x80 { return value }
    }
    throw BadMessage()
  }

  private static func fixed(_ bytes: [UInt8], _ position: inout Int, _ count: Int) throws -> UInt64
  {
    guard bytes.count - position >= count else { throw BadMessage() }
    defer { position += count }
    return (0..<count).reduce(0) { $0 | UInt64(bytes[position + $1]) << UInt64(8 * $1) }
  }

  func integer(_ number: Int) -> UInt64? {
    for case (number, .integer(let value)) in fields { return value }
    return nil
  }

  func all(_ number: Int) -> [[UInt8]] {
    fields.compactMap { field in
      guard field.number == number, case .bytes(let bytes) = field.value else { return nil }
      return bytes
    }
  }

  func message(_ number: Int) throws -> ProtobufFields {
    guard let bytes = all(number).first else { throw BadMessage() }
    return try ProtobufFields(bytes)
  }

  func text(_ number: Int) -> String? {
    all(number).first.map { String(decoding: $0, as: UTF8.self) }
  }
}
