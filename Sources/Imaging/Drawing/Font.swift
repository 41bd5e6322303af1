/// Letters of five columns and seven rows, two more rows for tails, drawn as smooth strokes.
///
/// Each dot of a letter is joined to its neighbours by round strokes, so that large sizes look drawn and not
/// built of blocks.
enum Font {
  /// The rows above the baseline.
  static let height = 7
  /// The rows with tails.
  static let fullHeight = 9
  /// The free columns between letters.
  static let spacing = 2.0
  private static let spaceWidth = 2.2

  /// One stroke, from dot to dot, in columns and rows of the letter.
  struct Stroke {
    let from: (row: Int, column: Int)
    let to: (row: Int, column: Int)
  }

  /// A letter as strokes.
  struct Glyph {
    let width: Double
    let strokes: [Stroke]
  }

  static let glyphs: [Glyph] = rows.map { glyph($0) }

  /// The glyph of a character; a question mark for those beyond ASCII.
  static func glyph(of character: Character) -> Glyph {
    let code = character.asciiValue.map(Int.init) ?? 63
    return glyphs.indices.contains(code - 32) ? glyphs[code - 32] : glyphs[31]
  }

  /// Joins the dots of a letter.
  private static func glyph(_ text: String) -> Glyph {
    let bits = text.split(separator: " ").map { Int($0, radix: 16) ?? 0 }
    func isSet(_ row: Int, _ column: Int) -> Bool {
      bits.indices.contains(row) && (0..<5).contains(column) && bits[row] >> (4 - column) & 1 == 1
    }
    let used = (0..<5).filter { column in bits.indices.contains { isSet($0, column) } }
    guard let first = used.first, let last = used.last else {
      return Glyph(width: spaceWidth, strokes: [])
    }
    var strokes: [Stroke] = []
    for row in bits.indices {
      for column in 0..<5 where isSet(row, column) {
        let start = (row: row, column: column - first)
        var isAlone = true
        for (down, across) in [(0, 1), (1, 0), (1, 1), (1, -1)]
        where isSet(row + down, column + across) {
          // A diagonal is drawn only where no corner joins the two dots already.
          if down * across != 0, isSet(row, column + across) || isSet(row + down, column) {
            continue
          }
          strokes.append(
            Stroke(from: start, to: (row: row + down, column: column - first + across)))
          isAlone = false
        }
        if isAlone { strokes.append(Stroke(from: start, to: start)) }
      }
    }
    return Glyph(width: Double(last - first), strokes: strokes)
  }

  /// The letters from space to tilde: rows from the top, five bits each, in hexadecimal.
  private static let rows: [String] = [
    "00", "04 04 04 04 04 00 04", "0A 0A 0A", "0A 0A 1F 0A 1F 0A 0A", "04 0F 14 0E 05 1E 04",
    "18 19 02 04 08 13 03", "0C 12 14 08 15 12 0D", "04 04 08", "02 04 08 08 08 04 02",
    "08 04 02 02 02 04 08", "00 04 15 0E 15 04", "00 04 04 1F 04 04", "00 00 00 00 00 04 04 08",
    "00 00 00 0E", "00 00 00 00 00 00 04", "01 01 02 04 08 10 10", "0E 11 11 15 11 11 0E",
    "04 0C 04 04 04 04 0E", "0E 11 01 02 04 08 1F", "1F 02 04 02 01 11 0E", "02 06 0A 12 1F 02 02",
    "1F 10 1E 01 01 11 0E", "06 08 10 1E 11 11 0E", "1F 01 02 04 08 08 08", "0E 11 11 0E 11 11 0E",
    "0E 11 11 0F 01 02 0C", "00 00 04 00 00 00 04", "00 00 04 00 00 04 04 08",
    "02 04 08 10 08 04 02", "00 00 1F 00 1F", "08 04 02 01 02 04 08", "0E 11 01 02 04 00 04",
    "0E 11 01 0D 15 15 0E", "04 0A 11 11 1F 11 11", "1E 11 11 1E 11 11 1E", "0E 11 10 10 10 11 0E",
    "1C 12 11 11 11 12 1C", "1F 10 10 1E 10 10 1F", "1F 10 10 1E 10 10 10", "0E 11 10 17 11 11 0F",
    "11 11 11 1F 11 11 11", "0E 04 04 04 04 04 0E", "07 02 02 02 02 12 0C", "11 12 14 18 14 12 11",
    "10 10 10 10 10 10 1F", "11 1B 15 15 11 11 11", "11 11 19 15 13 11 11", "0E 11 11 11 11 11 0E",
    "1E 11 11 1E 10 10 10", "0E 11 11 11 15 12 0D", "1E 11 11 1E 14 12 11", "0F 10 10 0E 01 01 1E",
    "1F 04 04 04 04 04 04", "11 11 11 11 11 11 0E", "11 11 11 11 11 0A 04", "11 11 11 15 15 15 0A",
    "11 11 0A 04 0A 11 11", "11 11 11 0A 04 04 04", "1F 01 02 04 08 10 1F", "0E 08 08 08 08 08 0E",
    "10 10 08 04 02 01 01", "0E 02 02 02 02 02 0E", "04 0A 11", "00 00 00 00 00 00 00 1F",
    "08 04 02", "00 00 0E 01 0F 11 0F", "10 10 16 19 11 11 1E", "00 00 0E 11 10 11 0E",
    "01 01 0D 13 11 11 0F", "00 00 0E 11 1F 10 0E", "06 08 08 1C 08 08 08",
    "00 00 0F 11 11 11 0F 01 0E", "10 10 16 19 11 11 11", "04 00 04 04 04 04 04",
    "02 00 02 02 02 02 02 02 0C", "10 10 12 14 18 14 12", "04 04 04 04 04 04 06",
    "00 00 1A 15 15 15 15", "00 00 16 19 11 11 11", "00 00 0E 11 11 11 0E",
    "00 00 1E 11 11 11 1E 10 10", "00 00 0F 11 11 11 0F 01 01", "00 00 0B 0C 08 08 08",
    "00 00 0F 10 0E 01 1E", "08 08 1C 08 08 08 06", "00 00 11 11 11 13 0D", "00 00 11 11 11 0A 04",
    "00 00 11 11 15 15 0A", "00 00 11 0A 04 0A 11", "00 00 11 11 11 11 0F 01 0E",
    "00 00 1F 02 04 08 1F", "02 04 04 08 04 04 02", "04 04 04 04 04 04 04", "08 04 04 02 04 04 08",
    "00 00 08 15 02",
  ]
}
