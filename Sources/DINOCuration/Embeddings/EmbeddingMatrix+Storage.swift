internal import CheckpointFormats
internal import Torch

extension EmbeddingMatrix {
  /// A range of rows as they are stored, float32, contiguous.
  func storedBlock(_ rows: Range<Int>) throws(CurationError) -> Tensor {
    guard rows.lowerBound >= 0, rows.upperBound <= rowCount else {
      throw .usage(problem: "\(source): rows \(rows) were asked for; there are \(rowCount)")
    }
    let width = columns
    let overlapping = parts.filter { $0.rows.overlaps(rows) }
    return try CurationError.tensors { () throws(TorchError) in
      let pieces = try overlapping.map { part throws(TorchError) in
        let wanted = part.rows.clamped(to: rows)
        let rowBytes = width * part.tensor.scalarType.byteCount
        let first = (wanted.lowerBound - part.rows.lowerBound) * rowBytes
        let bytes = unsafe UnsafeRawBufferPointer(
          rebasing: part.tensor.bytes[first..<(first + wanted.count * rowBytes)])
        return unsafe try Tensor(
          borrowing: bytes, shape: [wanted.count, width], dtype: DType(part.tensor.scalarType),
          owner: part.tensor.owner
        ).to(dtype: .float32)
      }
      guard let first = pieces.first else { return try Tensor.zeros([0, width]) }
      return pieces.count == 1 ? first : try Tensor.cat(pieces)
    }
  }

  /// Whether all rows are stored in single precision.
  var isStoredAsFloats: Bool { parts.allSatisfy { $0.tensor.scalarType == .float32 } }

  /// The values of a row where they are stored; nil unless that is in single precision.
  func floatRow(_ row: Int) -> UnsafeBufferPointer<Float>? {
    guard let part = part(of: row), part.tensor.scalarType == .float32 else { return nil }
    return unsafe part.tensor.bytes.assumingMemoryBound(to: Float.self)
      .row(row - part.rows.lowerBound, columns)
  }

  /// The part that holds a row.
  private func part(of row: Int) -> Part? {
    var (low, high) = (0, parts.count)
    while low < high {
      let middle = (low + high) / 2
      if parts[middle].rows.upperBound <= row { low = middle + 1 } else { high = middle }
    }
    return low < parts.count && parts[low].rows.contains(row) ? parts[low] : nil
  }

  /// Appends the values of a row as they are stored.
  func appendRow(_ row: Int, to values: inout [Float]) throws(CurationError) {
    guard let part = part(of: row) else {
      throw .usage(problem: "\(source): row \(row) was asked for; there are \(rowCount)")
    }
    let first = (row - part.rows.lowerBound) * columns
    let bytes = unsafe part.tensor.bytes
    guard part.tensor.scalarType != .float32 else {
      let row = unsafe UnsafeRawBufferPointer(
        rebasing: bytes[(4 * first)..<(4 * (first + columns))])
      return unsafe values.append(contentsOf: row.assumingMemoryBound(to: Float.self))
    }
    for element in first..<(first + columns) {
      let value: Float =
        switch part.tensor.scalarType {
        case .float16:
          unsafe Float(halfBits: bytes.load(fromByteOffset: element * 2, as: UInt16.self))
        case .bfloat16:
          unsafe Float(
            bitPattern: UInt32(bytes.load(fromByteOffset: element * 2, as: UInt16.self)) << 16)
        default: unsafe Float(bytes.load(fromByteOffset: element * 8, as: Double.self))
        }
      values.append(value)
    }
  }
}

extension DType {
  /// The tensor type of stored floating-point numbers.
  fileprivate init(_ scalarType: ScalarType) {
    self =
      switch scalarType {
      case .float64: .float64
      case .float16: .float16
      case .bfloat16: .bfloat16
      default: .float32
      }
  }
}
