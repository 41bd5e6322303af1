/// The checksum of zip files: CRC-32 with the polynomial 0xEDB88320 (reflected).
///
/// Sixteen bytes are folded per step with sixteen tables ("slicing", Kounavis and Berry, 2005), in
/// two independent streams, because one step waits for the table look-ups of the one before.
struct CRC32 {
  private static let tables: [UInt32] = {
    var tables = [UInt32](repeating: 0, count: 16 * 256)
    for value in 0..<256 {
      var remainder = UInt32(value)
      for _ in 0..<8 {
        remainder = remainder & 1 == 1 ? remainder >> 1 ^ 0xEDB8_8320 : remainder >> 1
      }
      tables[value] = remainder
    }
    for index in 256..<(16 * 256) {
      let before = tables[index - 256]
      tables[index] = before >> 8 ^ tables[Int(before & 0xFF)]
    }
    return tables
  }()

  private var remainder: UInt32 = 0xFFFF_FFFF

  /// The checksum of everything added so far.
  var value: UInt32 { ~remainder }

  /// The checksum of some bytes.
  static func checksum(of bytes: UnsafeRawBufferPointer) -> UInt32 {
    var crc = CRC32()
    unsafe crc.add(bytes)
    return crc.value
  }

  /// Adds bytes.
  mutating func add(_ bytes: UnsafeRawBufferPointer) {
    remainder = unsafe CRC32.tables.withUnsafeBufferPointer { tables in
      unsafe CRC32.extend(remainder, with: bytes, tables: tables)
    }
  }

  private static func extend(
    _ start: UInt32, with bytes: UnsafeRawBufferPointer, tables: UnsafeBufferPointer<UInt32>
  ) -> UInt32 {
    guard let table = tables.baseAddress, let base = bytes.baseAddress else { return start }
    var crc = start
    var offset = 0
    while bytes.count - offset >= 16 {
      unsafe crc = step(crc, base + offset, table)
      offset += 16
    }
    while offset < bytes.count {
      unsafe crc = crc >> 8 ^ table[Int((crc ^ UInt32(bytes[offset])) & 0xFF)]
      offset += 1
    }
    return crc
  }

  @inline(__always)
  private static func step(
    _ crc: UInt32, _ bytes: UnsafeRawPointer, _ table: UnsafePointer<UInt32>
  ) -> UInt32 {
    let low = unsafe bytes.loadUnaligned(as: UInt64.self) ^ UInt64(crc)
    let high = unsafe bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)
    @inline(__always) func entry(_ row: Int, _ word: UInt64, _ shift: UInt64) -> UInt32 {
      unsafe table[row << 8 | Int(truncatingIfNeeded: word &>> shift & 0xFF)]
    }
    let first =
      entry(15, low, 0) ^ entry(14, low, 8) ^ entry(13, low, 16) ^ entry(12, low, 24)
    let second =
      entry(11, low, 32) ^ entry(10, low, 40) ^ entry(9, low, 48) ^ entry(8, low, 56)
    let third =
      entry(7, high, 0) ^ entry(6, high, 8) ^ entry(5, high, 16) ^ entry(4, high, 24)
    let fourth =
      entry(3, high, 32) ^ entry(2, high, 40) ^ entry(1, high, 48) ^ entry(0, high, 56)
    return (first ^ second) ^ (third ^ fourth)
  }
}
