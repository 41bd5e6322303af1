import Telemetry
import Testing

@Suite("CRC32C")
struct CRC32CTests {
  @Test(
    "agrees with the examples of RFC 3720, appendix B.4, and the usual check value",
    arguments: [
      (Array("123456789".utf8), 0xE306_9283), ([UInt8](repeating: 0, count: 32), 0x8A91_36AA),
      ([UInt8](repeating: 0xFF, count: 32), 0x62A8_AB43), (Array(0..<32), 0x46DD_794E),
      (Array((0..<32).reversed()), 0x113F_DB5C), ([], 0),
    ] as [([UInt8], UInt32)])
  func examples(bytes: [UInt8], expected: UInt32) {
    #expect(CRC32C.checksum(bytes) == expected)
  }

  @Test("agrees with the definition bit by bit for every length and rest")
  func definition() {
    let bytes = (0..<67).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 7) }
    for count in 0...bytes.count {
      var value = UInt32.max
      for byte in bytes.prefix(count) {
        value ^= UInt32(byte)
        for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0x82F6_3B78 : value >> 1 }
      }
      #expect(CRC32C.checksum(Array(bytes.prefix(count))) == ~value, "\(count) bytes")
    }
  }

  @Test("masking can be undone")
  func masked() {
    let bytes = Array("123456789".utf8)
    let rotated = CRC32C.masked(bytes) &- 0xA282_EAD8

    #expect(rotated >> 17 | rotated << 15 == CRC32C.checksum(bytes))
  }
}
