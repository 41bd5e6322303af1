import DINOData
import Testing

/// Gives out draws that were recorded, and notes every question that was not asked then.
struct RecordedDraws: DrawSource {
  /// One recorded draw.
  enum Draw: Decodable {
    case uniform(low: Double, high: Double, value: Double)
    case integer(low: Int, high: Int, value: Int)
    /// The old place of each new one.
    case shuffle([Int])

    init(from decoder: any Decoder) throws {
      var list = try decoder.unkeyedContainer()
      let kind = try list.decode(String.self)
      if kind == "shuffle" {
        self = .shuffle(try list.decode([Int].self))
      } else if kind == "uniform" {
        self = .uniform(
          low: try list.decode(Double.self), high: try list.decode(Double.self),
          value: try list.decode(Double.self))
      } else {
        self = .integer(
          low: try list.decode(Int.self), high: try list.decode(Int.self),
          value: try list.decode(Int.self))
      }
    }
  }

  private(set) var rest: ArraySlice<Draw>
  private(set) var problems: [String] = []

  init(_ draws: [Draw]) { rest = draws[...] }

  mutating func uniform(_ low: Double, _ high: Double) -> Double {
    guard case .uniform(let first, let last, let value)? = rest.popFirst(),
      abs(first - low) <= 1e-9 * max(1, abs(low)), abs(last - high) <= 1e-9 * max(1, abs(high))
    else {
      problems.append("uniform(\(low), \(high)) was not drawn")
      return low
    }
    return value
  }

  mutating func integer(_ range: ClosedRange<Int>) -> Int {
    guard case .integer(range.lowerBound, range.upperBound, let value)? = rest.popFirst() else {
      problems.append("integer(\(range)) was not drawn")
      return range.lowerBound
    }
    return value
  }

  mutating func order(_ count: Int) -> [Int] {
    guard case .shuffle(let order)? = rest.popFirst(), order.count == count else {
      problems.append("order(\(count)) was not drawn")
      return Array(0..<count)
    }
    return order
  }
}

/// PyTorch's generator on the processor: the Mersenne Twister of Matsumoto and Nishimura, 1998.
struct MersenneTwister: DrawSource {
  private var state: [UInt32]
  private var index = 624

  init(seed: UInt32) {
    state = [seed]
    for number in 1..<624 {
      let last = state[number - 1]
      state.append(1_812_433_253 &* (last ^ (last >> 30)) &+ UInt32(number))
    }
  }

  private mutating func next() -> UInt32 {
    if index == 624 {
      for i in 0..<624 {
        let joined = (state[i] & 0x8000_0000) | (state[(i + 1) % 624] & 0x7FFF_FFFF)
        state[i] = state[(i + 397) % 624] ^ (joined >> 1) ^ (joined & 1 == 0 ? 0 : 0x9908_B0DF)
      }
      index = 0
    }
    var bits = state[index]
    index += 1
    bits ^= bits >> 11
    bits ^= (bits << 7) & 0x9D2C_5680
    bits ^= (bits << 15) & 0xEFC6_0000
    return bits ^ (bits >> 18)
  }

  mutating func uniform(_ low: Double, _ high: Double) -> Double {
    let unit = Float(next() & 0xFF_FFFF) * 0x1p-24
    return Double(unit * (Float(high) - Float(low)) + Float(low))
  }

  mutating func integer(_ range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next()) % range.count
  }

  mutating func order(_ count: Int) -> [Int] {
    var order = Array(0..<count)
    for index in 0..<max(count - 1, 0) {
      order.swapAt(index, index + Int(next()) % (count - index))
    }
    return order
  }
}
