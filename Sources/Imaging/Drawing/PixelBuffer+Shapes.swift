internal import Glibc

/// A place in an image, in pixels; the centre of the first pixel is (0.5, 0.5).
public struct Point: Hashable, Sendable {
  /// The distance from the upper edge.
  public var row: Double
  /// The distance from the left edge.
  public var column: Double

  /// Creates a place.
  ///
  /// - Parameters:
  ///   - row: The distance from the upper edge.
  ///   - column: The distance from the left edge.
  public init(row: Double, column: Double) {
    self.row = row
    self.column = column
  }

  fileprivate var isUsable: Bool { abs(row) < 1e7 && abs(column) < 1e7 }
}

extension PixelBuffer {
  /// Mixes a colour into a pixel; outside the image nothing happens.
  package mutating func blend(_ color: RGB, row: Int, column: Int, coverage: Double) {
    guard coverage > 0, let old = self.color(row: row, column: column) else { return }
    let weight = min(coverage, 1)
    func mix(_ a: UInt8, _ b: UInt8) -> UInt8 {
      UInt8((Double(a) + weight * (Double(b) - Double(a))).rounded())
    }
    setColor(
      RGB(mix(old.red, color.red), mix(old.green, color.green), mix(old.blue, color.blue)),
      row: row, column: column)
  }

  /// Draws a straight line with round ends and smooth edges.
  ///
  /// - Parameters:
  ///   - start: One end.
  ///   - end: The other end.
  ///   - color: The colour.
  ///   - width: The width in pixels.
  ///   - opacity: How much is covered, 0 to 1.
  public mutating func drawLine(
    from start: Point, to end: Point, color: RGB, width: Double = 1.5, opacity: Double = 1
  ) {
    guard start.isUsable, end.isUsable, width > 0, width < 1e6 else { return }
    let reach = width / 2 + 1
    let rows = clamped(min(start.row, end.row) - reach, max(start.row, end.row) + reach, height)
    let (down, across) = (end.row - start.row, end.column - start.column)
    let length = down * down + across * across
    for row in rows {
      // Only the columns near the part of the line that is near this row.
      var (left, right) = (min(start.column, end.column), max(start.column, end.column))
      if abs(down) > 1e-9 {
        let first = (Double(row) - reach - start.row) / down
        let last = (Double(row) + 1 + reach - start.row) / down
        let low = min(max(min(first, last), 0), 1)
        let high = min(max(max(first, last), 0), 1)
        left = min(start.column + low * across, start.column + high * across)
        right = max(start.column + low * across, start.column + high * across)
      }
      for column in clamped(left - reach, right + reach, self.width) {
        let (y, x) = (Double(row) + 0.5 - start.row, Double(column) + 0.5 - start.column)
        let t = length > 0 ? min(max((y * down + x * across) / length, 0), 1) : 0
        let distance = hypot(y - t * down, x - t * across)
        blend(
          color, row: row, column: column,
          coverage: opacity * min(max(width / 2 - distance + 0.5, 0), min(width, 1)))
      }
    }
  }

  /// Fills a circle, with a smooth edge.
  ///
  /// - Parameters:
  ///   - center: The centre.
  ///   - radius: The radius in pixels.
  ///   - color: The colour.
  ///   - opacity: How much is covered, 0 to 1.
  public mutating func fillCircle(
    center: Point, radius: Double, color: RGB, opacity: Double = 1
  ) {
    drawLine(from: center, to: center, color: color, width: 2 * radius, opacity: opacity)
  }

  /// Draws a dot with a rim, visible on any background.
  ///
  /// - Parameters:
  ///   - center: The centre.
  ///   - radius: The radius with the rim, in pixels.
  ///   - color: The colour.
  ///   - rim: The colour of the rim.
  public mutating func drawMarker(
    center: Point, radius: Double = 5, color: RGB, rim: RGB = .white
  ) {
    fillCircle(center: center, radius: radius, color: rim)
    fillCircle(center: center, radius: radius * 0.7, color: color)
  }

  /// Draws the outline of a rectangle, inside its edges.
  ///
  /// - Parameters:
  ///   - region: The rectangle; parts outside the image are left out.
  ///   - color: The colour.
  ///   - width: The width of the outline in pixels.
  ///   - opacity: How much is covered, 0 to 1.
  public mutating func drawRectangle(
    _ region: Region, color: RGB, width: Int = 2, opacity: Double = 1
  ) {
    let width = min(width, (min(region.height, region.width) + 1) / 2)
    guard width > 0 else { return }
    fillRectangle(region.strip(0, width, isRow: true), color: color, opacity: opacity)
    fillRectangle(
      region.strip(region.height - width, width, isRow: true), color: color, opacity: opacity)
    let inner = Region(
      top: region.top + width, left: region.left, height: region.height - 2 * width,
      width: region.width)
    guard inner.height > 0 else { return }
    fillRectangle(inner.strip(0, width, isRow: false), color: color, opacity: opacity)
    fillRectangle(
      inner.strip(inner.width - width, width, isRow: false), color: color, opacity: opacity)
  }

  /// Fills a rectangle.
  ///
  /// - Parameters:
  ///   - region: The rectangle; parts outside the image are left out.
  ///   - color: The colour.
  ///   - opacity: How much is covered, 0 to 1.
  public mutating func fillRectangle(_ region: Region, color: RGB, opacity: Double = 1) {
    let (top, left) = (Double(region.top), Double(region.left))
    for row in clamped(top, top + Double(region.height), height) {
      for column in clamped(left, left + Double(region.width), width) {
        blend(color, row: row, column: column, coverage: opacity)
      }
    }
  }

  /// The whole numbers from one position up to another that lie in an axis.
  private func clamped(_ low: Double, _ high: Double, _ count: Int) -> Range<Int> {
    let first = Int(min(max(low.rounded(.down), 0), Double(count)))
    let last = Int(min(max(high.rounded(.up), 0), Double(count)))
    return first..<max(first, last)
  }
}

extension Region {
  /// Some rows or columns of the rectangle.
  fileprivate func strip(_ offset: Int, _ count: Int, isRow: Bool) -> Region {
    isRow
      ? Region(top: top + offset, left: left, height: count, width: width)
      : Region(top: top, left: left + offset, height: height, width: count)
  }
}
