/// A curve in letters, for a terminal or a log.
///
///     let plot = TextPlot(title: "learning rate", x: iterations, y: rates)
///     print(plot.rendered(usesUnicode: Terminal.standardError.usesUnicode))
public struct TextPlot: Sendable {
  /// The line above the curve; empty for none.
  public var title: String
  /// The horizontal positions.
  public var x: [Double]
  /// The values; the curve is interrupted at those that cannot be shown.
  public var y: [Double]
  /// How values are laid along the vertical axis.
  public var yScale = PlotScale.linear
  /// The size of the area of the curve in letters.
  public var size = (height: 8, width: 60)

  /// Creates a plot.
  ///
  /// - Parameters:
  ///   - title: The line above the curve.
  ///   - x: The horizontal positions.
  ///   - y: The values.
  public init(title: String = "", x: [Double], y: [Double]) {
    self.title = title
    self.x = x
    self.y = y
  }

  /// The lines of the plot, without a line break after the last one.
  ///
  /// - Parameter usesUnicode: Whether the output shows more than ASCII; then a letter has 2 × 4 dots.
  /// - Returns: The plot.
  public func rendered(usesUnicode: Bool) -> String {
    let rows = max(size.height, 2)
    let columns = max(size.width, 8)
    let points = Array(zip(x, y))
    let xAxis = PlotAxis(holding: points.lazy.map(\.0), scale: .linear)
    let yAxis = PlotAxis(holding: points.lazy.map(\.1), scale: yScale)
    var canvas = DotCanvas(rows: rows, columns: columns, isBraille: usesUnicode)
    canvas.draw(
      points.map { point -> (x: Double, y: Double)? in
        guard let x = xAxis.place(of: point.0), let y = yAxis.place(of: point.1) else { return nil }
        return (x, 1 - y)
      })
    let labels = [Self.label(yAxis.upper), Self.label(yAxis.lower)]
    let indent = labels.map(\.count).max() ?? 0
    var lines = title.isEmpty ? [] : [title.onOneLine]
    for (row, text) in canvas.lines.enumerated() {
      let label = row == 0 ? labels[0] : row == rows - 1 ? labels[1] : ""
      let padding = String(repeating: " ", count: indent - label.count)
      lines.append(padding + label + (usesUnicode ? " ┤" : " |") + text)
    }
    let blanks = String(repeating: " ", count: indent + 1)
    lines.append(
      blanks + (usesUnicode ? "└" : "+")
        + String(repeating: usesUnicode ? "─" : "-", count: columns))
    let ends = (Self.label(xAxis.lower), Self.label(xAxis.upper))
    let gap = max(columns - ends.0.count - ends.1.count, 1)
    lines.append(blanks + " " + ends.0 + String(repeating: " ", count: gap) + ends.1)
    return lines.map(Self.withoutTrailingBlanks).joined(separator: "\n")
  }

  private static func withoutTrailingBlanks(_ line: String) -> String {
    var line = line
    while let last = line.last, last == " " || last == "\u{2800}" { line.removeLast() }
    return line
  }

  /// A number in few letters.
  private static func label(_ value: Double) -> String {
    switch value.magnitude {
    case 0: "0"
    case 0.001..<0x1p53 where value == value.rounded(): NumberFormat.grouped(Int(value))
    case 0.01..<100_000:
      (value < 0 ? "-" : "") + NumberFormat.threeDigits(value.magnitude)
    default: scientific(value)
    }
  }

  private static func scientific(_ value: Double) -> String {
    var exponent = 0
    var mantissa = value.magnitude
    while mantissa >= 9.995 {
      mantissa /= 10
      exponent += 1
    }
    while mantissa < 0.9995 {
      mantissa *= 10
      exponent -= 1
    }
    return (value < 0 ? "-" : "") + NumberFormat.fixed(mantissa, decimals: 2) + "e\(exponent)"
  }
}

/// A few values as one row of blocks.
public enum Sparkline {
  private static let blocks = Array("▁▂▃▄▅▆▇█")
  private static let ascii = Array("_.-=+*%#")

  /// Draws values from the smallest to the largest.
  ///
  /// - Parameters:
  ///   - values: The values; those that are not finite leave a blank.
  ///   - width: The largest number of letters; more values are averaged in equal groups.
  ///   - usesUnicode: Whether the output shows more than ASCII.
  /// - Returns: One line; empty if there are no values.
  public static func text(_ values: [Double], width: Int, usesUnicode: Bool) -> String {
    let columns = min(values.count, max(width, 0))
    let means = (0..<columns).map { column -> Double in
      let group = values[
        (column * values.count / columns)..<((column + 1) * values.count / columns)]
      let finite = group.filter(\.isFinite)
      return finite.isEmpty ? .nan : finite.reduce(0) { $0 + $1 / Double(finite.count) }
    }
    let axis = PlotAxis(holding: means, scale: .linear)
    let letters = usesUnicode ? blocks : ascii
    return String(
      means.map { mean -> Character in
        guard let place = axis.place(of: mean) else { return " " }
        return letters[min(Int(place * Double(letters.count)), letters.count - 1)]
      })
  }
}
