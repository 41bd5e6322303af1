/// Rows of numbers in vectors of four, for the inner products of many rows with many others.
///
/// Rows and their number are padded with zeros, which change no product.
package struct VectorRows {
  /// The number of rows.
  package let count: Int
  /// Vectors of a row.
  private let stride: Int
  private let vectors: [SIMD4<Float>]

  /// How many rows of the other side stay in the cache while all rows of this side pass by.
  private static let blockRows = 32

  /// Takes over rows.
  ///
  /// - Parameters:
  ///   - values: The numbers, `[N, D]`.
  ///   - width: The length of a row, `D`.
  package init(_ values: [Float], width: Int) {
    count = values.count / width
    stride = (width + 3) / 4
    let paddedRows = (count + 3) / 4 * 4
    var vectors = [SIMD4<Float>](repeating: .zero, count: paddedRows * stride)
    for row in 0..<count {
      for column in 0..<width {
        vectors[row * stride + column / 4][column % 4] = values[row * width + column]
      }
    }
    self.vectors = vectors
  }

  /// Hands over the products of all rows with all rows of another side, four at a time.
  ///
  /// For a given row the columns come in ascending order, for a given column the rows do.
  ///
  /// - Parameters:
  ///   - other: The other side, whose rows have the same length.
  ///   - isSymmetric: Whether products left of the diagonal may be left out.
  ///   - body: Takes a row, the first of four columns, and their products; columns from `other.count`
  ///     on are padding.
  package func forEachProduct(
    with other: VectorRows, isSymmetric: Bool = false,
    _ body: (_ row: Int, _ column: Int, _ products: SIMD4<Float>) -> Void
  ) {
    precondition(stride == other.stride, "products of rows of different lengths")
    for block in Swift.stride(from: 0, to: other.count, by: VectorRows.blockRows) {
      let end = min(block + VectorRows.blockRows, other.count)
      for row in Swift.stride(from: 0, to: count, by: 2) {
        for column in Swift.stride(from: block, to: end, by: 4) {
          if isSymmetric, column + 3 < row { continue }
          let (upper, lower) = products(row, other, column)
          body(row, column, upper)
          if row + 1 < count { body(row + 1, column, lower) }
        }
      }
    }
  }

  /// The products of two rows with four of the other side.
  private func products(
    _ row: Int, _ other: VectorRows, _ column: Int
  ) -> (SIMD4<Float>, SIMD4<Float>) {
    let length = stride
    // The arrays are padded to whole tiles, so that no access leaves them.
    precondition(
      (row + 2) * length <= vectors.count && (column + 4) * length <= other.vectors.count)
    return unsafe vectors.withUnsafeBufferPointer { left in
      unsafe other.vectors.withUnsafeBufferPointer { right in
        var upper = (SIMD4<Float>.zero, SIMD4<Float>.zero, SIMD4<Float>.zero, SIMD4<Float>.zero)
        var lower = upper
        let (a, b) = (row * length, column * length)
        for index in 0..<length {
          let (p, q) = unsafe (left[a + index], left[a + length + index])
          let (r, s) = unsafe (right[b + index], right[b + length + index])
          let (t, u) = unsafe (right[b + 2 * length + index], right[b + 3 * length + index])
          upper.0 += p * r
          upper.1 += p * s
          upper.2 += p * t
          upper.3 += p * u
          lower.0 += q * r
          lower.1 += q * s
          lower.2 += q * t
          lower.3 += q * u
        }
        return (
          SIMD4(upper.0.sum(), upper.1.sum(), upper.2.sum(), upper.3.sum()),
          SIMD4(lower.0.sum(), lower.1.sum(), lower.2.sum(), lower.3.sum())
        )
      }
    }
  }
}

extension VectorRows {
  /// Takes over rows, each divided by its length, so that products are cosines.
  ///
  /// A row of zeros stays one: its cosine with everything is 0.
  ///
  /// - Parameters:
  ///   - values: The numbers, `[N, D]`.
  ///   - width: The length of a row, `D`.
  package init(normalizing values: [Float], width: Int) {
    var values = values
    for start in Swift.stride(from: 0, to: values.count, by: width) {
      let row = start..<start + width
      let square = values[row].reduce(0.0) { $0 + Double($1) * Double($1) }
      guard square > 0 else { continue }
      let factor = Float(1 / square.squareRoot())
      for index in row { values[index] *= factor }
    }
    self.init(values, width: width)
  }
}
