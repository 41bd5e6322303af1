/// How much room text takes on a terminal.
extension String {
  /// The columns that the text takes: two for wide East Asian letters and emoji, none for marks that
  /// combine with the letter before.
  package var displayWidth: Int { reduce(0) { $0 + $1.displayWidth } }

  /// The text cut to a number of columns, with an ellipsis where something was left off.
  ///
  /// - Parameters:
  ///   - width: The number of columns.
  ///   - ellipsis: What stands for the rest.
  /// - Returns: The text itself if it fits.
  package func truncated(toWidth width: Int, ellipsis: String = "…") -> String {
    guard displayWidth > width else { return self }
    let room = width - ellipsis.displayWidth
    guard room >= 0 else { return "" }
    var result = ""
    var used = 0
    for character in self {
      used += character.displayWidth
      guard used <= room else { break }
      result.append(character)
    }
    return result + ellipsis
  }

  /// The text with control characters replaced, so that it cannot move the cursor or forge lines.
  package var onOneLine: String {
    guard unicodeScalars.contains(where: \.isControl) else { return self }
    var result = ""
    for scalar in unicodeScalars {
      result.unicodeScalars.append(scalar.isControl ? "\u{FFFD}" : scalar)
    }
    return result
  }
}

extension Character {
  fileprivate var displayWidth: Int {
    guard let first = unicodeScalars.first else { return 0 }
    if unicodeScalars.contains("\u{FE0F}") || first.properties.isEmojiPresentation { return 2 }
    switch first.properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .control: return 0
    default: return Self.wideRanges.contains { $0.contains(first.value) } ? 2 : 1
    }
  }

  /// Blocks whose letters are wide, after Unicode's EastAsianWidth.txt (classes W and F).
  private static let wideRanges: [ClosedRange<UInt32>] = [
    0x1100...0x115F, 0x2E80...0x303E, 0x3041...0xA4CF, 0xA960...0xA97F, 0xAC00...0xD7A3,
    0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60, 0xFFE0...0xFFE6, 0x1F300...0x1FAFF,
    0x20000...0x3FFFD,
  ]
}

extension Unicode.Scalar {
  fileprivate var isControl: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069: true
    default: false
    }
  }
}
