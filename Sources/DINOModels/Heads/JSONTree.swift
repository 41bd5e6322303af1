internal import FoundationEssentials

/// Any JSON value, for the part of a file whose form another type knows.
package enum JSONTree: Equatable, Sendable {
  case null
  case bool(Bool)
  case integer(Int)
  /// A whole number beyond `Int`, such as a seed.
  case large(UInt64)
  case number(Double)
  case string(String)
  case array([JSONTree])
  case object([String: JSONTree])

  /// Takes a value apart.
  ///
  /// - Parameter value: The value.
  /// - Throws: `EncodingError`, for example for a number that is not finite.
  package init(encoding value: some Encodable) throws {
    self = try JSONDecoder().decode(JSONTree.self, from: JSONEncoder().encode(value))
  }

  /// Builds a value; members that it does not have are refused.
  ///
  /// - Parameter type: The type.
  /// - Returns: The value.
  /// - Throws: `DecodingError`, or ``UnknownMembers``.
  package func decode<Value: Codable>(_ type: Value.Type) throws -> Value {
    let value = try JSONDecoder().decode(type, from: JSONEncoder().encode(self))
    let unknown = unknownMembers(besides: try JSONTree(encoding: value))
    guard unknown.isEmpty else { throw UnknownMembers(names: unknown) }
    return value
  }

  /// Members that a type does not have.
  package struct UnknownMembers: Error {
    package let names: [String]
  }

  /// The paths of members of this tree that another one lacks; a member that is null counts as absent.
  private func unknownMembers(besides known: JSONTree, at path: String = "") -> [String] {
    switch (self, known) {
    case (.object(let mine), .object(let theirs)):
      return mine.sorted { $0.key < $1.key }.flatMap { key, value -> [String] in
        guard value != .null else { return [] }
        guard let other = theirs[key] else { return [path + key] }
        return value.unknownMembers(besides: other, at: "\(path)\(key).")
      }
    case (.array(let mine), .array(let theirs)):
      return zip(mine, theirs).flatMap { $0.unknownMembers(besides: $1, at: path) }
    default: return []
    }
  }
}

extension JSONTree: Codable {
  package init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(UInt64.self) {
      self = .large(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONTree].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONTree].self))
    }
  }

  package func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .large(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }
}
