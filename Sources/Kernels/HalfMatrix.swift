/// Rows of bfloat16 values in memory of their own.
public final class HalfMatrix {
  let pointer: UnsafeMutablePointer<UInt16>
  /// The number of rows.
  public let rows: Int
  /// The number of columns.
  public let columns: Int

  /// Allocates rows; their contents are not set.
  ///
  /// - Parameters:
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  public init(rows: Int, columns: Int) {
    precondition(rows >= 0 && columns >= 0, "a matrix of \(rows) × \(columns)")
    let count = rows * columns
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: max(count, 1) * MemoryLayout<UInt16>.stride, alignment: 64)
    pointer = raw.bindMemory(to: UInt16.self, capacity: count)
    self.rows = rows
    self.columns = columns
  }

  deinit { pointer.deallocate() }

  /// Overwrites all values, each rounded to the nearest bfloat16.
  ///
  /// - Parameter values: `[rows, columns]`.
  public func write(_ values: [Float]) {
    precondition(values.count == rows * columns, "an odd number of values")
    for (index, value) in values.enumerated() {
      let bits = value.bitPattern
      pointer[index] = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
    }
  }

  /// All values in single precision, row by row.
  public var array: [Float] {
    (0..<rows * columns).map { Float(bitPattern: UInt32(pointer[$0]) << 16) }
  }
}
