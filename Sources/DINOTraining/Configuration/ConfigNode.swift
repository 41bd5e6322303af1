/// A configuration as a tree whose keys keep their order and whose leaves keep their type.
package enum ConfigNode: Equatable, Sendable {
  case null
  case bool(Bool)
  case int(Int)
  case number(Double)
  case string(String)
  case list([ConfigNode])
  case section([Entry])

  /// A key and what stands under it.
  package struct Entry: Equatable, Sendable {
    let key: String
    var value: ConfigNode
  }

  /// A leaf with its full key.
  struct Leaf: Equatable, Sendable {
    /// The keys from the root, joined by dots.
    let path: String
    let value: ConfigNode
  }

  /// The entries of a section; empty for a leaf.
  var entries: [Entry] {
    if case .section(let entries) = self { return entries }
    return []
  }

  /// Whether this is a section.
  var isSection: Bool {
    if case .section = self { return true }
    return false
  }

  /// What stands under a key of a section; setting replaces, and adds at the end.
  subscript(key: String) -> ConfigNode? {
    get { entries.first { $0.key == key }?.value }
    set {
      guard let newValue else { return }
      var entries = self.entries
      if let index = entries.firstIndex(where: { $0.key == key }) {
        entries[index].value = newValue
      } else {
        entries.append(Entry(key: key, value: newValue))
      }
      self = .section(entries)
    }
  }

  /// All leaves, in order.
  ///
  /// - Parameter prefix: The path of this node.
  /// - Returns: The leaves with their full keys.
  func leaves(below prefix: String = "") -> [Leaf] {
    guard case .section(let entries) = self else { return [Leaf(path: prefix, value: self)] }
    return entries.flatMap { entry in
      entry.value.leaves(below: prefix.isEmpty ? entry.key : prefix + "." + entry.key)
    }
  }
}

extension ConfigNode: Encodable {
  private struct Key: CodingKey {
    let stringValue: String
    var intValue: Int? { nil }

    init(stringValue: String) { self.stringValue = stringValue }

    init?(intValue: Int) { nil }
  }

  package func encode(to encoder: any Encoder) throws {
    if case .section(let entries) = self {
      var container = encoder.container(keyedBy: Key.self)
      for entry in entries {
        try container.encode(entry.value, forKey: Key(stringValue: entry.key))
      }
      return
    }
    var container = encoder.singleValueContainer()
    switch self {
    case .null, .section: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .int(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .list(let values): try container.encode(values)
    }
  }
}
