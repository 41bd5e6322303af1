extension NpyArray {
  /// Reads a `.npy` file of format version 1, 2 or 3.
  ///
  /// - Parameter path: The file.
  /// - Returns: The array; its bytes stay in the mapped file.
  /// - Throws: ``CheckpointError`` if the file is damaged, or holds Python objects, big-endian numbers
  ///   or another type that is not supported.
  public static func read(_ path: String) throws(CheckpointError) -> NpyArray {
    let file = try FileBytes(path: path)
    let array = try NpyReader(ByteRegion(file)).read()
    try file.checkUnchanged()
    return array
  }
}

/// Parses the header of a `.npy` file: a Python dictionary literal with three known keys.
struct NpyReader {
  private static let maximumHeader = 64 << 10
  private static let maximumFields = 64

  private let region: ByteRegion
  private var position = 0
  private var end = 0

  /// Prepares to read a file.
  init(_ region: ByteRegion) { self.region = region }

  private func error(_ problem: String) -> CheckpointError {
    .structure(path: region.file.path, place: "byte \(position)", problem: problem)
  }

  /// Reads the header and checks that the data has the size it states.
  func read() throws(CheckpointError) -> NpyArray {
    var reader = self
    return try reader.parse()
  }

  private mutating func parse() throws(CheckpointError) -> NpyArray {
    try findHeader()
    var element: NpyArray.Element?
    var isColumnMajor: Bool?
    var shape: [Int]?
    try expect("{")
    while !take("}") {
      let key = try text()
      try expect(":")
      switch key {
      case "descr" where element == nil: element = try descriptor()
      case "fortran_order" where isColumnMajor == nil: isColumnMajor = try truth()
      case "shape" where shape == nil: shape = try sizes()
      default:
        throw error(
          "key \(key.quoted) is unknown or occurs twice; descr, fortran_order, shape are known")
      }
      if !take(",") {
        try expect("}")
        break
      }
    }
    skipSpace()
    guard position == end else { throw error("something follows the dictionary of the header") }
    guard let element, let isColumnMajor, let shape else {
      throw error("the header lacks one of descr, fortran_order and shape")
    }
    guard let count = StoredTensor.elementCount(of: shape),
      let size = count.checkedProduct(element.byteCount), size == region.count - end,
      let data = region.slice(end, size)
    else {
      throw error(
        "an array of shape \(shape) with elements of \(element.byteCount) bytes does not fit the "
          + "\(region.count - end) bytes after the header; the file is cut off or damaged")
    }
    if element == .scalar(.bool), unsafe data.bytes.contains(where: { $0 > 1 }) {
      throw error("a Boolean is neither 0 nor 1")
    }
    return NpyArray(
      element: element, shape: shape, count: count, isColumnMajor: isColumnMajor, data: data)
  }

  private mutating func findHeader() throws(CheckpointError) {
    guard region.has([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]), let major = region[6],
      region[7] == 0, major >= 1, major <= 3
    else {
      throw .container(
        path: region.file.path, problem: "is not a .npy file of version 1.0 to 3.0",
        advice: "save the array with numpy.save")
    }
    let length: Int?
    if major == 1 {
      length = region.integer(8, as: UInt16.self).map { Int($0) }
      position = 10
    } else {
      length = region.integer(8, as: UInt32.self).map { Int($0) }
      position = 12
    }
    guard let length, length <= NpyReader.maximumHeader, length <= region.count - position else {
      throw error("the header is cut off or longer than \(NpyReader.maximumHeader) bytes")
    }
    end = position + length
  }

  // MARK: - The dictionary literal

  private mutating func skipSpace() {
    while position < end, let byte = region[position], byte == 0x20 || byte == 0x0A || byte == 0x09
    {
      position += 1
    }
  }

  private mutating func take(_ character: Unicode.Scalar) -> Bool {
    skipSpace()
    guard position < end, let byte = region[position], UInt32(byte) == character.value else {
      return false
    }
    position += 1
    return true
  }

  private mutating func expect(_ character: Unicode.Scalar) throws(CheckpointError) {
    guard take(character) else { throw error("\"\(character)\" is missing in the header") }
  }

  private mutating func text() throws(CheckpointError) -> String {
    let quote: UInt8
    if take("'") {
      quote = 0x27
    } else if take("\"") {
      quote = 0x22
    } else {
      throw error("a text in quotation marks is missing in the header")
    }
    let start = position
    while position < end, let byte = region[position], byte != quote {
      guard byte != 0x5C, byte >= 0x20 else { throw error("escapes in texts are not read") }
      position += 1
    }
    guard position < end, let value = region.text(start, position - start) else {
      throw error("a text of the header does not end or is not UTF-8")
    }
    position += 1
    return value
  }

