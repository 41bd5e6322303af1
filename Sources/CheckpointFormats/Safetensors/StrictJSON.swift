/// A pull reader for the small, strict part of JSON that weight files use.
///
/// It never recurses over its input, reads integers only, refuses duplicate keys through its callers,
/// and reports the byte offset of whatever it does not accept.
struct StrictJSON {
  private let region: ByteRegion
  private let what: String
  /// The offset of the next byte.
  private(set) var position = 0

  /// Starts reading.
  ///
  /// - Parameters:
  ///   - region: UTF-8 text.
  ///   - what: How messages call the text, for example `header`.
  /// - Throws: ``CheckpointError`` if the text is not UTF-8.
  init(_ region: ByteRegion, what: String) throws(CheckpointError) {
    self.region = region
    self.what = what
    guard region.text(0, region.count) != nil else {
      throw .structure(
        path: region.file.path, place: what, problem: "is not valid UTF-8; the file is damaged")
    }
  }

  /// An error at a byte of the text.
  func error(_ problem: String, at offset: Int? = nil) -> CheckpointError {
    .structure(path: region.file.path, place: "\(what)+\(offset ?? position)", problem: problem)
  }

  /// Skips the four white-space bytes of JSON.
  mutating func skipSpace() {
    while let byte = region[position], byte == 0x20 || byte == 0x09 || byte == 0x0A || byte == 0x0D
    {
      position += 1
    }
  }

  /// The next byte that is not white space, without taking it.
  mutating func peek() -> UInt8? {
    skipSpace()
    return region[position]
  }

  /// Takes one character that must be there.
  mutating func expect(_ character: Unicode.Scalar) throws(CheckpointError) {
    guard let byte = peek(), UInt32(byte) == character.value else {
      throw error("found \(found()) where \"\(character)\" was expected")
    }
    position += 1
  }

  /// Takes one character if it comes next.
  mutating func take(_ character: Unicode.Scalar) -> Bool {
    guard let byte = peek(), UInt32(byte) == character.value else { return false }
    position += 1
    return true
  }

  /// Fails unless only white space is left.
  mutating func expectEnd() throws(CheckpointError) {
    guard peek() == nil else {
      throw error("found \(found()) after the object, where the text should end")
    }
  }

  /// Reads the members of an object; the closure gets each key and reads its value.
  ///
  /// - Parameters:
  ///   - reader: The reader.
  ///   - limit: The largest number of members.
  ///   - member: Reads the value of a key and throws on a key it does not accept.
  /// - Throws: ``CheckpointError`` if there is no object, it has too many members or one twice, and
  ///   what `member` throws.
  static func object(
    _ reader: inout StrictJSON, limit: Int,
    member: (_ key: String, _ reader: inout StrictJSON) throws(CheckpointError) -> Void
  ) throws(CheckpointError) {
    try reader.expect("{")
    if reader.take("}") { return }
    var keys: Set<[UInt8]> = []
    while true {
      let start = reader.position
      let key = try reader.string(maximum: 4096)
      // Compared as bytes: two Unicode spellings of one letter are two names to every other reader.
      guard keys.insert(Array(key.utf8)).inserted else {
        throw reader.error("key \(key.quoted) occurs twice; each name may occur once", at: start)
      }
      guard keys.count <= limit else {
        throw reader.error("the object has more than \(limit) members")
      }
      try reader.expect(":")
      try member(key, &reader)
      if reader.take(",") { continue }
      try reader.expect("}")
      return
    }
  }

  /// Reads a string.
  ///
  /// - Parameter maximum: The largest number of UTF-8 bytes.
  /// - Returns: Its text, without quotes and escapes.
  /// - Throws: ``CheckpointError`` if there is no string or it is longer.
  mutating func string(maximum: Int) throws(CheckpointError) -> String {
    try expect("\"")
    let start = position
    while let byte = region[position], byte != 0x22, byte != 0x5C, byte >= 0x20 { position += 1 }
    if region[position] == 0x22 {
      guard position - start <= maximum, let text = region.text(start, position - start) else {
        throw error("the string is longer than \(maximum) bytes", at: start)
      }
      position += 1
      return text
    }
    position = start
    return try escapedString(maximum: maximum)
  }

