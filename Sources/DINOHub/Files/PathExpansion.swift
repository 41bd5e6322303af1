/// Puts values for `~`, `$NAME` and `${NAME}` at their places in a path, as Python's `os.path` does.
struct PathExpansion {
  let environment: [String: String]

  func expand(_ path: String) -> String {
    let path = withVariables(path)
    guard path == "~" || path.hasPrefix("~/") else { return path }
    let home = environment["HOME"] ?? ""
    return (home.isEmpty ? FileSystem.homeFolder : home) + path.dropFirst()
  }

  private func withVariables(_ path: String) -> String {
    var result = ""
    var rest = path[...]
    while let dollar = rest.firstIndex(of: "$") {
      result += rest[..<dollar]
      let after = rest[rest.index(after: dollar)...]
      let isBraced = after.hasPrefix("{")
      let name = (isBraced ? after.dropFirst() : after).prefix { character in
        character.isASCII && (character.isLetter || character.isNumber || character == "_")
      }
      let end = after[name.endIndex...]
      if let value = environment[String(name)], !isBraced || end.hasPrefix("}") {
        result += value
        rest = isBraced ? end.dropFirst() : end
      } else {
        // What is not set stays as it is written.
        result += rest[dollar..<name.endIndex]
        rest = end
      }
    }
    return result + rest
  }
}
