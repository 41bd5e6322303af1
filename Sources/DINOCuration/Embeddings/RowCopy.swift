internal import CheckpointFormats
internal import Glibc
internal import Torch

/// A copy of a matrix's rows in one block of memory, in the form that a computation reads them in.
///
/// The memory is written when the copy is made and never after, which makes sharing it safe:
/// `CosineSearchTests` and `KMeansTests` compare one thread with several.
@safe final class RowCopy: @unchecked Sendable {
  /// The number of rows.
  let rowCount: Int
  /// The number of values of a row.
  let columns: Int
  /// The type of the values: float32 or bfloat16.
  let dtype: DType
  private let memory: UnsafeMutableRawPointer

  /// The most bytes that a copy may take; matrices beyond are read block by block.
  static let mostBytes = 8 << 30

  /// Copies blocks of rows.
  ///
  /// - Parameters:
  ///   - rows: Which rows.
  ///   - columns: The number of values of a row.
  ///   - dtype: The type to copy to.
  ///   - block: Reads a range of rows, float32, contiguous.
  /// - Throws: What `block` throws, ``CurationError`` if memory is short.
  init(
    _ rows: Range<Int>, columns: Int, as dtype: DType,
    _ block: (Range<Int>) throws(CurationError) -> Tensor
  ) throws(CurationError) {
    rowCount = rows.count
    self.columns = columns
    self.dtype = dtype
    unsafe memory = .allocate(
      byteCount: max(rows.count * columns * dtype.byteCount, 64), alignment: 64)
    let rowBytes = columns * dtype.byteCount
    for part in RowBlocks(count: rows.count, size: 4096) {
      let values = try block(
        (rows.lowerBound + part.lowerBound)..<(rows.lowerBound + part.upperBound))
      try CurationError.tensors { () throws(TorchError) in
        let converted = try values.to(dtype: dtype).contiguous()
        unsafe try converted.withHostBytes { bytes in
          if let source = bytes.baseAddress {
            unsafe memcpy(memory + part.lowerBound * rowBytes, source, bytes.count)
          }
        }
      }
    }
  }

  deinit { unsafe memory.deallocate() }

  /// A range of rows as a tensor that shares the memory.
  func tensor(_ rows: Range<Int>) throws(TorchError) -> Tensor {
    let rowBytes = columns * dtype.byteCount
    return unsafe try Tensor(
      borrowing: UnsafeRawBufferPointer(
        start: memory + rows.lowerBound * rowBytes, count: rows.count * rowBytes),
      shape: [rows.count, columns], dtype: dtype, owner: self)
  }

  /// The values of a row of a float32 copy.
  func row(_ index: Int) -> UnsafeBufferPointer<Float> {
    precondition(dtype == .float32 && index >= 0 && index < rowCount)
    return unsafe UnsafeBufferPointer(
      start: memory.assumingMemoryBound(to: Float.self) + index * columns, count: columns)
  }
}
