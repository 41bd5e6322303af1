internal import CKernels

/// A matrix in memory that somebody else owns, with any distance between neighbours.
public struct StridedMatrix {
  /// The first element.
  public var elements: UnsafePointer<Float>
  /// The number of rows.
  public var rows: Int
  /// The number of columns.
  public var columns: Int
  /// The distance of neighbours in a column.
  public var rowStride: Int
  /// The distance of neighbours in a row.
  public var columnStride: Int

  /// Creates a matrix that lies row by row.
  ///
  /// - Parameters:
  ///   - elements: The first element.
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  public init(_ elements: UnsafePointer<Float>, rows: Int, columns: Int) {
    self.elements = elements
    self.rows = rows
    self.columns = columns
    rowStride = columns
    columnStride = 1
  }

  /// The same elements with rows and columns exchanged.
  public var transposed: StridedMatrix {
    var other = self
    (other.rows, other.columns) = (columns, rows)
    (other.rowStride, other.columnStride) = (columnStride, rowStride)
    return other
  }
}

extension ProcessorKernels {
  /// Multiplies two matrices.
  ///
  /// - Parameters:
  ///   - a: `[M, K]`.
  ///   - b: `[K, N]`.
  ///   - bias: Added to each row, `[N]`; nil for none.
  ///   - adds: Whether the product is added to `c` instead of overwriting it.
  ///   - c: Takes the product, `[M, N]`, row by row.
  public func multiply(
    _ a: StridedMatrix, _ b: StridedMatrix, bias: UnsafePointer<Float>? = nil, adds: Bool = false,
    into c: UnsafeMutablePointer<Float>
  ) {
    precondition(a.columns == b.rows && a.columns > 0, "matrices of \(a.columns) and \(b.rows)")
    let source = ck_gemm_source(
      a: a.elements, a_row: Int64(a.rowStride), a_column: Int64(a.columnStride), b: b.elements,
      b_row: Int64(b.rowStride), b_column: Int64(b.columnStride), rows: Int64(a.rows),
      depth: Int64(a.columns), columns: Int64(b.columns), adds: adds, bias: bias)
    guard ck_gemm(pool, level.code, source, c, Int64(b.columns)) else {
      preconditionFailure("too little memory for a product of \(a.rows) × \(b.columns)")
    }
  }
}
