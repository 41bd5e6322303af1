internal import Foundation
internal import Yams

/// A YAML text whose form is safe: no anchors, one document, of limited size.
package struct ConfigDocument {
  /// The largest size of a file, in bytes; Meta's own files have less than 4 kB.
  static let sizeLimit = 1_000_000

  /// Where it came from: a path, or an override as it was written.
  let place: String
  /// The root; nil for a text without any value.
  let root: Node?

  /// Reads a file.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``ConfigurationError`` if it cannot be read or is refused.
  package init(file path: String) throws(ConfigurationError) {
    var isFolder: ObjCBool = false
    // The pointer lives only for the call.
    guard unsafe FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw .unreadable(path: path, problem: "there is no such configuration file")
    }
    guard !isFolder.boolValue else {
      throw .unreadable(path: path, problem: "a folder; the path of a YAML file was expected")
    }
    guard let handle = FileHandle(forReadingAtPath: path) else {
      throw .unreadable(path: path, problem: "the configuration file may not be read")
    }
    defer { try? handle.close() }
    let data: Data
    do {
      data = try handle.read(upToCount: Self.sizeLimit + 1) ?? Data()
    } catch {
      throw .unreadable(
        path: path, problem: "the configuration file cannot be read: \(error.localizedDescription)")
    }
    guard data.count <= Self.sizeLimit else {
      throw .unreadable(
        path: path, problem: "more than 1 MB, which no configuration needs; is it the right file?")
    }
    guard let text = String(validating: data, as: UTF8.self) else {
      throw .unreadable(path: path, problem: "no UTF-8 text; a YAML file was expected")
    }
    try self.init(text: text, place: path)
  }

  /// Parses a text.
  ///
  /// - Parameters:
  ///   - text: The YAML text.
  ///   - place: Where it came from.
  /// - Throws: ``ConfigurationError`` if it is no YAML or refused.
  package init(text: String, place: String) throws(ConfigurationError) {
    self.place = place
    let code = Self.withoutComments(text)
    if let line = Self.lineWithAnchor(code) {
      throw .unreadable(
        path: "\(place):\(line)",
        problem: "YAML anchors and aliases are refused; write the value out")
    }
    do {
      root = try Parser(yaml: code, encoding: .utf8).singleRoot()
    } catch let error as YamlError {
      throw Self.refusal(error, place: place)
    } catch {
      throw .unreadable(path: place, problem: "\(error)")
    }
  }

  private static func refusal(_ error: YamlError, place: String) -> ConfigurationError {
    switch error {
    case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
      .composer(_, let problem, let mark, _):
      .unreadable(path: "\(place):\(mark.line)", problem: "no valid YAML: \(problem)")
    case .duplicatedKeysInMapping(let keys, let context):
      .unreadable(
        path: "\(place):\(context.mark.line)",
        problem: "given twice: \(keys.joined(separator: ", ")); keep one")
    case .reader(let problem, _, _, _):
      .unreadable(path: place, problem: "no valid YAML: \(problem)")
    default: .unreadable(path: place, problem: "no valid YAML")
    }
  }

  /// The text without comments, so that what is searched is exactly what is parsed.
  private static func withoutComments(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    var quote: Unicode.Scalar?
    var previous: Unicode.Scalar = "\n"
    var isComment = false
    for scalar in text.unicodeScalars {
      if scalar == "\n" { isComment = false }
      guard !isComment else { continue }
      // A doubled single quote goes on with the text that it seemed to end.
      let startsToken =
        " \t\n\r[{,:".unicodeScalars.contains(previous) || (scalar == "'" && previous == "'")
      if let open = quote {
        if scalar == open, open == "'" || previous != "\\" { quote = nil }
      } else if scalar == "\"" || scalar == "'" {
        if startsToken { quote = scalar }
      } else if scalar == "#", " \t\n\r".unicodeScalars.contains(previous) {
        isComment = true
        continue
      }
      // Two backslashes are one escaped one: the next character is not escaped.
      previous = previous == "\\" && scalar == "\\" ? " " : scalar
      result.append(scalar)
    }
    return String(result)
  }

  /// The line of the first `&name` or `*name` that could be an anchor or an alias.
  private static func lineWithAnchor(_ code: String) -> Int? {
    var line = 1
    var (before, previous): (Unicode.Scalar, Unicode.Scalar) = ("\n", "\n")
    for scalar in code.unicodeScalars {
      if previous == "&" || previous == "*", " \t\n\r[{,?:-".unicodeScalars.contains(before),
        !scalar.properties.isWhitespace
      {
        return line
      }
      if scalar == "\n" { line += 1 }
      (before, previous) = (previous, scalar)
    }
    return nil
  }
}
