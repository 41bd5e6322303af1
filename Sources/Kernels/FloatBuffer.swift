/// Memory for 32-bit floats whose start is aligned for every vector unit.
public final class FloatBuffer {
  let pointer: UnsafeMutablePointer<Float>
  /// The number of floats.
  public let count: Int

  /// Allocates memory; its contents are not set.
  ///
  /// - Parameter count: The number of floats, at least 0.
  public init(count: Int) {
    precondition(count >= 0, "a buffer of \(count) floats")
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<Float>.stride, alignment: 64)
    pointer = raw.bindMemory(to: Float.self, capacity: count)
    self.count = count
  }

  /// Allocates memory with a copy of an array.
  ///
  /// - Parameter values: The floats.
  public convenience init(_ values: [Float]) {
    self.init(count: values.count)
    values.withUnsafeBufferPointer { source in
      if let start = source.baseAddress {
        pointer.update(from: start, count: source.count)
      }
    }
  }

  deinit { pointer.deallocate() }

  /// Overwrites a stretch.
  ///
  /// - Parameters:
  ///   - values: The floats.
  ///   - start: Where the first one goes.
  public func write(_ values: [Float], at start: Int = 0) {
    precondition(start >= 0 && start + values.count <= count, "a write beyond the buffer")
    values.withUnsafeBufferPointer { source in
      if let first = source.baseAddress {
        (pointer + start).update(from: first, count: source.count)
      }
    }
  }

  /// Copies a stretch of another buffer.
  ///
  /// - Parameters:
  ///   - other: The source.
  ///   - range: The stretch of the source.
  ///   - start: Where the first float goes.
  public func copy(from other: FloatBuffer, _ range: Range<Int>, at start: Int) {
    precondition(
      range.lowerBound >= 0 && range.upperBound <= other.count, "a read beyond the buffer")
    precondition(start >= 0 && start + range.count <= count, "a write beyond the buffer")
    (pointer + start).update(from: other.pointer + range.lowerBound, count: range.count)
  }

  /// Calls a closure with all bytes.
  ///
  /// - Parameter body: Gets the memory, which is not written meanwhile.
  /// - Returns: What the closure returns.
  /// - Throws: What the closure throws.
  public func withBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeRawBufferPointer(start: pointer, count: count * MemoryLayout<Float>.stride))
  }

  /// The floats of a range as an array.
  ///
  /// - Parameter range: The stretch.
  /// - Returns: The floats.
  public func array(_ range: Range<Int>) -> [Float] {
    precondition(range.lowerBound >= 0 && range.upperBound <= count, "a read beyond the buffer")
    return Array(UnsafeBufferPointer(start: pointer + range.lowerBound, count: range.count))
  }
}

/// Rows of equal length in a buffer.
public struct Matrix {
  let buffer: FloatBuffer
  let start: Int
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int

  var pointer: UnsafeMutablePointer<Float> { buffer.pointer + start }

  /// Looks at a stretch of a buffer as rows without gaps.
  ///
  /// - Parameters:
  ///   - buffer: The memory.
  ///   - start: Where the first row begins.
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  public init(_ buffer: FloatBuffer, start: Int = 0, rows: Int, columns: Int) {
    precondition(
      start >= 0 && rows >= 0 && columns >= 0 && start + rows * columns <= buffer.count,
      "a matrix of \(rows) × \(columns) does not fit")
    self.buffer = buffer
    self.start = start
    self.rows = rows
    self.columns = columns
  }

  /// Some of the rows.
  ///
  /// - Parameter range: Which rows.
  /// - Returns: A view of the same memory.
  public func rows(_ range: Range<Int>) -> Matrix {
    precondition(range.lowerBound >= 0 && range.upperBound <= rows, "no such rows")
    return Matrix(
      buffer, start: start + range.lowerBound * columns, rows: range.count, columns: columns)
  }

  /// Overwrites rows.
  ///
  /// - Parameters:
  ///   - values: Whole rows.
  ///   - row: Where the first one goes.
  public func write(_ values: [Float], row: Int) {
    buffer.write(values, at: start + row * columns)
  }

  /// All values, row by row.
  public var array: [Float] { buffer.array(start..<start + rows * columns) }
}
