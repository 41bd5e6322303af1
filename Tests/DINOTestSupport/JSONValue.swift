/// A JSON value whose form a test does not know in advance.
public enum JSONValue: Codable, Equatable, Sendable {
  /// `null`.
  case null
  /// A truth value.
  case bool(Bool)
  /// A number without fraction.
  case integer(Int)
  /// Any other number.
  case number(Double)
  /// A text.
  case string(String)
  /// A list.
  case array([JSONValue])
  /// An object.
  case object([String: JSONValue])

  /// Decodes any JSON value.
  ///
  /// - Parameter decoder: The decoder.
  /// - Throws: The decoder's error.
  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    if container.decodeNil() {
      self = .null
    } else if let value = try? container.decode(Bool.self) {
      self = .bool(value)
    } else if let value = try? container.decode(Int.self) {
      self = .integer(value)
    } else if let value = try? container.decode(Double.self) {
      self = .number(value)
    } else if let value = try? container.decode(String.self) {
      self = .string(value)
    } else if let value = try? container.decode([JSONValue].self) {
      self = .array(value)
    } else {
      self = .object(try container.decode([String: JSONValue].self))
    }
  }

  /// Encodes the value as the JSON it stands for.
  ///
  /// - Parameter encoder: The encoder.
  /// - Throws: The encoder's error.
  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    switch self {
    case .null: try container.encodeNil()
    case .bool(let value): try container.encode(value)
    case .integer(let value): try container.encode(value)
    case .number(let value): try container.encode(value)
    case .string(let value): try container.encode(value)
    case .array(let values): try container.encode(values)
    case .object(let members): try container.encode(members)
    }
  }

  /// The value under a key of an object.
  ///
  /// - Parameter key: The key.
  /// - Returns: The value.
  /// - Throws: ``GoldenError`` if this is no object or has no such key.
  public func member(_ key: String) throws -> JSONValue {
    guard case .object(let members) = self else {
      throw GoldenError("\"\(key)\" was asked of a JSON value that is no object: \(self)")
    }
    guard let value = members[key] else {
      throw GoldenError("JSON object has no key \"\(key)\", only \(members.keys.sorted())")
    }
    return value
  }

  /// The value under a key of an object, or nil.
  ///
  /// - Parameter key: The key.
  public subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { return members[key] }
    return nil
  }

  /// The element of a list at a position, or nil.
  ///
  /// - Parameter index: The position, from 0.
  public subscript(index: Int) -> JSONValue? {
    if case .array(let values) = self, values.indices.contains(index) { return values[index] }
    return nil
  }

  /// The integer, or nil.
  public var integer: Int? {
    switch self {
    case .integer(let value): value
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  /// The number, or nil.
  public var number: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The text, or nil.
  public var string: String? {
    if case .string(let value) = self { return value }
    return nil
  }

  /// The truth value, or nil.
  public var bool: Bool? {
    if case .bool(let value) = self { return value }
    return nil
  }

  /// The elements of a list, or nil.
  public var array: [JSONValue]? {
    if case .array(let values) = self { return values }
    return nil
  }

  /// The members of an object, or nil.
  public var object: [String: JSONValue]? {
    if case .object(let members) = self { return members }
    return nil
  }
}
