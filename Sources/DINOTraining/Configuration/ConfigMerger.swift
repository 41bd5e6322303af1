internal import Torch
internal import Yams

/// Lays values that a user wrote over a configuration, and collects everything that does not fit.
package struct ConfigMerger {
  /// The configuration so far.
  package private(set) var tree: ConfigNode
  /// What did not fit, one line each.
  package private(set) var problems: [String] = []

  /// A tree with every key and a value of the right type.
  private let form: ConfigNode
  private let choices: [String: ConfigChoice]
  private let optionalKeys: Set<String>

  /// Begins with a configuration of training.
  ///
  /// - Parameters:
  ///   - tree: The configuration.
  ///   - form: A tree with every key and a value of the right type.
  init(_ tree: ConfigNode, form: ConfigNode) {
    self.init(
      tree, form: form, choices: TrainingConfig.choices, optionalKeys: TrainingConfig.optionalKeys)
  }

  /// Begins with a configuration.
  ///
  /// - Parameters:
  ///   - tree: The configuration.
  ///   - form: A tree with every key and a value of the right type; a list of sections holds one with the
  ///     values that count where a key is left out.
  ///   - choices: The values of keys that have a closed set of them.
  ///   - optionalKeys: Keys that may be null.
  package init(
    _ tree: ConfigNode, form: ConfigNode, choices: [String: ConfigChoice],
    optionalKeys: Set<String> = []
  ) {
    self.tree = tree
    self.form = form
    self.choices = choices
    self.optionalKeys = optionalKeys
  }

  /// Lays a document over the configuration.
  ///
  /// - Parameter document: A document whose root is a mapping, or empty.
  package mutating func apply(_ document: ConfigDocument) {
    guard let root = document.root, !Self.isNull(root) else { return }
    tree = merged(root, over: tree, form, at: Site(place: document.place, path: []))
  }

  /// Lays `key=value` over the configuration.
  ///
  /// - Parameter text: A dotted key, `=`, and the value as YAML.
  mutating func apply(override text: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let keys = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard parts.count == 2, keys.allSatisfy({ !$0.isEmpty }) else {
      problems.append("override \"\(text)\": expected key=value, such as optim.epochs=10")
      return
    }
    do {
      let place = "override \"\(text)\""
      let value = try ConfigDocument(text: String(parts[1]), place: place)
      var root = value.root ?? .scalar(Node.Scalar("", .implicit, .plain))
      for key in keys.reversed() { root = .mapping(Node.Mapping([(Node(key), root)])) }
      tree = merged(root, over: tree, form, at: Site(place: place, path: []))
    } catch {
      problems.append("\(error)")
    }
  }

  /// Where something stands.
  private struct Site {
    let place: String
    let path: [String]

    var key: String { path.joined(separator: ".") }

    func below(_ key: String) -> Site { Site(place: place, path: path + [key]) }

    func line(_ node: Node) -> String {
      // Overrides have one line, and the message quotes it.
      guard let mark = node.mark, !place.hasPrefix("override ") else { return place }
      return "\(place):\(mark.line)"
    }
  }

  private mutating func merged(
    _ node: Node, over tree: ConfigNode, _ form: ConfigNode, at site: Site
  ) -> ConfigNode {
    if case .list(let forms) = form, let element = forms.first, element.isSection {
      return sections(node, like: element, at: site) ?? tree
    }
    guard form.isSection else { return leaf(node, form, at: site) ?? tree }
    // A section whose keys are all commented out.
    if Self.isNull(node) { return tree }
    guard case .mapping(let mapping) = node else {
      let name = site.path.isEmpty ? "the configuration" : site.key
      problems.append(
        "\(site.line(node)): \(name) is \(Self.shown(node)), expected keys and values under it")
      return tree
    }
    var result = tree
    for (keyNode, value) in mapping {
      guard let key = keyNode.scalar?.string else {
        problems.append("\(site.line(keyNode)): a key is \(Self.shown(keyNode)), expected a name")
        continue
      }
      guard let keyForm = form[key], let old = tree[key] else {
        problems.append(unknown(key, among: form, at: site, line: site.line(keyNode)))
        continue
      }
      result[key] = merged(value, over: old, keyForm, at: site.below(key))
    }
    return result
  }

  /// A list of sections, in each of which keys may be left out.
  private mutating func sections(
    _ node: Node, like form: ConfigNode, at site: Site
  ) -> ConfigNode? {
    if Self.isNull(node) { return nil }
    guard case .sequence(let elements) = node else {
      problems.append(
        "\(site.line(node)): \(site.key) is \(Self.shown(node)), expected a list of sections")
      return nil
    }
    return .list(elements.map { merged($0, over: form, form, at: site) })
  }

  private func unknown(
    _ key: String, among form: ConfigNode, at site: Site, line: String
  ) -> String {
    let full = site.below(key).key
    let leaves = self.form.leaves().map(\.path)
    let sibling = NearestName.find(key, among: form.entries.map(\.key)).map { site.below($0).key }
    let nearest =
      sibling ?? leaves.first { $0.hasSuffix("." + key) } ?? NearestName.find(full, among: leaves)
    return "\(line): unknown key \(full)"
      + (nearest.map { "; did you mean \($0)?" } ?? "; `config.yaml` of a run lists all keys")
  }

  private mutating func leaf(_ node: Node, _ form: ConfigNode, at site: Site) -> ConfigNode? {
    let allowed = choices[site.key]
    let isOptional = optionalKeys.contains(site.key)
    if isOptional, Self.isNull(node) { return .null }
    let value: ConfigNode?
    switch (node, form) {
    case (.sequence(let elements), .list(let forms)):
      let values = elements.compactMap { Self.value($0, like: forms.first ?? .string("")) }
      value = values.count == elements.count ? .list(values) : nil
    case (.sequence(let elements), .string) where allowed?.isListAllowed == true:
      let values = elements.compactMap { Self.value($0, like: form) }
      value = values.count == elements.count ? .list(values) : nil
    default: value = Self.value(node, like: form)
    }
    guard let value, allowed?.admits(value) ?? true else {
      let expected =
        (allowed?.description ?? Self.expectation(form)) + (isOptional ? " or null" : "")
      problems.append(
        "\(site.line(node)): \(site.key) is \(Self.shown(node)), expected \(expected)")
      return nil
    }
    return value
  }

  /// A scalar, read as the type of another one.
  private static func value(_ node: Node, like form: ConfigNode) -> ConfigNode? {
    guard case .scalar(let scalar) = node else { return nil }
    let text = scalar.string
    if case .string = form { return .string(isNull(node) ? "" : text) }
    guard scalar.style == .plain || scalar.style == .any else { return nil }
    switch form {
    case .bool:
      return ["true": true, "yes": true, "on": true, "false": false, "no": false, "off": false][
        text.lowercased()
      ].map(ConfigNode.bool)
    case .int: return Int(text).map(ConfigNode.int)
    case .number: return number(text).map(ConfigNode.number)
    default: return nil
    }
  }

  /// A finite decimal number; `1e-3`, `1.0e-03`, `.5` and `0.` are all right.
  private static func number(_ text: String) -> Double? {
    guard text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
      let value = Double(text), value.isFinite
    else { return nil }
    return value
  }

  private static func isNull(_ node: Node) -> Bool {
    guard case .scalar(let scalar) = node, scalar.style == .plain || scalar.style == .any else {
      return false
    }
    return ["", "~", "null", "Null", "NULL"].contains(scalar.string)
  }

  private static func shown(_ node: Node) -> String {
    switch node {
    case .scalar(let scalar) where isNull(node): scalar.string.isEmpty ? "empty" : scalar.string
    case .scalar(let scalar): "\"\(scalar.string.prefix(60))\""
    case .sequence(let elements): "a list of \(elements.count)"
    case .mapping: "a section"
    case .alias: "an alias"
    }
  }

  private static func expectation(_ form: ConfigNode) -> String {
    switch form {
    case .null: "nothing"
    case .bool: "true or false"
    case .int: "a whole number"
    case .number: "a number"
    case .string: "a text"
    case .list(let forms): "a list, each \(expectation(forms.first ?? .string("")))"
    case .section: "a section"
    }
  }
}
