/// An order of `0 ..< count` that is a function of a key, computed place by place without memory.
///
/// Six rounds of a balanced Feistel network on the next even number of bits, at least 10; results beyond
/// the count are fed in again until one fits, which on average happens fewer than four times where the
/// count is large.
///
/// Source: Black and Rogaway, 2002, "Ciphers with arbitrary finite domains", sections 4 and 5.
package struct KeyedPermutation: Sendable {
  /// The number of places.
  package let count: Int
  private let halfBits: UInt64
  private let keys: SIMD8<UInt64>

  private static let rounds = 6

  /// Creates an order.
  ///
  /// - Parameters:
  ///   - count: The number of places, at least 1.
  ///   - random: Where the key is drawn from.
  package init(count: Int, _ random: ViewRandom) {
    precondition(count > 0, "an order of \(count) places")
    self.count = count
    let bits = max(Int.bitWidth - (count - 1).leadingZeroBitCount, 10)
    halfBits = UInt64(bits + 1) / 2
    var random = random
    var keys = SIMD8<UInt64>()
    for round in 0..<Self.rounds { keys[round] = random.next() }
    self.keys = keys
  }

  /// What stands at a place.
  ///
  /// - Parameter place: The place, below the count.
  package subscript(place: Int) -> Int {
    precondition((0..<count).contains(place), "place \(place) of \(count)")
    var value = UInt64(place)
    repeat { value = permuted(value) } while value >= UInt64(count)
    return Int(value)
  }

  private func permuted(_ value: UInt64) -> UInt64 {
    let mask = (1 as UInt64) << halfBits - 1
    var (left, right) = (value >> halfBits, value & mask)
    for round in 0..<Self.rounds {
      (left, right) = (right, left ^ (ViewRandom.mix(right ^ keys[round]) & mask))
    }
    return left << halfBits | right
  }
}
