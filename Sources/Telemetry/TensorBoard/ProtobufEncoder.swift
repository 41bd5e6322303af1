/// Writes the few kinds of protocol-buffer fields that event files need.
///
/// Source: the encoding guide of Protocol Buffers. Fields are written in the order of the calls; a value
/// that is its type's default is written too, which readers accept.
struct ProtobufEncoder {
  /// The message so far.
  private(set) var bytes: [UInt8] = []

  private enum Wire: UInt64 {
    case varint = 0
    case fixed64 = 1
    case delimited = 2
    case fixed32 = 5
  }

  private mutating func key(_ field: Int, _ wire: Wire) {
    varint(UInt64(field) << 3 | wire.rawValue)
  }

  private mutating func varint(_ value: UInt64) {
    var value = value
    while value >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: value) | 0x80)
      value >>= 7
    }
    bytes.append(UInt8(value))
  }

  /// A number of type `int32`, `int64` or an enumeration; a negative one takes ten bytes.
  mutating func integer(_ field: Int, _ value: Int) {
    key(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  /// A number of type `double`.
  mutating func double(_ field: Int, _ value: Double) {
    key(field, .fixed64)
    for shift in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> (8 * shift))) }
  }

  /// A number of type `float`.
  mutating func float(_ field: Int, _ value: Float) {
    key(field, .fixed32)
    for shift in 0..<4 { bytes.append(UInt8(truncatingIfNeeded: value.bitPattern >> (8 * shift))) }
  }

  /// Bytes.
  mutating func data(_ field: Int, _ value: [UInt8]) {
    key(field, .delimited)
    varint(UInt64(value.count))
    bytes += value
  }

  /// A text.
  mutating func text(_ field: Int, _ value: String) { data(field, Array(value.utf8)) }

  /// A message inside this one.
  mutating func message(_ field: Int, _ body: (inout ProtobufEncoder) -> Void) {
    var inner = ProtobufEncoder()
    body(&inner)
    data(field, inner.bytes)
  }
}
