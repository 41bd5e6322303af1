internal import Glibc

/// Turns a number between 0 and 1 into a colour.
///
/// Viridis and magma are those of van der Walt and Smith (matplotlib), here as sixteen anchors that are
/// interpolated; turbo is the polynomial of Mikhailov (2019).
public enum ColorMap: String, Sendable, CaseIterable, Codable {
  /// Dark violet over green to yellow; even steps of lightness.
  case viridis
  /// Black over magenta to pale yellow; even steps of lightness.
  case magma
  /// Blue over green to red; many distinguishable hues, for depth.
  case turbo
  /// Black to white.
  case gray

  /// The colour of a number.
  ///
  /// - Parameter value: A number; below 0 and above 1 the ends are taken, not-a-number is the lower end.
  /// - Returns: The colour.
  public func color(at value: Double) -> RGB {
    let t = value > 0 ? min(value, 1) : 0
    switch self {
    case .viridis: return ColorMap.interpolated(ColorMap.viridisAnchors, t)
    case .magma: return ColorMap.interpolated(ColorMap.magmaAnchors, t)
    case .turbo: return ColorMap.turboColor(t)
    case .gray:
      let level = UInt8((255 * t).rounded())
      return RGB(level, level, level)
    }
  }

  /// The colours of 256 equal steps.
  public var table: [RGB] { (0..<256).map { color(at: Double($0) / 255) } }

  private static let viridisAnchors: [UInt32] = [
    0x440154, 0x481A6C, 0x472F7D, 0x414487, 0x39568C, 0x31688E, 0x2A788E, 0x23888E, 0x1F988B,
    0x22A884, 0x35B779, 0x54C568, 0x7AD151, 0xA5DB36, 0xD2E21B, 0xFDE725,
  ]

  private static let magmaAnchors: [UInt32] = [
    0x000004, 0x0B0724, 0x20114B, 0x3B0F70, 0x57157E, 0x721F81, 0x8C2981, 0xA8327D, 0xC43C75,
    0xDE4968, 0xF1605D, 0xFA7F5E, 0xFE9F6D, 0xFEBF84, 0xFDDE9F, 0xFCFDBF,
  ]

  private static func interpolated(_ anchors: [UInt32], _ t: Double) -> RGB {
    let position = t * Double(anchors.count - 1)
    let index = min(Int(position), anchors.count - 2)
    let weight = position - Double(index)
    func channel(_ shift: UInt32) -> UInt8 {
      let low = Double(anchors[index] >> shift & 255)
      let high = Double(anchors[index + 1] >> shift & 255)
      return UInt8((low + weight * (high - low)).rounded())
    }
    return RGB(channel(16), channel(8), channel(0))
  }

  private static func turboColor(_ t: Double) -> RGB {
    func channel(_ coefficients: [Double]) -> UInt8 {
      let value = coefficients.reversed().reduce(0) { $0 * t + $1 }
      return UInt8((255 * min(max(value, 0), 1)).rounded())
    }
    return RGB(
      channel([0.13572138, 4.6153926, -42.66032258, 132.13108234, -152.94239396, 59.28637943]),
      channel([0.09140261, 2.19418839, 4.84296658, -14.18503333, 4.27729857, 2.82956604]),
      channel([0.1066733, 12.64194608, -60.58204836, 110.36276771, -89.90310912, 27.34824973]))
  }

  /// A colour for a class; neighbouring numbers get colours that are easy to tell apart.
  ///
  /// The first sixteen are chosen by hand, further ones turn the hue by the golden angle.
  ///
  /// - Parameter index: The number of the class, from 0.
  /// - Returns: The colour.
  public static func categorical(_ index: Int) -> RGB {
    let chosen: [RGB] = [
      RGB(56, 108, 176), RGB(230, 120, 40), RGB(62, 150, 81), RGB(204, 56, 62), RGB(124, 92, 168),
      RGB(242, 190, 60), RGB(46, 170, 180), RGB(226, 110, 170), RGB(138, 96, 66), RGB(150, 190, 70),
      RGB(90, 90, 98), RGB(120, 170, 225), RGB(250, 160, 130), RGB(20, 90, 90), RGB(180, 140, 210),
      RGB(170, 165, 130),
    ]
    if chosen.indices.contains(index) { return chosen[index] }
    let turn = (Double(index) * 0.618_033_988_75).truncatingRemainder(dividingBy: 1)
    let step = index % 3
    return hue(
      turn < 0 ? turn + 1 : turn, saturation: step == 1 ? 0.45 : 0.65,
      value: step == 2 ? 0.65 : 0.85)
  }

  /// The colours of the first classes, as a table for ``ImageEncoder/writeIndexed(_:size:palette:to:)``.
  ///
  /// - Parameter count: The number of classes.
  /// - Returns: One colour per class.
  public static func categoricalTable(count: Int) -> [RGB] {
    (0..<max(count, 0)).map { categorical($0) }
  }

  /// A colour by hue, saturation and value, all from 0 to 1.
  static func hue(_ hue: Double, saturation: Double, value: Double) -> RGB {
    func channel(_ offset: Double) -> UInt8 {
      let k = (offset + hue * 6).truncatingRemainder(dividingBy: 6)
      let level = value - value * saturation * max(min(k, 4 - k, 1), 0)
      return UInt8((255 * level).rounded())
    }
    return RGB(channel(5), channel(3), channel(1))
  }
}
