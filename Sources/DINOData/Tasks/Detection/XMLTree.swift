/// An element of a small XML file: what annotation tools write, and nothing else of XML.
///
/// There are no document types and so no entities beyond the five of XML and numbers; sizes and nesting are
/// limited. Attributes are passed over.
struct XMLTree {
  /// The name.
  private(set) var name: String
  /// The text directly inside, without white space at the ends.
  private(set) var text = ""
  /// The elements inside, in order.
  private(set) var children: [XMLTree] = []

  /// The deepest nesting.
  static let deepest = 32
  /// The most elements.
  static let most = 1 << 17

  /// The first element of a name inside.
  subscript(name: String) -> XMLTree? { children.first { $0.name == name } }

  /// Reads a file.
  ///
  /// - Parameters:
  ///   - bytes: The contents, UTF-8.
  ///   - path: The file, for messages.
  /// - Throws: ``DataError/refused(path:problem:)`` with the byte offset of what is not accepted.
  init(_ bytes: [UInt8], path: String) throws(DataError) {
    var reader = Reader(bytes: bytes, path: path)
    self = try reader.root()
  }

  private init(name: String) { self.name = name }

  private struct Reader {
    let bytes: [UInt8]
    let path: String
    var position = 0
    private var open: [XMLTree] = []
    private var count = 0

    init(bytes: [UInt8], path: String) {
      self.bytes = bytes
      self.path = path
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    func error(_ problem: String) -> DataError {
      .refused(path: path, problem: "byte \(position): \(problem)")
    }

    mutating func root() throws(DataError) -> XMLTree {
      while position < bytes.count {
        if bytes[position] != UInt8(ascii: "<") {
          try addText()
        } else if skips("<?", until: "?>") || skips("<!--", until: "-->") {
          continue
        } else if begins("<!") {
          throw error("document types and CDATA are not read")
        } else if begins("</") {
          if let done = try close() { return done }
        } else if let done = try begin() {
          return done
        }
      }
      throw error("the XML ends before its first element does")
    }

    private func begins(_ text: String) -> Bool {
      bytes[position...].starts(with: Array(text.utf8))
    }

    private mutating func skips(_ start: String, until end: String) -> Bool {
      guard begins(start) else { return false }
      position += start.utf8.count
      while position < bytes.count, !begins(end) { position += 1 }
      position = min(position + end.utf8.count, bytes.count)
      return true
    }

    private mutating func addText() throws(DataError) {
      let start = position
      while position < bytes.count, bytes[position] != UInt8(ascii: "<") { position += 1 }
      guard let raw = String(validating: bytes[start..<position], as: UTF8.self) else {
        throw error("text is not UTF-8")
      }
      let text = raw.trimmed
      guard !text.isEmpty else { return }
      guard !open.isEmpty else { throw error("text stands outside of any element") }
      guard text.utf8.count <= 1 << 16 else { throw error("a text is longer than 65536 bytes") }
      open[open.count - 1].text += try decoded(text)
    }

    private func decoded(_ text: String) throws(DataError) -> String {
      guard text.contains("&") else { return text }
      var result = ""
      var parts = text.split(separator: "&", omittingEmptySubsequences: false)
      result += parts.removeFirst()
      for part in parts {
        guard let end = part.firstIndex(of: ";"),
          let scalar = Self.entity(String(part[..<end]))
        else { throw error("\"&\" begins no entity that is known") }
        result.unicodeScalars.append(scalar)
        result += part[part.index(after: end)...]
      }
      return result
    }

    private static func entity(_ name: String) -> Unicode.Scalar? {
      switch name {
      case "amp": "&"
      case "lt": "<"
      case "gt": ">"
      case "quot": "\""
      case "apos": "'"
      default:
        name.hasPrefix("#x")
          ? UInt32(name.dropFirst(2), radix: 16).flatMap(Unicode.Scalar.init)
          : name.hasPrefix("#") ? UInt32(name.dropFirst()).flatMap(Unicode.Scalar.init) : nil
      }
    }

    private mutating func takeName() throws(DataError) -> String {
      let start = position
      while position < bytes.count, ![0x20, 0x09, 0x0A, 0x0D, 0x2F, 0x3E].contains(bytes[position])
      {
        position += 1
      }
      guard position > start, position - start <= 256,
        let name = String(validating: bytes[start..<position], as: UTF8.self)
      else { throw error("an element has no usable name") }
      return name
    }

    /// Begins an element; the whole tree if it was the first and ends at once.
    private mutating func begin() throws(DataError) -> XMLTree? {
      position += 1
      let element = XMLTree(name: try takeName())
      count += 1
      guard count <= XMLTree.most, open.count < XMLTree.deepest else {
        throw error(
          "more than \(XMLTree.most) elements, or nested more than \(XMLTree.deepest) deep")
      }
      var quote: UInt8?
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        if let mark = quote {
          if byte == mark { quote = nil }
        } else if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") {
          quote = byte
        } else if byte == UInt8(ascii: ">") {
          open.append(element)
          // `<name/>` is an element without contents.
          return bytes[position - 2] == UInt8(ascii: "/") ? end() : nil
        }
      }
      throw error("the tag \"\(element.name)\" does not end")
    }

    private mutating func close() throws(DataError) -> XMLTree? {
      position += 2
      let name = try takeName()
      guard let last = open.last, last.name == name else {
        throw error(
          "\"\(name)\" ends where \"\(open.last?.name ?? "nothing")\" should end")
      }
      while position < bytes.count, bytes[position] != UInt8(ascii: ">") { position += 1 }
      guard position < bytes.count else { throw error("the tag \"/\(name)\" does not end") }
      position += 1
      return end()
    }

    private mutating func end() -> XMLTree? {
      let element = open.removeLast()
      guard !open.isEmpty else { return element }
      open[open.count - 1].children.append(element)
      return nil
    }
  }
}

extension String {
  /// The text without white space at its ends.
  fileprivate var trimmed: String {
    var text = self[...]
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return String(text)
  }
}
