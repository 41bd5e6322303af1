/// A pull reader of JSON text that may be hostile or hundreds of megabytes large.
///
/// Only what is asked for becomes a value; the rest is passed over without recursion. Nesting is limited, and
/// whatever is not accepted is reported with its byte offset.
struct JSONScanner {
  private let bytes: [UInt8]
  private let name: String
  /// The offset of the next byte.
  private(set) var position = 0

  /// The deepest nesting of values that are passed over.
  static let deepest = 64
  /// The longest string that is read, in bytes.
  static let longestString = 1 << 16

  /// Starts reading.
  ///
  /// - Parameters:
  ///   - bytes: The text.
  ///   - name: How messages call it.
  init(_ bytes: [UInt8], name: String) {
    self.bytes = bytes
    self.name = name
    // A byte order mark.
    if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
  }

  /// A complaint about a place of the text.
  func error(_ problem: String, at offset: Int? = nil) -> DataError {
    .refused(path: name, problem: "byte \(offset ?? position): \(problem)")
  }

  /// The next byte that is not white space, without taking it.
  mutating func peek() -> UInt8? {
    while position < bytes.count {
      switch bytes[position] {
      case 0x20, 0x09, 0x0A, 0x0D: position += 1
      default: return bytes[position]
      }
    }
    return nil
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let byte = peek(), UInt32(byte) == character.value else { return false }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(DataError) {
    guard take(character) else {
      throw error("found \(found()) where \"\(character)\" was expected")
    }
  }

  /// Fails unless only white space is left.
  mutating func expectEnd() throws(DataError) {
    guard peek() == nil else { throw error("found \(found()) where the text should end") }
  }

  /// Reads an object; the closure gets each key and takes its value.
  mutating func object(
    _ member: (_ key: String, _ scanner: inout JSONScanner) throws(DataError) -> Void
  ) throws(DataError) {
    try expect("{")
    if take("}") { return }
    repeat {
      let key = try string()
      try expect(":")
      try member(key, &self)
    } while take(",")
    try expect("}")
  }

  /// Reads an array; the closure takes each element.
  mutating func array(
    _ element: (_ scanner: inout JSONScanner) throws(DataError) -> Void
  ) throws(DataError) {
    try expect("[")
    if take("]") { return }
    repeat { try element(&self) } while take(",")
    try expect("]")
  }

  /// Takes `null` if it comes next.
  mutating func null() -> Bool {
    guard peek() == UInt8(ascii: "n"), bytes[position...].starts(with: Array("null".utf8)) else {
      return false
    }
    position += 4
    return true
  }

  /// Reads a number.
  mutating func number() throws(DataError) -> Double {
    guard let first = peek() else { throw error("found the end where a number was expected") }
    let start = position
    while position < bytes.count, Self.isPartOfNumber(bytes[position]) { position += 1 }
    let isBegun = first == UInt8(ascii: "-") || (0x30...0x39).contains(first)
    guard isBegun, position - start <= 64,
      let value = Double(String(decoding: bytes[start..<position], as: UTF8.self))
    else {
      position = start
      throw error("found \(found()) where a number was expected")
    }
    return value
  }

  /// Reads a whole number.
  mutating func integer() throws(DataError) -> Int {
    _ = peek()
    let start = position
    let value = try number()
    guard let whole = Int(exactly: value), abs(value) < 9e15 else {
      throw error("found \(value) where a whole number was expected", at: start)
    }
    return whole
  }

  /// Reads a string.
  mutating func string() throws(DataError) -> String {
    try expect("\"")
    let start = position
    var text: [UInt8] = []
    while position < bytes.count, position - start <= 6 * Self.longestString {
      let byte = bytes[position]
      position += 1
      switch byte {
      case 0x22:
        guard text.count <= Self.longestString, let result = String(validating: text, as: UTF8.self)
        else { throw error("a string is too long or not UTF-8", at: start) }
        return result
      case 0x5C: text += Array(String(try escape()).utf8)
      case 0..<0x20: throw error("a string holds the control character \(byte)", at: position - 1)
      default: text.append(byte)
      }
    }
    throw error("a string does not end or is too long", at: start)
  }

  private mutating func escape() throws(DataError) -> Unicode.Scalar {
    let letter = position < bytes.count ? bytes[position] : 0
    position += 1
    switch letter {
    case 0x22, 0x5C, 0x2F: return Unicode.Scalar(letter)
    case UInt8(ascii: "b"): return "\u{8}"
    case UInt8(ascii: "f"): return "\u{C}"
    case UInt8(ascii: "n"): return "\n"
    case UInt8(ascii: "r"): return "\r"
    case UInt8(ascii: "t"): return "\t"
    case UInt8(ascii: "u"):
      let high = try fourDigits()
      if let scalar = Unicode.Scalar(high) { return scalar }
      guard position + 1 < bytes.count, bytes[position] == 0x5C,
        bytes[position + 1] == UInt8(ascii: "u"), high < 0xDC00
      else { throw error("half of a surrogate pair stands alone") }
      position += 2
      let low = try fourDigits()
      guard (0xDC00..<0xE000).contains(low),
        let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
      else { throw error("a surrogate pair has no second half") }
      return scalar
    default: throw error("a backslash begins no escape", at: position - 1)
    }
  }

  private mutating func fourDigits() throws(DataError) -> UInt32 {
    guard position + 4 <= bytes.count,
      let value = UInt32(String(decoding: bytes[position..<position + 4], as: UTF8.self), radix: 16)
    else { throw error("\"\\u\" needs four hexadecimal digits") }
    position += 4
    return value
  }

  /// Passes over a value of any kind.
  mutating func skip() throws(DataError) {
    let start = position
    var depth = 0
    repeat {
      guard let byte = peek() else { throw error("a value does not end", at: start) }
      switch byte {
      case 0x22: try skipString()
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        depth += 1
        position += 1
        guard depth <= Self.deepest else {
          throw error("brackets are nested more than \(Self.deepest) deep")
        }
      case UInt8(ascii: "}"), UInt8(ascii: "]"):
        depth -= 1
        position += 1
        guard depth >= 0 else { throw error("a bracket closes that was not opened") }
      case UInt8(ascii: ","), UInt8(ascii: ":"):
        guard depth > 0 else { throw error("found \(found()) where a value was expected") }
        position += 1
      default:
        let before = position
        while position < bytes.count, Self.isPlain(bytes[position]) { position += 1 }
        guard position > before else { throw error("found \(found()) where a value was expected") }
      }
    } while depth > 0
  }

  private mutating func skipString() throws(DataError) {
    let start = position
    position += 1
    while position < bytes.count {
      switch bytes[position] {
      case 0x22:
        position += 1
        return
      case 0x5C: position += 2
      default: position += 1
      }
    }
    throw error("a string does not end", at: start)
  }

  private static func isPartOfNumber(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x2B, 0x2D, 0x2E, 0x45, 0x65: true
    default: false
    }
  }

  /// A byte of a number or of `true`, `false`, `null`, also of the `NaN` and `Infinity` of some writers.
  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
    default: false
    }
  }

  private func found() -> String {
    guard position < bytes.count else { return "the end of the text" }
    let byte = bytes[position]
    return (0x21..<0x7F).contains(byte) ? "\"\(Unicode.Scalar(byte))\"" : "byte \(byte)"
  }
}