  private mutating func escapedString(maximum: Int) throws(CheckpointError) -> String {
    let start = position
    var bytes: [UInt8] = []
    while let byte = region[position] {
      guard byte >= 0x20 else { throw error("a string holds the control character \(byte)") }
      position += 1
      if byte == 0x22 {
        guard let text = String(validating: bytes, as: UTF8.self) else {
          throw error("the string is not valid UTF-8", at: start)
        }
        return text
      }
      if byte == 0x5C {
        bytes.append(contentsOf: Array(String(try escape()).utf8))
      } else {
        bytes.append(byte)
      }
      guard bytes.count <= maximum else {
        throw error("the string is longer than \(maximum) bytes", at: start)
      }
    }
    throw error("the string does not end", at: start)
  }

  private mutating func escape() throws(CheckpointError) -> Unicode.Scalar {
    let letter = region[position] ?? 0
    position += 1
    switch letter {
    case 0x22, 0x5C, 0x2F: return Unicode.Scalar(letter)
    case 0x62: return "\u{8}"
    case 0x66: return "\u{C}"
    case 0x6E: return "\n"
    case 0x72: return "\r"
    case 0x74: return "\t"
    case 0x75:
      let high = try fourDigits()
      if let scalar = Unicode.Scalar(high) { return scalar }
      guard high < 0xDC00, region[position] == 0x5C, region[position + 1] == 0x75 else {
        throw error("half of a surrogate pair stands alone")
      }
      position += 2
      let low = try fourDigits()
      guard low >= 0xDC00, low < 0xE000,
        let scalar = Unicode.Scalar(0x10000 + (high - 0xD800) << 10 + (low - 0xDC00))
      else { throw error("a surrogate pair has no second half") }
      return scalar
    default:
      throw error("\"\\\" is followed by something that is not an escape", at: position - 1)
    }
  }

  private mutating func fourDigits() throws(CheckpointError) -> UInt32 {
    var value: UInt32 = 0
    for _ in 0..<4 {
      guard let byte = region[position], let digit = Character(Unicode.Scalar(byte)).hexDigitValue
      else { throw error("\"\\u\" needs four hexadecimal digits") }
      value = value << 4 | UInt32(digit)
      position += 1
    }
    return value
  }

  /// Reads an integer without sign, fraction or exponent, at most 2^63 − 1.
  mutating func integer() throws(CheckpointError) -> Int {
    skipSpace()
    let start = position
    var value = 0
    while let byte = region[position], byte >= 0x30, byte <= 0x39 {
      guard let next = value.checkedProduct(10)?.checkedSum(Int(byte - 0x30)) else {
        throw error("the number is larger than \(Int.max)", at: start)
      }
      value = next
      position += 1
    }
    guard position > start else {
      throw error("found \(found()) where an integer without sign was expected")
    }
    if region[start] == 0x30, position - start > 1 {
      throw error("the number has a leading zero", at: start)
    }
    if let byte = region[position], byte == 0x2E || byte == 0x65 || byte == 0x45 {
      throw error("the number has a fraction or an exponent; only integers are allowed", at: start)
    }
    return value
  }

  /// Reads an array of integers.
  ///
  /// - Parameter limit: The largest number of elements.
  /// - Returns: The elements.
  /// - Throws: ``CheckpointError`` if there is no such array or it is longer.
  mutating func integers(limit: Int) throws(CheckpointError) -> [Int] {
    try expect("[")
    var values: [Int] = []
    if take("]") { return values }
    while true {
      values.append(try integer())
      guard values.count <= limit else {
        throw error("the array has more than \(limit) elements")
      }
      if take(",") { continue }
      try expect("]")
      return values
    }
  }

  /// Skips a value of any kind, with brackets at most eight deep.
  mutating func skipValue() throws(CheckpointError) {
    var depth = 0
    let start = position
    repeat {
      guard let byte = peek() else { throw error("the value does not end", at: start) }
      switch byte {
      case 0x22: _ = try string(maximum: 1 << 20)
      case 0x7B, 0x5B:
        depth += 1
        position += 1
        guard depth <= 8 else { throw error("brackets are nested more than 8 deep") }
      case 0x7D, 0x5D:
        depth -= 1
        position += 1
        guard depth >= 0 else { throw error("a bracket closes that was not opened") }
      case 0x2C, 0x3A:
        guard depth > 0 else { throw error("found \(found()) where a value was expected") }
        position += 1
      default:
        let before = position
        while let byte = region[position], isPlain(byte) { position += 1 }
        guard position > before else { throw error("found \(found()) where a value was expected") }
      }
    } while depth > 0
  }

  private func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E: true
    default: false
    }
  }

  private func found() -> String {
    guard let byte = region[position] else { return "the end of the text" }
    guard byte >= 0x21, byte < 0x7F else { return "byte \(byte)" }
    return String(UnicodeScalar(byte)).quoted
  }
}
