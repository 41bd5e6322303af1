internal import Glibc

/// How values are laid along an axis.
public enum PlotScale: Sendable, Equatable {
  /// Equal differences are equal lengths.
  case linear
  /// Equal ratios are equal lengths; only positive values can be shown.
  case logarithmic
}

/// One axis: its range, where a value lies on it, and its ticks.
package struct PlotAxis: Sendable {
  /// A labelled place on an axis.
  package struct Tick: Sendable, Equatable {
    /// The value.
    package let value: Double
    /// Its label.
    package let label: String
  }

  /// How values are laid.
  package let scale: PlotScale
  /// The value at the beginning.
  package let lower: Double
  /// The value at the end, larger than ``lower``.
  package let upper: Double

  /// Chooses a range that holds all values.
  ///
  /// - Parameters:
  ///   - values: The values; those that the scale cannot show do not count.
  ///   - scale: How values are laid.
  package init(holding values: some Sequence<Double>, scale: PlotScale) {
    self.scale = scale
    var lower = Double.infinity
    var upper = -Double.infinity
    for value in values where Self.isShown(value, scale) {
      lower = min(lower, value)
      upper = max(upper, value)
    }
    if lower > upper { (lower, upper) = scale == .linear ? (0, 1) : (1, 10) }
    if scale == .logarithmic, upper / lower < 1.001 {
      // Kept away from 0 and infinity, which have no place on this scale.
      lower = max(lower / 2, .leastNormalMagnitude)
      upper = min(upper * 2, .greatestFiniteMagnitude)
    } else if scale == .linear, upper - lower <= max(abs(lower), abs(upper)) * 1e-12 {
      // A constant gets room above and below; zero gets one unit.
      let room = lower == 0 ? 1 : max(abs(lower) * 0.1, .leastNormalMagnitude)
      lower = max(lower - room, -.greatestFiniteMagnitude)
      upper = min(upper + room, .greatestFiniteMagnitude)
    }
    self.lower = lower
    self.upper = upper
  }

  private init(scale: PlotScale, lower: Double, upper: Double) {
    self.scale = scale
    self.lower = lower
    self.upper = upper
  }

  /// The axis with its ends moved out to the next multiples of the distance between ticks.
  ///
  /// - Parameter count: About how many ticks there will be.
  /// - Returns: The same axis if it is logarithmic.
  package func extendedToTicks(about count: Int) -> PlotAxis {
    guard scale == .linear else { return self }
    let step = Self.step(over: upper - lower, about: count)
    return PlotAxis(
      scale: scale, lower: (lower / step + 1e-9).rounded(.down) * step,
      upper: (upper / step - 1e-9).rounded(.up) * step)
  }

  private static func isShown(_ value: Double, _ scale: PlotScale) -> Bool {
    scale == .linear ? value.isFinite : value.isNormal && value > 0
  }

  /// Where a value lies: 0 at the beginning, 1 at the end; nil if the scale cannot show it.
  ///
  /// - Parameter value: Any number.
  /// - Returns: The place, which for values out of the range is below 0 or above 1.
  package func place(of value: Double) -> Double? {
    guard Self.isShown(value, scale) else { return nil }
    switch scale {
    // Halved, so that the difference of two huge numbers does not overflow.
    case .linear: return (value / 2 - lower / 2) / (upper / 2 - lower / 2)
    case .logarithmic: return (log10(value) - log10(lower)) / (log10(upper) - log10(lower))
    }
  }

  /// The ticks inside the range, ascending.
  ///
  /// - Parameter count: About how many there should be.
  /// - Returns: Multiples of 1, 2 or 5 times a power of ten; on a logarithmic axis powers of ten, and
  ///   between few of them their double and fivefold.
  package func ticks(about count: Int) -> [Tick] {
    scale == .linear ? linearTicks(about: count) : logarithmicTicks(about: count)
  }

  private func linearTicks(about count: Int) -> [Tick] {
    let step = Self.step(over: upper - lower, about: count)
    guard step > 0, step.isFinite else { return [] }
    let first = (lower / step - 1e-9).rounded(.up)
    let last = (upper / step + 1e-9).rounded(.down)
    guard last >= first, last - first <= 100 else { return [] }
    let largest = max(abs(lower), abs(upper))
    return stride(from: first, through: last, by: 1).map { index in
      let value = index * step
      return Tick(value: value, label: TickLabel.text(value, step: step, largest: largest))
    }
  }

  private func logarithmicTicks(about count: Int) -> [Tick] {
    let first = Int((log10(lower) + 1e-9).rounded(.down))
    let last = Int((log10(upper) - 1e-9).rounded(.up))
    // Powers of ten are left out where there are too many.
    let every = max((last - first) / max(count, 1), 1)
    let factors: [Double] = last - first <= 3 ? [1, 2, 5] : [1]
    var ticks: [Tick] = []
    for exponent in first...max(first, last) where exponent.isMultiple(of: every) {
      for factor in factors {
        let value = factor * pow(10, Double(exponent))
        guard value.isNormal, value >= lower * (1 - 1e-9), value <= upper * (1 + 1e-9)
        else { continue }
        ticks.append(Tick(value: value, label: TickLabel.text(value)))
      }
    }
    return ticks
  }

  /// The distance between ticks: 1, 2 or 5 times a power of ten.
  private static func step(over range: Double, about count: Int) -> Double {
    let rough = range / Double(max(count, 1))
    guard rough > 0, rough.isFinite else { return range.isFinite && range > 0 ? range : 1 }
    let power = pow(10, log10(rough).rounded(.down))
    let factor = rough / power
    // The factor whose ratio to the wanted one is smallest: the limits are geometric means.
    return (factor < 1.414 ? 1 : factor < 3.162 ? 2 : factor < 7.071 ? 5 : 10) * power
  }
}

/// The text beside a tick.
private enum TickLabel {
  /// A value of a linear axis, with the decimals that tell neighbours apart.
  static func text(_ value: Double, step: Double, largest: Double) -> String {
    if abs(value) < step / 1e6 { return "0" }
    switch largest {
    case 1e9..<1e12: return fixed(value / 1e9, step: step / 1e9) + "G"
    case 1e6..<1e9: return fixed(value / 1e6, step: step / 1e6) + "M"
    case 1e4..<1e6: return fixed(value / 1e3, step: step / 1e3) + "k"
    case 1e-2..<1e4: return fixed(value, step: step)
    default:
      let exponent = log10(largest).rounded(.down)
      let power = pow(10, exponent)
      guard power > 0, power.isFinite else { return "\(value)" }
      return fixed(value / power, step: step / power) + "e\(Int(exponent))"
    }
  }

  /// A power of ten, its double or its fivefold.
  static func text(_ value: Double) -> String {
    switch value {
    case 0.00999..<999: NumberFormat.fixed(value, decimals: decimals(of: value * 1.0001))
    case 999..<999_900: NumberFormat.fixed(value / 1e3, decimals: 0) + "k"
    case 999_900..<9.999e8: NumberFormat.fixed(value / 1e6, decimals: 0) + "M"
    default: scientific(value)
    }
  }

  private static func scientific(_ value: Double) -> String {
    let exponent = (log10(value) + 1e-9).rounded(.down)
    return NumberFormat.fixed(value / pow(10, exponent), decimals: 0) + "e\(Int(exponent))"
  }

  private static func fixed(_ value: Double, step: Double) -> String {
    NumberFormat.fixed(value, decimals: decimals(of: step * 1.0001))
  }

  private static func decimals(of step: Double) -> Int {
    step >= 1 || step <= 0 ? 0 : Int(-log10(step).rounded(.down))
  }
}
