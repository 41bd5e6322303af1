/// Where the draws of views and masks come from; tests replay recorded ones.
package protocol DrawSource {
  /// A number between two bounds, in either order.
  mutating func uniform(_ low: Double, _ high: Double) -> Double
  /// An integer of a range.
  mutating func integer(_ range: ClosedRange<Int>) -> Int
  /// An order of `0 ..< count`.
  mutating func order(_ count: Int) -> [Int]
}

extension DrawSource {
  /// True with a probability.
  ///
  /// - Parameter probability: 0 to 1.
  /// - Returns: Whether the next number in `[0, 1)` lies below it.
  package mutating func chance(_ probability: Double) -> Bool { uniform(0, 1) < probability }
}

/// A stream of random numbers that is a function of seed, purpose and place.
///
/// Nothing about it has to be stored: whoever knows the place draws the same numbers, on every thread
/// and after every interruption.
///
/// Source: SplitMix64 of Steele, Lea and Flood, 2014.
package struct ViewRandom: RandomNumberGenerator, DrawSource, Sendable {
  /// What numbers are drawn for.
  package enum Purpose: UInt64, Sendable {
    case order = 1
    case crops = 2
    case masks = 3
    case replacement = 4
  }

  private var state: UInt64

  /// Begins a stream.
  ///
  /// - Parameters:
  ///   - seed: The seed of the run.
  ///   - purpose: What the numbers are for.
  ///   - place: Where: a position, a view, an iteration.
  package init(seed: UInt64, _ purpose: Purpose, _ place: Int...) {
    var key = Self.mix(seed ^ Self.mix(purpose.rawValue))
    for number in place { key = Self.mix(key ^ UInt64(truncatingIfNeeded: number)) }
    state = key
  }

  package mutating func next() -> UInt64 {
    state &+= Self.step
    return Self.mix(state)
  }

  private static let step: UInt64 = 0x9E37_79B9_7F4A_7C15

  /// Scatters the bits of a number; one to one.
  static func mix(_ value: UInt64) -> UInt64 {
    var bits = value &+ step
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// A number in `[0, 1)` of 53 bits.
  package mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }

  package mutating func uniform(_ low: Double, _ high: Double) -> Double {
    low + (high - low) * unit()
  }

  package mutating func integer(_ range: ClosedRange<Int>) -> Int {
    Int.random(in: range, using: &self)
  }

  package mutating func order(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    order.shuffle(using: &self)
    return order
  }
}
