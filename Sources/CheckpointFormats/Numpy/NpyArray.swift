/// An array of a `.npy` file, still in the mapped file.
public struct NpyArray: Sendable {
  /// The type of the elements.
  public enum Element: Sendable, Equatable {
    /// A type that tensors have, too.
    case scalar(ScalarType)
    /// Unsigned integers of 2, 4 or 8 bytes.
    case unsigned(byteCount: Int)
    /// Records of named fields.
    case record([Field])
  }

  /// The kind of a field of a record.
  public enum FieldKind: Sendable, Equatable {
    /// A signed integer.
    case integer
    /// An unsigned integer.
    case unsigned
    /// A floating-point number.
    case float
    /// Text of fixed width, four bytes per character, padded with zeros.
    case text
    /// Bytes of fixed width, padded with zeros.
    case bytes
  }

  /// One field of a record.
  public struct Field: Sendable, Equatable {
    /// The field's name.
    public let name: String
    /// What it holds.
    public let kind: FieldKind
    /// Where it begins in the record.
    public let offset: Int
    /// Its bytes.
    public let byteCount: Int
  }

  /// The type of the elements.
  public let element: Element
  /// The sizes, outermost first.
  public let shape: [Int]
  /// The number of elements.
  public let count: Int
  /// Whether the first index varies fastest, as in Fortran.
  public let isColumnMajor: Bool
  private let data: ByteRegion

  init(element: Element, shape: [Int], count: Int, isColumnMajor: Bool, data: ByteRegion) {
    self.element = element
    self.shape = shape
    self.count = count
    self.isColumnMajor = isColumnMajor
    self.data = data
  }

  /// The array as a tensor, without a copy.
  ///
  /// - Returns: A view of the mapped file; strided if the file is column-major.
  /// - Throws: ``CheckpointError/unsupported(path:place:problem:)`` if tensors have no such type.
  public func tensor() throws(CheckpointError) -> StoredTensor {
    guard case .scalar(let type) = element else {
      throw .unsupported(
        path: data.file.path, place: "descr",
        problem: "elements are \(element), which tensors cannot hold; read integers() or fields")
    }
    let strides =
      isColumnMajor
      ? Array(StoredTensor.rowMajorStrides(of: shape.reversed()).reversed())
      : StoredTensor.rowMajorStrides(of: shape)
    return unsafe StoredTensor(
      scalarType: type, shape: shape, strides: strides, count: count, owner: data.file,
      region: data.bytes)
  }

  /// The elements of an array of integers, also unsigned ones, in row-major order.
  ///
  /// - Returns: ``count`` values.
  /// - Throws: ``CheckpointError`` if the elements are no integers, or one exceeds `Int.max`.
  public func integers() throws(CheckpointError) -> [Int] {
    guard case .unsigned(let size) = element else { return try tensor().integers() }
    guard !isColumnMajor || shape.count < 2 else {
      throw .unsupported(
        path: data.file.path, place: "fortran_order",
        problem: "column-major unsigned arrays are not read; save a copy in row-major order")
    }
    var values: [Int] = []
    values.reserveCapacity(count)
    for index in 0..<count {
      values.append(try unsigned(at: index * size, byteCount: size))
    }
    return values
  }

  private func unsigned(at offset: Int, byteCount: Int) throws(CheckpointError) -> Int {
    var value: UInt64 = 0
    for index in (0..<byteCount).reversed() {
      value = value << 8 | UInt64(data[offset + index] ?? 0)
    }
    guard let result = Int(exactly: value) else {
      throw .unsupported(
        path: data.file.path, place: "byte \(data.fileOffset + offset)",
        problem: "\(value) is larger than \(Int.max)")
    }
    return result
  }

  /// An integer field of a record.
  ///
  /// - Parameters:
  ///   - name: The field's name.
  ///   - row: The record, from 0, in the order of the file.
  /// - Returns: The value.
  /// - Throws: ``CheckpointError`` if there is no such field or record, or it holds no integer.
  public func integer(_ name: String, row: Int) throws(CheckpointError) -> Int {
    let (field, offset) = try locate(name, row: row)
    let value = { (size: Int) throws(CheckpointError) in try unsigned(at: offset, byteCount: size) }
    switch (field.kind, field.byteCount) {
    case (.unsigned, _): return try value(field.byteCount)
    case (.integer, 1): return Int(Int8(bitPattern: data[offset] ?? 0))
    case (.integer, 2): return Int(data.integer(offset, as: Int16.self) ?? 0)
    case (.integer, 4): return Int(data.integer(offset, as: Int32.self) ?? 0)
    case (.integer, _): return Int(data.integer(offset, as: Int64.self) ?? 0)
    default: throw wrongKind(field)
    }
  }

  /// A text field of a record.
  ///
  /// - Parameters:
  ///   - name: The field's name.
  ///   - row: The record, from 0, in the order of the file.
  /// - Returns: The text without its padding.
  /// - Throws: ``CheckpointError`` if there is no such field or record, or it holds no valid text.
  public func text(_ name: String, row: Int) throws(CheckpointError) -> String {
    let (field, offset) = try locate(name, row: row)
    var scalars = String.UnicodeScalarView()
    var units: [UInt32] = []
    switch field.kind {
    case .text:
      for position in stride(from: offset, to: offset + field.byteCount, by: 4) {
        units.append(data.integer(position, as: UInt32.self) ?? 0)
      }
    case .bytes:
      for position in offset..<(offset + field.byteCount) {
        units.append(UInt32(data[position] ?? 0))
      }
    default: throw wrongKind(field)
    }
    while units.last == 0 { units.removeLast() }
    for unit in units {
      guard let scalar = Unicode.Scalar(unit) else {
        throw .structure(
          path: data.file.path, place: "byte \(data.fileOffset + offset)",
          problem: "field \(name.quoted) holds \(unit), which is no character")
      }
      scalars.append(scalar)
    }
    return String(scalars)
  }

  private func wrongKind(_ field: Field) -> CheckpointError {
    .unsupported(
      path: data.file.path, place: "field \(field.name.quoted)",
      problem: "it holds \(field.kind)s of \(field.byteCount) bytes, not what was asked for")
  }

  private func locate(
    _ name: String, row: Int
  ) throws(CheckpointError) -> (field: Field, offset: Int) {
    guard case .record(let fields) = element, let field = fields.first(where: { $0.name == name })
    else {
      throw .missing(path: data.file.path, problem: "the array has no field \(name.quoted)")
    }
    guard row >= 0, row < count else {
      throw .missing(
        path: data.file.path, problem: "record \(row) was asked for; there are \(count)")
    }
    return (field, row * element.byteCount + field.offset)
  }
}

extension NpyArray.Element {
  /// The bytes of one element.
  public var byteCount: Int {
    switch self {
    case .scalar(let type): type.byteCount
    case .unsigned(let size): size
    case .record(let fields): fields.reduce(0) { $0 + $1.byteCount }
    }
  }
}
