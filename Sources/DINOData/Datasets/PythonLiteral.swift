/// A value of a Python literal, as the header of a `.npy` file holds it.
enum PythonLiteral: Equatable {
  case text(String)
  case integer(Int)
  case truth(Bool)
  /// A tuple or list.
  case sequence([PythonLiteral])
  case dictionary([String: PythonLiteral])

  /// Parses text that consists of one literal.
  ///
  /// - Parameter text: The text in ASCII or UTF-8; white space around it is passed over.
  /// - Returns: The value, or nil if the text is no such literal.
  static func parse(_ text: some Collection<UInt8>) -> PythonLiteral? {
    var parser = PythonLiteralParser(text: Array(text))
    guard let value = parser.value(depth: 0), parser.isAtEnd else { return nil }
    return value
  }
}

private struct PythonLiteralParser {
  private static let deepest = 8

  let text: [UInt8]
  var position = 0

  init(text: [UInt8]) { self.text = text }

  var isAtEnd: Bool {
    mutating get {
      passSpace()
      return position == text.count
    }
  }

  mutating func value(depth: Int) -> PythonLiteral? {
    guard depth < Self.deepest, let next = peek() else { return nil }
    switch next {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): return quoted(by: next).map { .text($0) }
    case UInt8(ascii: "("): return sequence(until: UInt8(ascii: ")"), depth)
    case UInt8(ascii: "["): return sequence(until: UInt8(ascii: "]"), depth)
    case UInt8(ascii: "{"): return dictionary(depth)
    default: return word()
    }
  }

  private mutating func passSpace() {
    while position < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[position]) { position += 1 }
  }

  private mutating func peek() -> UInt8? {
    passSpace()
    return position < text.count ? text[position] : nil
  }

  private mutating func take(_ byte: UInt8) -> Bool {
    guard peek() == byte else { return false }
    position += 1
    return true
  }

  private mutating func quoted(by quote: UInt8) -> String? {
    position += 1
    guard let end = text[position...].firstIndex(of: quote) else { return nil }
    let content = text[position..<end]
    position = end + 1
    // Names with escapes do not occur in data sets.
    return content.contains(UInt8(ascii: "\\")) ? nil : String(validating: content, as: UTF8.self)
  }

  private mutating func word() -> PythonLiteral? {
    let content = text[position...].prefix {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || $0 == UInt8(ascii: "-")
    }
    position += content.count
    switch String(decoding: content, as: UTF8.self) {
    case "True": return .truth(true)
    case "False": return .truth(false)
    case let digits: return Int(digits).map { .integer($0) }
    }
  }

  private mutating func sequence(until end: UInt8, _ depth: Int) -> PythonLiteral? {
    position += 1
    var values: [PythonLiteral] = []
    while !take(end) {
      guard let value = value(depth: depth + 1) else { return nil }
      values.append(value)
      guard take(UInt8(ascii: ",")) || peek() == end else { return nil }
    }
    return .sequence(values)
  }

  private mutating func dictionary(_ depth: Int) -> PythonLiteral? {
    position += 1
    var values: [String: PythonLiteral] = [:]
    let end = UInt8(ascii: "}")
    while !take(end) {
      guard case .text(let key)? = value(depth: depth + 1), take(UInt8(ascii: ":")),
        let value = value(depth: depth + 1), values.updateValue(value, forKey: key) == nil
      else { return nil }
      guard take(UInt8(ascii: ",")) || peek() == end else { return nil }
    }
    return .dictionary(values)
  }
}
