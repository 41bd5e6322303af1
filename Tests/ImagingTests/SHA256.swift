/// SHA-256 (FIPS 180-4), for comparing pixels with digests in fixtures.
enum SHA256 {
  private static let constants: [UInt32] = primes(64).map { fraction(of: cbrt($0)) }

  /// The digest as lower-case hexadecimal digits.
  static func hexadecimal(_ bytes: [UInt8]) -> String {
    var message = bytes
    message.append(0x80)
    while message.count % 64 != 56 { message.append(0) }
    let bits = UInt64(bytes.count) * 8
    for shift in stride(from: 56, through: 0, by: -8) {
      message.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
    }
    var state: [UInt32] = primes(8).map { fraction(of: $0.squareRoot()) }
    message.withUnsafeBufferPointer { message in
      for block in stride(from: 0, to: message.count, by: 64) {
        update(&state, UnsafeBufferPointer(rebasing: message[block..<block + 64]))
      }
    }
    return state.map { word in
      let digits = String(word, radix: 16)
      return String(repeating: "0", count: 8 - digits.count) + digits
    }.joined()
  }

  private static func update(_ state: inout [UInt32], _ block: UnsafeBufferPointer<UInt8>) {
    withUnsafeTemporaryAllocation(of: UInt32.self, capacity: 64) { schedule in
      for index in 0..<16 {
        schedule[index] = (0..<4).reduce(0) { $0 << 8 | UInt32(block[4 * index + $1]) }
      }
      for index in 16..<64 {
        let (a, b) = (schedule[index - 15], schedule[index - 2])
        let small = a.turned(7) ^ a.turned(18) ^ a >> 3
        let large = b.turned(17) ^ b.turned(19) ^ b >> 10
        schedule[index] = schedule[index - 16] &+ small &+ schedule[index - 7] &+ large
      }
      var (a, b, c, d) = (state[0], state[1], state[2], state[3])
      var (e, f, g, h) = (state[4], state[5], state[6], state[7])
      for index in 0..<64 {
        let choice = e & f ^ ~e & g
        let first =
          h &+ (e.turned(6) ^ e.turned(11) ^ e.turned(25)) &+ choice &+ constants[index]
          &+ schedule[index]
        let majority = a & b ^ a & c ^ b & c
        let second = (a.turned(2) ^ a.turned(13) ^ a.turned(22)) &+ majority
        (h, g, f, e, d, c, b, a) = (g, f, e, d &+ first, c, b, a, first &+ second)
      }
      for (index, value) in [a, b, c, d, e, f, g, h].enumerated() { state[index] &+= value }
    }
  }

  private static func primes(_ count: Int) -> [Double] {
    Array(
      (2...400).lazy.filter { number in
        !(2..<number).contains { $0 * $0 <= number && number % $0 == 0 }
      }.prefix(count)
    ).map(Double.init)
  }

  private static func cbrt(_ value: Double) -> Double {
    var root = value
    for _ in 0..<100 { root = (2 * root + value / (root * root)) / 3 }
    return root
  }

  /// The first 32 bits after the point.
  private static func fraction(of value: Double) -> UInt32 {
    UInt32((value - value.rounded(.down)) * 4_294_967_296)
  }
}

extension UInt32 {
  fileprivate func turned(_ bits: UInt32) -> UInt32 { self >> bits | self << (32 - bits) }
}
