/// Why an image could not be read, made or written.
///
/// Every message is one line: which file, what is wrong, what was found and expected, what to do.
public enum ImageError: Error, Equatable, Sendable {
  /// The file system refused: the file is missing, not readable, not a regular file.
  case file(file: String, problem: String)
  /// The bytes are no image of a format that is read here, or use a feature that is not supported.
  case unsupported(file: String, problem: String)
  /// The bytes begin like an image but are damaged or cut short.
  case damaged(file: String, problem: String)
  /// The image is larger than the limits allow.
  case tooLarge(file: String, problem: String)
  /// The caller asked for something that cannot be, such as an empty crop.
  case usage(problem: String)
  /// The image could not be written.
  case unwritable(file: String, problem: String)
}

extension ImageError: CustomStringConvertible {
  /// The message, one line.
  public var description: String {
    switch self {
    case .file(let file, let problem), .unsupported(let file, let problem),
      .damaged(let file, let problem), .tooLarge(let file, let problem),
      .unwritable(let file, let problem):
      "\(file.quotedOnOneLine): \(problem.onOneLine)"
    case .usage(let problem): problem.onOneLine
    }
  }
}

extension String {
  /// The text without control characters and line breaks, at most 300 characters.
  package var onOneLine: String {
    var result = ""
    var gap = false
    for scalar in unicodeScalars {
      if scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value) || scalar == "\u{2028}"
        || scalar == "\u{2029}"
      {
        gap = true
        continue
      }
      if gap, !result.isEmpty, scalar != " " { result.unicodeScalars.append(" ") }
      gap = false
      result.unicodeScalars.append(scalar)
      if result.unicodeScalars.count >= 300 { return result + "…" }
    }
    return result
  }

  /// The text as a name: control characters are escaped, so that it stays on one line.
  package var quotedOnOneLine: String {
    unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F }
      ? unicodeScalars.map { $0.escaped(asASCII: false) }.joined() : self
  }
}
