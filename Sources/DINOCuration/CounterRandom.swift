/// Random numbers that are a function of seed, stream and index: nothing is carried along.
///
/// Whoever knows the place draws the same bits, on every thread, in every order and after every
/// interruption. The numbers of a stream are independent of those of any other.
///
/// Source: Salmon, Moraes, Dror and Shaw, 2011, Philox4x32 with ten rounds.
public struct CounterRandom: Sendable, Equatable {
  /// The seed of the run.
  public let seed: UInt64
  /// What the numbers are drawn for.
  public let stream: UInt64
  /// The index of the number that ``next()`` returns.
  public private(set) var index: UInt64 = 0

  /// Begins a stream at index 0.
  ///
  /// - Parameters:
  ///   - seed: The seed of the run.
  ///   - stream: What the numbers are drawn for.
  public init(seed: UInt64, stream: UInt64) {
    self.seed = seed
    self.stream = stream
  }

  /// The 64 bits at an index.
  ///
  /// - Parameter index: Any index.
  public subscript(index: UInt64) -> UInt64 {
    let counter = index >> 1
    let words = Self.philox(
      counter: SIMD4(
        UInt32(truncatingIfNeeded: counter), UInt32(truncatingIfNeeded: counter >> 32),
        UInt32(truncatingIfNeeded: stream), UInt32(truncatingIfNeeded: stream >> 32)),
      key: SIMD2(UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)))
    return index & 1 == 0
      ? UInt64(words[0]) | UInt64(words[1]) << 32 : UInt64(words[2]) | UInt64(words[3]) << 32
  }

  /// The number in `(0, 1)` at an index, both ends excluded.
  ///
  /// - Parameter index: Any index.
  /// - Returns: An odd multiple of 2⁻⁵³.
  public func uniform(at index: UInt64) -> Double {
    (Double(self[index] >> 12) + 0.5) * 0x1p-52
  }

  /// The next 64 bits.
  ///
  /// - Returns: The bits at ``index``, which moves on.
  public mutating func next() -> UInt64 {
    defer { index &+= 1 }
    return self[index]
  }

  /// The next integer below a bound, all equally likely.
  ///
  /// Source: Lemire, 2019, with rejection.
  ///
  /// - Parameter bound: At least 1.
  /// - Returns: An integer of `0 ..< bound`; 0 if the bound is not positive.
  public mutating func integer(below bound: Int) -> Int {
    guard bound > 1 else { return 0 }
    let range = UInt64(bound)
    var product = next().multipliedFullWidth(by: range)
    if product.low < range {
      let threshold = (0 &- range) % range
      while product.low < threshold { product = next().multipliedFullWidth(by: range) }
    }
    return Int(product.high)
  }

  /// Distinct elements of a list in random order, every order equally likely.
  ///
  /// - Parameters:
  ///   - count: How many; all if there are not more.
  ///   - elements: The list.
  /// - Returns: The elements, in the order drawn.
  public mutating func choose<Element>(_ count: Int, of elements: [Element]) -> [Element] {
    // The first steps of the Fisher–Yates shuffle.
    var elements = elements
    let count = max(0, min(count, elements.count))
    for place in 0..<count {
      elements.swapAt(place, place + integer(below: elements.count - place))
    }
    return Array(elements.prefix(count))
  }

  /// Ten rounds of multiplying and mixing.
  ///
  /// - Parameters:
  ///   - counter: Four words, the lowest first.
  ///   - key: Two words.
  /// - Returns: Four random words.
  package static func philox(
    counter: SIMD4<UInt32>, key: SIMD2<UInt32>
  ) -> SIMD4<UInt32> {
    var (words, key) = (counter, key)
    for _ in 0..<10 {
      let first = words[0].multipliedFullWidth(by: 0xD251_1F53)
      let third = words[2].multipliedFullWidth(by: 0xCD9E_8D57)
      words = SIMD4(
        third.high ^ words[1] ^ key[0], third.low, first.high ^ words[3] ^ key[1], first.low)
      key &+= SIMD2(0x9E37_79B9, 0xBB67_AE85)
    }
    return words
  }
}
