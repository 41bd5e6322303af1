/// A path as the operating system sees it: bytes without NUL, in no particular encoding.
///
/// File names on Linux need not be UTF-8 and may hold newlines; a `String` would change them. Paths
/// are compared and sorted byte by byte.
public struct RawPath: Hashable, Sendable {
  /// The bytes, without a terminating NUL.
  public let bytes: [UInt8]

  /// Makes a path from bytes.
  ///
  /// - Parameter bytes: The bytes of the path.
  public init(bytes: [UInt8]) { self.bytes = bytes }

  /// Makes a path from text.
  ///
  /// - Parameter text: The path in UTF-8.
  public init(_ text: String) { bytes = Array(text.utf8) }

  /// The path as text: exact if the bytes are UTF-8, otherwise with replacement characters.
  public var text: String { String(decoding: bytes, as: UTF8.self) }

  /// The path as one printable line, from which ``init(escaped:)`` restores the bytes.
  ///
  /// Printable UTF-8 stays as it is; a backslash is doubled; control characters, line separators,
  /// invisible characters and bytes that are not UTF-8 become `\xHH`.
  public var displayName: String {
    guard let text = String(validating: bytes, as: UTF8.self) else { return escapedBytewise }
    var result = ""
    for scalar in text.unicodeScalars {
      if scalar == "\\" {
        result += "\\\\"
      } else if scalar.isPrintable {
        result.unicodeScalars.append(scalar)
      } else {
        for byte in String(scalar).utf8 { result += byte.escaped }
      }
    }
    return result
  }

  /// The escaped form of a path that is not UTF-8: every byte beyond ASCII becomes `\xHH`.
  private var escapedBytewise: String {
    var result = ""
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\\"): result += "\\\\"
      case 0x20...0x7E: result.unicodeScalars.append(Unicode.Scalar(byte))
      default: result += byte.escaped
      }
    }
    return result
  }

  /// Restores a path from its ``displayName``.
  ///
  /// - Parameter escaped: Text in which `\xHH` stands for a byte and `\\` for a backslash; any
  ///   other backslash stands for itself.
  public init(escaped: String) {
    let text = Array(escaped.utf8)
    var bytes: [UInt8] = []
    var index = 0
    while index < text.count {
      guard text[index] == UInt8(ascii: "\\"), index + 1 < text.count else {
        bytes.append(text[index])
        index += 1
        continue
      }
      if text[index + 1] == UInt8(ascii: "\\") {
        bytes.append(text[index])
        index += 2
      } else if text[index + 1] == UInt8(ascii: "x"), index + 3 < text.count,
        let high = text[index + 2].hexDigit, let low = text[index + 3].hexDigit
      {
        bytes.append(high << 4 | low)
        index += 4
      } else {
        bytes.append(text[index])
        index += 1
      }
    }
    self.bytes = bytes
  }
}

extension RawPath: Comparable {
  /// Orders paths byte by byte.
  ///
  /// - Parameters:
  ///   - left: A path.
  ///   - right: Another path.
  /// - Returns: Whether the first comes before the second.
  public static func < (left: RawPath, right: RawPath) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}

extension RawPath: ExpressibleByStringLiteral, CustomStringConvertible {
  /// Makes a path from a literal.
  ///
  /// - Parameter value: The path.
  public init(stringLiteral value: String) { self.init(value) }

  /// The escaped form.
  public var description: String { displayName }
}

extension RawPath {
  static let separator = UInt8(ascii: "/")

  /// The part after the last slash, not counting slashes at the end.
  package var lastComponent: [UInt8] {
    let end = bytes.lastIndex { $0 != RawPath.separator }.map { $0 + 1 } ?? 0
    let start = bytes[..<end].lastIndex(of: RawPath.separator).map { $0 + 1 } ?? 0
    return Array(bytes[start..<end])
  }

  /// The path without its last part; `.` if there is none, `/` if it is the root.
  package var folder: RawPath {
    let end = bytes.lastIndex { $0 != RawPath.separator }.map { $0 + 1 } ?? 0
    guard let slash = bytes[..<end].lastIndex(of: RawPath.separator) else {
      return RawPath(end == 0 && !bytes.isEmpty ? "/" : ".")
    }
    let last = bytes[..<slash].lastIndex { $0 != RawPath.separator }
    return last.map { RawPath(bytes: Array(bytes[...$0])) } ?? "/"
  }

  /// The path of something in the folder that this path names.
  package func appending(_ name: [UInt8]) -> RawPath {
    guard let last = bytes.last, !bytes.isEmpty else { return RawPath(bytes: name) }
    return RawPath(bytes: bytes + (last == RawPath.separator ? [] : [RawPath.separator]) + name)
  }

  /// The lower-case extension of the last part without the dot, or nil.
  package var fileExtension: [UInt8]? {
    let name = lastComponent
    guard let dot = name.lastIndex(of: UInt8(ascii: ".")), dot > 0, dot + 1 < name.count else {
      return nil
    }
    return name[(dot + 1)...].map { (0x41...0x5A).contains($0) ? $0 + 0x20 : $0 }
  }

  /// Whether the last part begins with a dot and is not `.` or `..`.
  package var isHidden: Bool {
    let name = lastComponent
    return name.first == UInt8(ascii: ".") && name != Array(".".utf8) && name != Array("..".utf8)
  }
}

extension Unicode.Scalar {
  /// Whether the scalar shows as itself in one line of text.
  fileprivate var isPrintable: Bool {
    switch properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator,
      .paragraphSeparator:
      false
    default: true
    }
  }
}

extension UInt8 {
  fileprivate var escaped: String {
    let digits = String(self, radix: 16)
    return "\\x" + (digits.utf8.count == 1 ? "0" : "") + digits
  }

  fileprivate var hexDigit: UInt8? {
    switch self {
    case 0x30...0x39: self - 0x30
    case 0x41...0x46: self - 0x37
    case 0x61...0x66: self - 0x57
    default: nil
    }
  }
}
