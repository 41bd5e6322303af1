/// The values that a key may have.
package struct ConfigChoice: Sendable, CustomStringConvertible {
  /// The values.
  let values: [String]
  /// What a list may hold; empty if there may be no list.
  let listValues: [String]

  package init(_ values: [String], listOf listValues: [String] = []) {
    self.values = values
    self.listValues = listValues
  }

  /// Whether there may be a list.
  var isListAllowed: Bool { !listValues.isEmpty }

  /// Whether a value is one of those.
  ///
  /// - Parameter value: A text, or a list of texts.
  /// - Returns: Whether it is admitted.
  func admits(_ value: ConfigNode) -> Bool {
    switch value {
    case .string(let text): values.contains(text)
    case .list(let list):
      list.allSatisfy { element in listValues.contains { element == .string($0) } }
    default: false
    }
  }

  /// What was expected, for a message.
  package var description: String {
    let one = values.joined(separator: ", ")
    return isListAllowed
      ? "\(one), or a list of \(listValues.joined(separator: ", "))"
      : values.count == 1 ? one : "one of \(one)"
  }
}
