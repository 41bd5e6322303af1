import Testing

/// Checks that elements nest and that texts hold no bare brackets, as strict XML asks for.
enum MarkupChecker {
  /// Elements of HTML that have no end.
  private static let void: Set<String> = ["meta", "img", "br", "!DOCTYPE"]

  /// The names of all elements, in order.
  @discardableResult
  static func elements(_ markup: String, sourceLocation: SourceLocation = #_sourceLocation)
    -> [String]
  {
    var names: [String] = []
    var open: [String] = []
    var rest = markup[...]
    while let start = rest.firstIndex(of: "<") {
      let text = rest[..<start]
      #expect(
        !text.contains(">") || open.last == "style", "a bare > in \(text)",
        sourceLocation: sourceLocation)
      // Quotes may hold brackets.
      var end = rest.index(after: start)
      var isQuoted = false
      while end < rest.endIndex, isQuoted || rest[end] != ">" {
        if rest[end] == "\"" { isQuoted.toggle() }
        end = rest.index(after: end)
      }
      guard end < rest.endIndex else {
        Issue.record("an element does not end", sourceLocation: sourceLocation)
        return names
      }
      let tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.hasPrefix("/") {
        #expect(open.popLast() == String(tag.dropFirst()), sourceLocation: sourceLocation)
      } else {
        let name = String(tag.prefix { !$0.isWhitespace && $0 != "/" })
        names.append(name)
        if !tag.hasSuffix("/"), !void.contains(name) { open.append(name) }
      }
    }
    #expect(open.isEmpty, "\(open) do not end", sourceLocation: sourceLocation)
    return names
  }
}
