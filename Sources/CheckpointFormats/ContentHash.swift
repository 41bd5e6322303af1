/// A hash of 128 bits that tells contents apart; not meant against forgery.
///
/// Words of eight bytes go through two chains of multiplications and rotations, which is as fast as
/// memory; the end is scattered as in MurmurHash3. The value is the same on every machine.
package struct ContentHash: Sendable {
  private var first: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var second: UInt64 = 0xC2B2_AE3D_27D4_EB4F

  /// Begins a hash.
  package init() {}

  /// Adds a number.
  package mutating func add(_ word: UInt64) {
    // Primes of xxHash and MurmurHash3; any odd numbers without pattern would do.
    first = Self.rotated(first ^ word, by: 31) &* 0x9FB2_1C65_1E98_DF25
    second = Self.rotated(second &+ word &* 0x87C3_7B91_1142_53D5, by: 27) &* 0x4CF5_AD43_2745_937F
  }

  /// Adds bytes and their number.
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    let whole = bytes.count & ~7
    for offset in stride(from: 0, to: whole, by: 8) {
      add(UInt64(littleEndian: unsafe bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
    }
    var rest: UInt64 = 0
    for offset in whole..<bytes.count {
      rest |= unsafe UInt64(bytes[offset]) << UInt64(8 * (offset - whole))
    }
    add(rest)
    add(UInt64(bytes.count))
  }

  /// Adds bytes and their number.
  package mutating func add(_ bytes: [UInt8]) {
    unsafe bytes.withUnsafeBytes { unsafe add($0) }
  }

  /// Adds a text.
  package mutating func add(_ text: String) { add(Array(text.utf8)) }

  /// The hash of what was added so far, 32 hexadecimal digits.
  package var text: String {
    let mixed = [Self.mix(first ^ Self.mix(second)), Self.mix(second &+ Self.mix(first))]
    return mixed.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }.joined()
  }

  private static func rotated(_ word: UInt64, by count: UInt64) -> UInt64 {
    word << count | word >> (64 - count)
  }

  private static func mix(_ word: UInt64) -> UInt64 {
    var bits = word
    bits = (bits ^ (bits >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    bits = (bits ^ (bits >> 33)) &* 0xC4CE_B9FE_1A85_EC53
    return bits ^ (bits >> 33)
  }
}
