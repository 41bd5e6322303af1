/// The cyclic redundancy check of record files: Castagnoli's polynomial, as in RFC 3720, appendix B.4.
package enum CRC32C {
  /// Eight tables, so that a step takes eight bytes; the first is that of the bytewise method.
  private static let tables: [[UInt32]] = {
    let first = (0..<256).map { index -> UInt32 in
      var value = UInt32(index)
      // 0x82F63B78 is the polynomial 0x1EDC6F41 with its bits reversed.
      for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      return value
    }
    var tables = [first]
    for table in 1..<8 {
      tables.append(tables[table - 1].map { $0 >> 8 ^ first[Int($0 & 0xFF)] })
    }
    return tables
  }()

  /// The check of some bytes.
  ///
  /// - Parameter bytes: The bytes.
  /// - Returns: The check, for example `0xE3069283` for the digits 1 to 9.
  package static func checksum(_ bytes: [UInt8]) -> UInt32 {
    let tables = tables
    var value = UInt32.max
    var position = 0
    while position + 8 <= bytes.count {
      var next: UInt32 = 0
      for offset in 0..<8 {
        let mixed = offset < 4 ? UInt8(truncatingIfNeeded: value >> (8 * offset)) : 0
        next ^= tables[7 - offset][Int(bytes[position + offset] ^ mixed)]
      }
      value = next
      position += 8
    }
    for byte in bytes[position...] {
      value = value >> 8 ^ tables[0][Int(UInt8(truncatingIfNeeded: value) ^ byte)]
    }
    return ~value
  }

  /// The check as record files store it: rotated and moved, so that records within records do not check
  /// themselves.
  ///
  /// - Parameter bytes: The bytes.
  /// - Returns: The masked check.
  package static func masked(_ bytes: [UInt8]) -> UInt32 {
    let value = checksum(bytes)
    return (value >> 15 | value << 17) &+ 0xA282_EAD8
  }
}