  private mutating func word() -> String {
    skipSpace()
    let start = position
    while position < end, let byte = region[position], (0x41...0x7A).contains(byte) {
      position += 1
    }
    return region.text(start, position - start) ?? ""
  }

  private mutating func truth() throws(CheckpointError) -> Bool {
    switch word() {
    case "True": return true
    case "False": return false
    default: throw error("True or False is missing in the header")
    }
  }

  private mutating func sizes() throws(CheckpointError) -> [Int] {
    try expect("(")
    var sizes: [Int] = []
    while !take(")") {
      skipSpace()
      let start = position
      var value = 0
      while position < end, let byte = region[position], (0x30...0x39).contains(byte) {
        guard let next = value.checkedProduct(10)?.checkedSum(Int(byte - 0x30)) else {
          throw error("a size is larger than \(Int.max)")
        }
        value = next
        position += 1
      }
      guard position > start, sizes.count < SafetensorsReader.maximumRank else {
        throw error("shape is not a tuple of at most \(SafetensorsReader.maximumRank) sizes")
      }
      sizes.append(value)
      if !take(",") {
        try expect(")")
        break
      }
    }
    return sizes
  }

  // MARK: - Types

  private mutating func descriptor() throws(CheckpointError) -> NpyArray.Element {
    guard take("[") else { return try element(text()) }
    var fields: [NpyArray.Field] = []
    var offset = 0
    while !take("]") {
      try expect("(")
      let name = try text()
      try expect(",")
      let field = try self.field(name, text(), offset: offset)
      _ = take(",")
      guard take(")") else { throw error("fields that are arrays are not supported") }
      guard fields.count < NpyReader.maximumFields, !fields.contains(where: { $0.name == name })
      else {
        throw error("field \(name.quoted) occurs twice, or there are too many fields")
      }
      fields.append(field)
      offset += field.byteCount
      if !take(",") {
        try expect("]")
        break
      }
    }
    guard !fields.isEmpty else { throw error("descr has no fields") }
    return .record(fields)
  }

  private func element(_ code: String) throws(CheckpointError) -> NpyArray.Element {
    switch code {
    case "<f8": return .scalar(.float64)
    case "<f4": return .scalar(.float32)
    case "<f2": return .scalar(.float16)
    case "<i8": return .scalar(.int64)
    case "<i4": return .scalar(.int32)
    case "<i2": return .scalar(.int16)
    case "|i1": return .scalar(.int8)
    case "|u1": return .scalar(.uint8)
    case "|b1": return .scalar(.bool)
    case "<u2": return .unsigned(byteCount: 2)
    case "<u4": return .unsigned(byteCount: 4)
    case "<u8": return .unsigned(byteCount: 8)
    default: throw refusal(code)
    }
  }

  private func field(
    _ name: String, _ code: String, offset: Int
  ) throws(CheckpointError) -> NpyArray.Field {
    let kinds: [Character: NpyArray.FieldKind] = [
      "i": .integer, "u": .unsigned, "f": .float, "U": .text, "S": .bytes,
    ]
    let order = code.first
    guard let kind = code.dropFirst().first.flatMap({ kinds[$0] }), order == "<" || order == "|",
      let width = Int(code.dropFirst(2)), width > 0, width <= 4096
    else { throw refusal(code) }
    switch kind {
    case .text, .bytes: break
    case .integer, .unsigned:
      guard [1, 2, 4, 8].contains(width) else { throw refusal(code) }
    case .float:
      guard [2, 4, 8].contains(width) else { throw refusal(code) }
    }
    return NpyArray.Field(
      name: name, kind: kind, offset: offset, byteCount: kind == .text ? 4 * width : width)
  }

  private func refusal(_ code: String) -> CheckpointError {
    let reason =
      code.hasPrefix(">")
      ? "big-endian numbers; save the array with little-endian ones"
      : code.hasSuffix("O")
        ? "Python objects, which only Python can make sense of; save plain numbers"
        : "an unsupported type; f2, f4, f8, i1 to i8, u1 to u8 and b1 are read"
    return .unsupported(
      path: region.file.path, place: "descr", problem: "\(code.quoted) stands for \(reason)")
  }
}
