extension ConfigNode {
  /// The tree as YAML, in its order.
  ///
  /// Numbers are written with a point, so that YAML 1.1 readers (PyYAML) take `1.0e-06` for a number
  /// too, and with as many digits as give the same number back.
  package var yaml: String { entries.map { Self.lines($0, indent: "") }.joined() }

  private static func lines(_ entry: Entry, indent: String) -> String {
    if case .list(let elements) = entry.value, elements.contains(where: \.isSection) {
      // Each element's first line begins with a dash in place of two blanks.
      return "\(indent)\(entry.key):\n"
        + elements.map { element in
          let text = element.entries.map { lines($0, indent: indent + "    ") }.joined()
          return "\(indent)  - " + text.dropFirst(indent.utf8.count + 4)
        }.joined()
    }
    guard case .section(let entries) = entry.value, !entries.isEmpty else {
      return "\(indent)\(entry.key): \(entry.value.text)\n"
    }
    return "\(indent)\(entry.key):\n" + entries.map { lines($0, indent: indent + "  ") }.joined()
  }

  /// A leaf on one line, as it stands in YAML.
  var text: String {
    switch self {
    case .null: "null"
    case .bool(let value): value ? "true" : "false"
    case .int(let value): String(value)
    case .number(let value): Self.text(of: value)
    case .string(let value): Self.quoted(value)
    case .list(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
    case .section: "{}"
    }
  }

  private static func text(of value: Double) -> String {
    let text = value.description
    guard let exponent = text.firstIndex(of: "e"), !text.contains(".") else { return text }
    return text[..<exponent] + ".0" + text[exponent...]
  }

  /// A text without quotes where no reader could take it for something else.
  private static func quoted(_ text: String) -> String {
    if isPlain(text) { return text }
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result += "\\\""
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\t": result += "\\t"
      case _ where scalar.value < 0x20 || (0x7F..<0xA0).contains(scalar.value):
        result += "\\x" + hexadecimal(scalar.value, digits: 2)
      case "\u{2028}", "\u{2029}", "\u{FEFF}":
        result += "\\u" + hexadecimal(scalar.value, digits: 4)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }

  private static func hexadecimal(_ value: UInt32, digits: Int) -> String {
    let text = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: Swift.max(digits - text.count, 0)) + text
  }

  /// Words that YAML 1.1 takes for truth values or nothing.
  private static let reserved: Set<String> = [
    "y", "n", "yes", "no", "on", "off", "true", "false", "null",
  ]

  private static func isPlain(_ text: String) -> Bool {
    guard let first = text.utf8.first, let last = text.utf8.last, last != UInt8(ascii: ":"),
      isLetter(first) || first == UInt8(ascii: "/"), !reserved.contains(text.lowercased())
    else { return false }
    return text.utf8.allSatisfy { isLetter($0) || "0123456789_-./:=".utf8.contains($0) }
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    let letter = byte | 0x20
    return letter >= UInt8(ascii: "a") && letter <= UInt8(ascii: "z")
  }
}
