/// Numbers as people read them: groups of three digits, a fixed number of decimals, times in words.
public enum NumberFormat {
  /// An integer with a comma between groups of three digits.
  ///
  /// - Parameter value: Any integer.
  /// - Returns: For example `12,345` or `-1,000`.
  public static func grouped(_ value: Int) -> String {
    let digits = Array(String(value.magnitude))
    var result = value < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { result.append(",") }
      result.append(digit)
    }
    return result
  }

  /// A number with a fixed count of decimals, rounded half away from zero.
  ///
  /// - Parameters:
  ///   - value: Any number.
  ///   - decimals: How many digits follow the point, 0 to 9.
  /// - Returns: For example `3.20`; `nan`, `inf` or `-inf` if the value is not finite.
  public static func fixed(_ value: Double, decimals: Int) -> String {
    guard value.isFinite else { return "\(value)" }
    let decimals = min(max(decimals, 0), 9)
    var scale: UInt64 = 1
    for _ in 0..<decimals { scale *= 10 }
    let scaled = (value.magnitude * Double(scale)).rounded()
    // Beyond 2^63 neighbouring doubles are whole numbers far apart, so decimals would be invented.
    guard scaled < 0x1p63 else { return "\(value)" }
    let units = UInt64(scaled)
    let sign = value < 0 && units > 0 ? "-" : ""
    guard decimals > 0 else { return sign + String(units) }
    let fraction = String(units % scale)
    let zeros = String(repeating: "0", count: decimals - fraction.count)
    return sign + String(units / scale) + "." + zeros + fraction
  }

  /// A number with about three significant digits.
  ///
  /// - Parameter value: A number that is not negative, such as a rate.
  /// - Returns: For example `0.123`, `3.20`, `31.2`, `312` or `12,345`.
  public static func threeDigits(_ value: Double) -> String {
    guard value.isFinite else { return "\(value)" }
    switch value.magnitude {
    case ..<0.9995: return fixed(value, decimals: 3)
    case ..<9.995: return fixed(value, decimals: 2)
    case ..<99.95: return fixed(value, decimals: 1)
    case ..<0x1p62: return grouped(Int(value.rounded()))
    default: return "\(value)"
    }
  }

  /// A length of time in its two largest units.
  ///
  /// - Parameter duration: A length of time; a negative one reads as zero.
  /// - Returns: For example `0.4 s`, `4 s`, `2 min 10 s`, `3 h 5 min` or `2 d 3 h`.
  public static func time(_ duration: Duration) -> String {
    let (whole, attoseconds) = duration.components
    let exact = max(Double(whole) + Double(attoseconds) * 1e-18, 0)
    guard exact >= 0.95 else { return exact < 0.05 ? "0 s" : fixed(exact, decimals: 1) + " s" }
    guard exact < 0x1p53 else { return "\(whole) s" }
    let seconds = Int(exact.rounded())
    switch seconds {
    case ..<60: return "\(seconds) s"
    case ..<3_600: return "\(seconds / 60) min \(seconds % 60) s"
    case ..<86_400: return "\(seconds / 3_600) h \(seconds % 3_600 / 60) min"
    default: return "\(grouped(seconds / 86_400)) d \(seconds % 86_400 / 3_600) h"
    }
  }
}
