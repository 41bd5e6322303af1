/// Turns an encodable value into a tree.
///
/// Foundation's encoders lose the order of keys or the difference between 1 and 1.0.
package struct ConfigNodeEncoder: Encoder {
  /// Where the parts of one value are put.
  fileprivate final class Box {
    var node = ConfigNode.null
  }

  package let codingPath: [any CodingKey] = []
  package let userInfo: [CodingUserInfoKey: Any] = [:]
  private let box = Box()

  private init() {}

  /// The tree of a value.
  ///
  /// - Parameter value: Sections, lists, and leaves of the types that ``ConfigNode`` has.
  /// - Returns: The tree.
  /// - Throws: The error of a type that encodes itself.
  package static func node(of value: some Encodable) throws -> ConfigNode {
    switch value {
    case let value as Bool: return .bool(value)
    case let value as Int: return .int(value)
    case let value as Double: return .number(value)
    case let value as String: return .string(value)
    default:
      let encoder = ConfigNodeEncoder()
      try value.encode(to: encoder)
      return encoder.box.node
    }
  }

  package func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    box.node = .section([])
    return KeyedEncodingContainer(Keyed<Key>(box: box))
  }

  package func unkeyedContainer() -> any UnkeyedEncodingContainer {
    box.node = .list([])
    return Unkeyed(box: box)
  }

  package func singleValueContainer() -> any SingleValueEncodingContainer { Single(box: box) }
}

private struct Keyed<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let codingPath: [any CodingKey] = []
  let box: ConfigNodeEncoder.Box

  func encodeNil(forKey key: Key) { box.node[key.stringValue] = .null }

  func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
    box.node[key.stringValue] = try ConfigNodeEncoder.node(of: value)
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy keyType: Nested.Type, forKey key: Key
  ) -> KeyedEncodingContainer<Nested> {
    preconditionFailure("configurations nest by types, not by containers")
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    preconditionFailure("configurations nest by types, not by containers")
  }

  func superEncoder() -> any Encoder { preconditionFailure("configurations have no classes") }

  func superEncoder(forKey key: Key) -> any Encoder {
    preconditionFailure("configurations have no classes")
  }
}

private struct Unkeyed: UnkeyedEncodingContainer {
  let codingPath: [any CodingKey] = []
  let box: ConfigNodeEncoder.Box

  private var values: [ConfigNode] {
    if case .list(let values) = box.node { return values }
    return []
  }

  var count: Int { values.count }

  func encodeNil() { box.node = .list(values + [.null]) }

  func encode<Value: Encodable>(_ value: Value) throws {
    box.node = .list(values + [try ConfigNodeEncoder.node(of: value)])
  }

  func nestedContainer<Nested: CodingKey>(
    keyedBy keyType: Nested.Type
  ) -> KeyedEncodingContainer<Nested> {
    preconditionFailure("configurations nest by types, not by containers")
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    preconditionFailure("configurations nest by types, not by containers")
  }

  func superEncoder() -> any Encoder { preconditionFailure("configurations have no classes") }
}

private struct Single: SingleValueEncodingContainer {
  let codingPath: [any CodingKey] = []
  let box: ConfigNodeEncoder.Box

  func encodeNil() { box.node = .null }

  func encode<Value: Encodable>(_ value: Value) throws {
    box.node = try ConfigNodeEncoder.node(of: value)
  }
}
