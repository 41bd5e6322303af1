/// How text looks.
public struct TextStyle: Sendable, Hashable {
  /// The size of a dot of the letters in pixels; capitals are seven dots high.
  public var scale: Double
  /// The colour.
  public var color: RGB

  /// Creates a style.
  ///
  /// - Parameters:
  ///   - scale: The size of a dot of the letters in pixels; capitals are seven dots high.
  ///   - color: The colour.
  public init(scale: Double = 1.6, color: RGB = RGB(40, 42, 48)) {
    self.scale = min(max(scale, 0.5), 64)
    self.color = color
  }

  /// The size of a line of text.
  ///
  /// - Parameter text: ASCII text; other characters become question marks.
  /// - Returns: Height with tails, and width, in pixels.
  public func size(of text: String) -> Size {
    var width = 0.0
    for character in text { width += Font.glyph(of: character).width + Font.spacing }
    return Size(
      height: Int((Double(Font.fullHeight) * scale).rounded(.up)),
      width: Int(((max(width - Font.spacing, 0) + 1) * scale).rounded(.up)))
  }

  /// The text, shortened with two dots so that it fits a width.
  ///
  /// - Parameters:
  ///   - text: The text.
  ///   - width: The width in pixels.
  /// - Returns: The text, or its beginning and two dots.
  public func fitting(_ text: String, width: Int) -> String {
    if size(of: text).width <= width { return text }
    var short = text
    while !short.isEmpty, size(of: short + "..").width > width { short.removeLast() }
    return short.isEmpty ? "" : short + ".."
  }
}

extension PixelBuffer {
  /// Writes a line of text.
  ///
  /// - Parameters:
  ///   - text: ASCII text; other characters become question marks.
  ///   - top: The row of the upper edge of capitals.
  ///   - left: The column of the left edge.
  ///   - style: Size and colour.
  public mutating func drawText(
    _ text: String, top: Int, left: Int, style: TextStyle = TextStyle()
  ) {
    guard abs(top) < 1 << 24, abs(left) < 1 << 24 else { return }
    var pen = Double(left) + style.scale / 2
    let (height, width) = (height, width)
    for character in text {
      let glyph = Font.glyph(of: character)
      // Strokes are first joined, so that their overlaps do not show.
      let (rows, columns) = (
        Int(Double(Font.fullHeight) * style.scale) + 3, Int((glyph.width + 1) * style.scale) + 4
      )
      let origin = (row: top - 1, column: Int(pen - style.scale / 2) - 1)
      if !glyph.strokes.isEmpty, origin.row < height, origin.column < width, origin.row + rows > 0,
        origin.column + columns > 0
      {
        let offset = Point(
          row: 1 + style.scale / 2, column: pen - Double(origin.column))
        let coverage = glyph.coverage(
          Size(height: rows, width: columns), offset: offset, scale: style.scale)
        for index in coverage.indices where coverage[index] > 0 {
          blend(
            style.color, row: origin.row + index / columns, column: origin.column + index % columns,
            coverage: coverage[index])
        }
      }
      pen += (glyph.width + Font.spacing) * style.scale
    }
  }

  /// Writes a line of text on a plate, legible on any picture.
  ///
  /// - Parameters:
  ///   - text: ASCII text.
  ///   - top: The row of the upper edge of the plate.
  ///   - left: The column of the left edge of the plate.
  ///   - style: Size and colour.
  ///   - plate: The colour of the plate.
  ///   - opacity: How much the plate covers, 0 to 1.
  public mutating func drawLabel(
    _ text: String, top: Int, left: Int, style: TextStyle = TextStyle(color: .white),
    plate: RGB = RGB(20, 20, 24), opacity: Double = 0.75
  ) {
    let size = style.size(of: text)
    let margin = Int((style.scale * 2).rounded())
    fillRectangle(
      Region(
        top: top, left: left, height: size.height + 2 * margin - Int(style.scale),
        width: size.width + 2 * margin), color: plate, opacity: opacity)
    drawText(text, top: top + margin, left: left + margin, style: style)
  }
}

extension Font.Glyph {
  /// How much of each pixel the letter covers, 0 to 1.
  fileprivate func coverage(_ size: Size, offset: Point, scale: Double) -> [Double] {
    var result = [Double](repeating: 0, count: size.height * size.width)
    let radius = 0.5 * max(scale * 0.92, 1.1)
    for stroke in strokes {
      let start = (
        offset.row + Double(stroke.from.row) * scale,
        offset.column + Double(stroke.from.column) * scale
      )
      let end = (
        offset.row + Double(stroke.to.row) * scale, offset.column + Double(stroke.to.column) * scale
      )
      let (down, across) = (end.0 - start.0, end.1 - start.1)
      let length = down * down + across * across
      let rows = Int(max(min(start.0, end.0) - radius - 1, 0))..<size.height
      let columns = Int(max(min(start.1, end.1) - radius - 1, 0))..<size.width
      let last = (max(start.0, end.0) + radius + 1, max(start.1, end.1) + radius + 1)
      for row in rows where Double(row) <= last.0 {
        for column in columns where Double(column) <= last.1 {
          let (y, x) = (Double(row) + 0.5 - start.0, Double(column) + 0.5 - start.1)
          let t = length > 0 ? min(max((y * down + x * across) / length, 0), 1) : 0
          let (dy, dx) = (y - t * down, x - t * across)
          let cover = min(max(radius - (dy * dy + dx * dx).squareRoot() + 0.5, 0), 1)
          let index = row * size.width + column
          result[index] = max(result[index], cover)
        }
      }
    }
    return result
  }
}
