internal import Torch

/// Exact similarities of rows, each computed in double precision and rounded to float32.
struct ExactCosines: Sendable {
  private let matrix: EmbeddingMatrix
  /// All rows in single precision, if they are stored otherwise and fit into memory.
  private let copy: RowCopy?

  /// Prepares the rows of a matrix.
  init(_ matrix: EmbeddingMatrix) throws(CurationError) {
    self.matrix = matrix
    let fits = matrix.rowCount <= RowCopy.mostBytes / (4 * matrix.columns)
    copy =
      fits && !matrix.isStoredAsFloats
      ? try RowCopy(0..<matrix.rowCount, columns: matrix.columns, as: .float32) {
        part throws(CurationError) in try matrix.storedBlock(part)
      } : nil
  }

  /// The similarity of a query to each of some rows.
  ///
  /// - Parameters:
  ///   - query: The values of the query as they are stored.
  ///   - factor: `1 / ‖query‖`, 0 for zeros.
  ///   - rows: Rows of the matrix.
  ///   - body: Gets a row and the similarity.
  /// - Throws: ``CurationError`` if a row cannot be read.
  func forEach(
    _ query: UnsafeBufferPointer<Float>, factor: Double, rows: [Int32],
    _ body: (Int, Float) -> Void
  ) throws(CurationError) {
    var values: [Float] = []
    for row in rows {
      let row = Int(row)
      let product: Double
      if let stored = unsafe copy?.row(row) ?? matrix.floatRow(row) {
        product = unsafe ExactProducts.dot(query, stored)
      } else {
        values.removeAll(keepingCapacity: true)
        try matrix.appendRow(row, to: &values)
        product = unsafe values.withUnsafeBufferPointer { unsafe ExactProducts.dot(query, $0) }
      }
      body(row, Float(product * (factor * matrix.inverseNorms[row])))
    }
  }
}
