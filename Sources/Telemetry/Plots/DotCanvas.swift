/// A picture of dots that is shown as letters.
struct DotCanvas {
  /// The bits of a braille letter by row and column of its dots (Unicode block U+2800).
  private static let brailleBits: [[UInt32]] = [
    [0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80],
  ]

  private let isBraille: Bool
  private let columns: Int
  private let size: (height: Int, width: Int)
  private var dots: [Bool]

  /// Creates an empty canvas.
  ///
  /// - Parameters:
  ///   - rows: The number of lines.
  ///   - columns: The number of letters of a line.
  ///   - isBraille: Whether a letter has 2 × 4 dots instead of one.
  init(rows: Int, columns: Int, isBraille: Bool) {
    self.isBraille = isBraille
    self.columns = columns
    size = isBraille ? (rows * 4, columns * 2) : (rows, columns)
    dots = Array(repeating: false, count: size.height * size.width)
  }

  /// Draws a line through points from (0, 0) at the upper left to (1, 1); nil interrupts it.
  mutating func draw(_ points: [(x: Double, y: Double)?]) {
    var last: (row: Int, column: Int)?
    for point in points {
      guard let point else {
        last = nil
        continue
      }
      let next = (
        row: Self.index(point.y, size.height), column: Self.index(point.x, size.width)
      )
      connect(last ?? next, next)
      last = next
    }
  }

  private static func index(_ place: Double, _ count: Int) -> Int {
    Int((min(max(place, 0), 1) * Double(count - 1)).rounded())
  }

  private mutating func connect(_ start: (row: Int, column: Int), _ end: (row: Int, column: Int)) {
    let (rows, columns) = (end.row - start.row, end.column - start.column)
    let steps = max(abs(rows), abs(columns), 1)
    for step in 0...steps {
      let share = Double(step) / Double(steps)
      let row = start.row + Int((share * Double(rows)).rounded())
      let column = start.column + Int((share * Double(columns)).rounded())
      dots[row * size.width + column] = true
    }
  }

  /// The lines.
  var lines: [String] {
    guard isBraille else {
      return (0..<size.height).map { row in
        String((0..<columns).map { dots[row * size.width + $0] ? "*" : " " as Character })
      }
    }
    return (0..<(size.height / 4)).map { row in
      var line = ""
      for column in 0..<columns { line.unicodeScalars.append(braille(row: row, column: column)) }
      return line
    }
  }

  private func braille(row: Int, column: Int) -> Unicode.Scalar {
    var bits: UInt32 = 0
    for (dy, pair) in Self.brailleBits.enumerated() {
      for (dx, bit) in pair.enumerated() where dots[(4 * row + dy) * size.width + 2 * column + dx] {
        bits |= bit
      }
    }
    return Unicode.Scalar(0x2800 + bits) ?? " "
  }
}
