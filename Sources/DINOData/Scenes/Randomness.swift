/// SplitMix64: a stream of random bits that is a function of its seed on every machine.
///
/// Source: Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number generators".
struct SceneRandom: RandomNumberGenerator {
  private var state: UInt64

  /// Begins the stream of one purpose.
  ///
  /// - Parameters:
  ///   - seed: The seed of all purposes.
  ///   - stream: The purpose, for example the index of a scene.
  init(seed: UInt64, stream: UInt64 = 0) {
    state = SceneRandom.mix(seed &+ SceneRandom.mix(stream &+ 0x9E37_79B9_7F4A_7C15))
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    return SceneRandom.mix(state)
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var bits = value
    bits = (bits ^ (bits >> 30)) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
    return bits ^ (bits >> 31)
  }

  /// A number in `[0, 1)` of 24 random bits, which a `Float` holds exactly.
  mutating func unit() -> Float { Float(next() >> 40) * (1 / 16_777_216) }

  /// A number between two bounds.
  mutating func between(_ low: Float, _ high: Float) -> Float { low + (high - low) * unit() }

  /// A number around a middle, at most `spread` away.
  mutating func around(_ middle: Float, _ spread: Float) -> Float {
    middle + spread * (2 * unit() - 1)
  }

  /// An integer in `0..<count`, of 24 random bits: the bias is negligible for the small counts used
  /// here.
  mutating func below(_ count: Int) -> Int {
    Int(truncatingIfNeeded: ((next() >> 40) &* UInt64(truncatingIfNeeded: max(count, 1))) >> 24)
  }

  /// True with a probability.
  mutating func chance(_ probability: Float) -> Bool { unit() < probability }

  /// An element of a list that is not empty.
  mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }
}

/// Noise as a function of place: no state, no table, the same on every machine.
enum Noise {
  /// Hashes a lattice point to 32 bits.
  @inline(__always)
  static func hash(_ x: Int32, _ y: Int32, _ seed: UInt32) -> UInt32 {
    var bits =
      UInt32(bitPattern: x) &* 0x85EB_CA6B ^ UInt32(bitPattern: y) &* 0xC2B2_AE35 ^ seed
    bits = (bits ^ (bits >> 15)) &* 0x2C1B_3C6D
    bits = (bits ^ (bits >> 12)) &* 0x297A_2D39
    return bits ^ (bits >> 15)
  }

  /// A hash as a number in `[0, 1)`.
  @inline(__always)
  static func unit(_ x: Int32, _ y: Int32, _ seed: UInt32) -> Float {
    Float(hash(x, y, seed) >> 8) * (1 / 16_777_216)
  }

  /// The largest integer that is not above a number; numbers beyond ±2^30 are clamped, NaN gives 0.
  @inline(__always)
  static func floor(_ value: Float) -> Int32 {
    let bounded = max(min(value, 1_073_741_824), -1_073_741_824)
    let truncated = Int32(bounded == bounded ? bounded : 0)
    return Float(truncated) > bounded ? truncated - 1 : truncated
  }

  /// Smooth noise in `[0, 1)` with features of size 1.
  @inline(__always)
  static func value(_ x: Float, _ y: Float, _ seed: UInt32) -> Float {
    let column = floor(x)
    let row = floor(y)
    let fx = x - Float(column)
    let fy = y - Float(row)
    let sx = fx * fx * (3 - 2 * fx)
    let sy = fy * fy * (3 - 2 * fy)
    let top = unit(column, row, seed)
    let bottom = unit(column, row &+ 1, seed)
    let upper = top + (unit(column &+ 1, row, seed) - top) * sx
    let lower = bottom + (unit(column &+ 1, row &+ 1, seed) - bottom) * sx
    return upper + (lower - upper) * sy
  }

  /// Three octaves of ``value(_:_:_:)``, in `[0, 1)`.
  @inline(__always)
  static func cloudy(_ x: Float, _ y: Float, _ seed: UInt32) -> Float {
    value(x, y, seed) * 0.57 + value(x * 2.1 + 5.3, y * 2.1 + 1.7, seed &+ 1) * 0.29
      + value(x * 4.3 + 2.9, y * 4.3 + 8.1, seed &+ 2) * 0.14
  }
}

/// Sine and cosine from polynomials: libm's differ in the last bit from machine to machine.
enum Turn {
  /// The sine and cosine of an angle given in turns (1 = a full circle), each within 1e-4.
  static func sineCosine(_ turns: Float) -> (sine: Float, cosine: Float) {
    (sine(turns), sine(turns + 0.25))
  }

  /// Taylor's polynomial of degree 7 on a quarter turn.
  private static func sine(_ turns: Float) -> Float {
    var t = turns - Float(Noise.floor(turns))  // [0, 1)
    let sign: Float = t < 0.5 ? 1 : -1
    if t >= 0.5 { t -= 0.5 }
    if t > 0.25 { t = 0.5 - t }
    let x = t * 6.283_185_5
    let x2 = x * x
    return sign * x * (1 - x2 / 6 * (1 - x2 / 20 * (1 - x2 / 42)))
  }
}

/// A colour with linear-light channels; 1 is white.
typealias Color = SIMD4<Float>

extension SIMD4<Float> {
  /// A colour from the sRGB-like values that one reads off a picture, 0 to 1; the fourth lane is 0.
  static func rgb(_ red: Float, _ green: Float, _ blue: Float) -> Color {
    Color(red * red, green * green, blue * blue, 0)
  }

  /// This colour moved towards another one.
  @inline(__always)
  func mixed(with other: Color, _ amount: Float) -> Color { self + (other - self) * amount }
}

/// Linear from 0 at `low` to 1 at `high`, smoothed at both ends.
@inline(__always)
func smoothStep(_ low: Float, _ high: Float, _ value: Float) -> Float {
  let t = max(0, min(1, (value - low) / (high - low)))
  return t * t * (3 - 2 * t)
}
