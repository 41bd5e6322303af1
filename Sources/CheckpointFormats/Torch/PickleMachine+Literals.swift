/// Instructions that carry their value with them.
extension PickleMachine {
  /// Pushes a number.
  mutating func number(_ opcode: PickleOpcode) throws(Problem) {
    switch opcode {
    case .binint1: push(.integer(Int(try read(UInt8.self))))
    case .binint2: push(.integer(Int(try read(UInt16.self))))
    case .binint: push(.integer(Int(try read(Int32.self))))
    case .binfloat: push(.float(Double(bitPattern: try read(UInt64.self).byteSwapped)))
    default:
      let length =
        opcode == .long1 ? Int(try read(UInt8.self)) : Int(try read(Int32.self))
      guard length >= 0, length <= 16 else {
        throw Problem("holds an integer of \(length) bytes; at most 16 are read")
      }
      var value: Int128 = 0
      for index in 0..<length {
        let byte = try read(UInt8.self)
        value |= Int128(byte) << Int128(8 * index)
        if index == length - 1, length < 16, byte >= 0x80 {
          value -= Int128(1) << Int128(8 * length)
        }
      }
      if let small = Int(exactly: value) {
        push(.integer(small))
      } else {
        arena.bigIntegers.append(value)
        push(.bigInteger(arena.bigIntegers.count - 1))
      }
    }
  }

  /// Pushes a text or bytes.
  mutating func text(_ opcode: PickleOpcode) throws(Problem) {
    let length: UInt64
    switch opcode {
    case .shortBinstring, .shortBinunicode, .shortBinbytes: length = UInt64(try read(UInt8.self))
    case .binunicode8: length = try read(UInt64.self)
    default: length = UInt64(try read(UInt32.self))
    }
    guard length <= UInt64(Limit.text), let part = region.slice(position, Int(length)) else {
      throw Problem(
        "holds a text of \(length) bytes; \(region.count - position) bytes are left, and at most "
          + "\(Limit.text) are read")
    }
    position += part.count
    let isBytes = opcode == .binbytes || opcode == .shortBinbytes
    if !isBytes, let value = part.text(0, part.count) {
      push(.string(value))
    } else if isBytes || (opcode == .shortBinstring && policy != .strict) {
      arena.byteStrings.append(unsafe Array(part.bytes))
      push(.bytes(arena.byteStrings.count - 1))
    } else {
      throw Problem("holds a text that is not valid UTF-8")
    }
  }

  /// Reads a name up to the end of its line.
  mutating func line() throws(Problem) -> String {
    guard let end = region.firstIndex(of: 0x0A, from: position, limit: Limit.name + 1),
      let text = region.text(position, end - position)
    else {
      throw Problem("holds a name that is not UTF-8 or is longer than \(Limit.name) bytes")
    }
    position = end + 1
    return text
  }

  /// Reads a little-endian number after the opcode.
  mutating func read<Value: FixedWidthInteger & BitwiseCopyable>(
    _ type: Value.Type
  ) throws(Problem) -> Value {
    guard let value = region.integer(position, as: type) else {
      throw Problem("lacks its operand: the pickle is cut off")
    }
    position += MemoryLayout<Value>.size
    return value
  }
}
