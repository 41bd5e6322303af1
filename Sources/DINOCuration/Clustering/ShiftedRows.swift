internal import Torch

/// The rows of a matrix as the search for centroids reads them: as they are, and less a point near all.
///
/// Both are kept in memory where they fit, since k-means reads them in every iteration.
struct ShiftedRows: Sendable {
  /// The point that is subtracted.
  let shift: [Float]
  /// The length of the longest shifted row.
  let longest: Float
  /// What products are computed in.
  let precision: UnitRows.Precision
  /// The number of rows.
  var count: Int { matrix.rowCount }
  /// The number of values of a row.
  var columns: Int { matrix.columns }

  private let matrix: EmbeddingMatrix
  private let plain: RowCopy?
  private let moved: ProductRows?

  /// Prepares rows.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]`, as blocks of it come.
  ///   - centroids: Points among the rows, whose mean becomes the shift.
  ///   - precision: What products are computed in.
  ///   - isKept: Whether rows are read more than once.
  /// - Throws: ``CurationError`` if rows and centroids differ in length.
  init(
    _ matrix: EmbeddingMatrix, near centroids: Centroids,
    _ precision: UnitRows.Precision = .best, isKept: Bool
  ) throws(CurationError) {
    guard matrix.columns == centroids.columns, centroids.count > 0 else {
      throw .shape(
        source: "centroids",
        problem:
          "are \(centroids.count) of \(centroids.columns) values, the rows have \(matrix.columns)")
    }
    self.matrix = matrix
    self.precision = precision
    let shift = Self.mean(centroids)
    self.shift = shift
    let bytes = matrix.columns * (4 + precision.dtype.byteCount)
    let fits = isKept && matrix.rowCount <= RowCopy.mostBytes / bytes
    let rows = 0..<matrix.rowCount
    var longest = 0.0
    let origin = shift.map { Double($0) }
    for block in RowBlocks(count: matrix.rowCount, size: 4096) {
      let values = try matrix.block(block)
      try CurationError.tensors { () throws(TorchError) in
        unsafe try values.withFloats { values in
          for row in 0..<block.count {
            let point = unsafe values.row(row, matrix.columns)
            longest = max(longest, unsafe Self.squaredDistance(point, origin))
          }
        }
      }
    }
    // Rounded up: it is a bound.
    self.longest = Float(longest.squareRoot()).nextUp
    plain =
      fits
      ? try RowCopy(rows, columns: matrix.columns, as: .float32) { block throws(CurationError) in
        try matrix.block(block)
      } : nil
    moved =
      fits
      ? try ProductRows(rows, columns: matrix.columns, precision) { block throws(CurationError) in
        try Self.shifted(matrix.block(block), shift)
      } : nil
  }

  /// Rows as they are, float32.
  func exact(_ block: Range<Int>) throws(CurationError) -> Tensor {
    guard let plain else { return try matrix.block(block) }
    return try CurationError.tensors { () throws(TorchError) in try plain.tensor(block) }
  }

  /// Rows less the shift, for products.
  func shifted(_ block: Range<Int>) throws(CurationError) -> ProductRows.Block {
    if let kept = moved?.block(block) { return kept }
    return try ProductRows(block, columns: columns, precision) { rows throws(CurationError) in
      try Self.shifted(matrix.block(rows), shift)
    }.all
  }

  private static func shifted(
    _ block: Tensor, _ shift: [Float]
  ) throws(CurationError) -> Tensor {
    try CurationError.tensors { () throws(TorchError) in
      try withoutGradient { () throws(TorchError) in try block - Tensor(shift) }
    }
  }

  private static func mean(_ centroids: Centroids) -> [Float] {
    var mean = [Double](repeating: 0, count: centroids.columns)
    for index in 0..<centroids.count {
      for (column, value) in centroids[index].enumerated() {
        mean[column] += value / Double(centroids.count)
      }
    }
    return mean.map { Float($0) }
  }

  private static func squaredDistance(
    _ row: UnsafeBufferPointer<Float>, _ point: [Double]
  ) -> Double {
    unsafe point.withUnsafeBufferPointer { point in
      unsafe ExactProducts.squaredDistance(row, point)
    }
  }
}
