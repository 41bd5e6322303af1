public import CheckpointFormats
public import Torch

/// Embeddings in memory or in mapped files, read in blocks of rows: `N` rows of `D` values.
///
/// The values may lie in several parts, of which each is a tensor of any floating-point type; they
/// stay where they are until a block of them is asked for, so that a matrix may be larger than
/// memory. Every row is read once when the matrix is made: its length is kept, and a row with NaN or
/// an infinity is refused.
public struct EmbeddingMatrix: Sendable {
  /// The number of rows, `N`.
  public let rowCount: Int
  /// The number of values of a row, `D`, at least 1.
  public let columns: Int
  /// Whether blocks come with rows scaled to length 1; a row of zeros stays zero.
  public let isNormalized: Bool
  /// What errors call the matrix: a path, or a word.
  public let source: String
  /// `1 / ‖row‖` of the stored row, 0 for a row of zeros.
  let inverseNorms: [Double]
  let parts: [Part]

  /// Contiguous rows of one tensor.
  struct Part: Sendable {
    /// Their numbers in the matrix.
    let rows: Range<Int>
    /// Their values, contiguous and aligned.
    let tensor: StoredTensor
  }

  /// A matrix of values in memory.
  ///
  /// - Parameters:
  ///   - values: `N · D` values, row by row.
  ///   - columns: The number of values of a row, `D`.
  ///   - source: What errors call the matrix.
  /// - Throws: ``CurationError`` if the values make no whole rows, or one of them is not finite.
  public init(
    _ values: [Float], columns: Int, source: String = "embeddings"
  ) throws(CurationError) {
    guard columns > 0, values.count.isMultiple(of: columns) else {
      throw .shape(
        source: source, problem: "\(values.count) values are no whole rows of \(columns)")
    }
    let tensor = try CurationError.files { () throws(CheckpointError) in
      try StoredTensor(floats: values, shape: [values.count / columns, columns])
    }
    try self.init(tensor, source: source)
  }

  /// A matrix over a tensor of a file or of memory, which is not copied if it is contiguous.
  ///
  /// - Parameters:
  ///   - tensor: `[N, D]`, of a floating-point type.
  ///   - source: What errors call the matrix.
  /// - Throws: ``CurationError`` for another rank or type, or if a value is not finite.
  public init(_ tensor: StoredTensor, source: String = "embeddings") throws(CurationError) {
    try self.init(parts: [tensor], source: source)
  }

  /// A matrix whose rows are those of several tensors, one after the other.
  ///
  /// - Parameters:
  ///   - tensors: At least one; each `[Nᵢ, D]`, of a floating-point type.
  ///   - source: What errors call the matrix.
  /// - Throws: ``CurationError`` for another rank or type, different widths, or if a value is not
  ///   finite.
  public init(
    parts tensors: [StoredTensor], source: String = "embeddings"
  ) throws(CurationError) {
    guard let first = tensors.first else {
      throw .shape(source: source, problem: "a matrix needs at least one part")
    }
    var parts: [Part] = []
    var end = 0
    for tensor in tensors {
      guard tensor.shape.count == 2, tensor.shape[1] > 0, tensor.scalarType.isFloatingPoint else {
        throw .shape(
          source: source,
          problem: "\(tensor.scalarType) of shape \(tensor.shape) where floating-point numbers of "
            + "shape [rows, columns] were expected")
      }
      guard tensor.shape[1] == first.shape[1] else {
        throw .shape(
          source: source,
          problem: "parts have rows of \(first.shape[1]) and of \(tensor.shape[1]) values")
      }
      let rows = end..<(end + tensor.shape[0])
      parts.append(Part(rows: rows, tensor: tensor.contiguous()))
      end = rows.upperBound
    }
    let bare = EmbeddingMatrix(
      rowCount: end, columns: first.shape[1], isNormalized: false, source: source,
      inverseNorms: [], parts: parts)
    self = bare.with(inverseNorms: try bare.measured())
  }

  private init(
    rowCount: Int, columns: Int, isNormalized: Bool, source: String, inverseNorms: [Double],
    parts: [Part]
  ) {
    self.rowCount = rowCount
    self.columns = columns
    self.isNormalized = isNormalized
    self.source = source
    self.inverseNorms = inverseNorms
    self.parts = parts
  }

  private func with(inverseNorms: [Double]) -> EmbeddingMatrix {
    EmbeddingMatrix(
      rowCount: rowCount, columns: columns, isNormalized: isNormalized, source: source,
      inverseNorms: inverseNorms, parts: parts)
  }

  /// Reads every row once.
  private func measured() throws(CurationError) -> [Double] {
    var result = [Double](repeating: 0, count: rowCount)
    for block in RowBlocks(count: rowCount, size: 4096) {
      let stored = try storedBlock(block)
      try CurationError.tensors { () throws(TorchError) in
        unsafe try stored.withFloats { floats in
          for row in 0..<block.count {
            let values = unsafe floats.row(row, columns)
            result[block.lowerBound + row] = unsafe ExactProducts.squaredNorm(values)
          }
        }
      }
      for row in block {
        guard result[row].isFinite else { throw .notFinite(source: source, row: row) }
        result[row] = result[row] > 0 ? 1 / result[row].squareRoot() : 0
      }
    }
    return result
  }
}

extension EmbeddingMatrix {
  /// The same rows, scaled to length 1 when they are read.
  ///
  /// - Returns: A view that shares the values.
  public func normalized() -> EmbeddingMatrix {
    EmbeddingMatrix(
      rowCount: rowCount, columns: columns, isNormalized: true, source: source,
      inverseNorms: inverseNorms, parts: parts)
  }

  /// The rows of this matrix, then those of another.
  ///
  /// - Parameter other: A matrix of the same width, both or neither normalised.
  /// - Returns: A matrix that shares the values of both.
  /// - Throws: ``CurationError/shape(source:problem:)`` if they do not fit.
  public func joined(with other: EmbeddingMatrix) throws(CurationError) -> EmbeddingMatrix {
    try checkWidth(of: other)
    guard isNormalized == other.isNormalized else {
      throw .shape(
        source: other.source, problem: "only one of two joined matrices is normalised")
    }
    let shifted = other.parts.map { part in
      Part(
        rows: (part.rows.lowerBound + rowCount)..<(part.rows.upperBound + rowCount),
        tensor: part.tensor)
    }
    return EmbeddingMatrix(
      rowCount: rowCount + other.rowCount, columns: columns, isNormalized: isNormalized,
      source: "\(source) and \(other.source)", inverseNorms: inverseNorms + other.inverseNorms,
      parts: parts + shifted)
  }

  /// Throws unless another matrix has rows of the same length.
  func checkWidth(of other: EmbeddingMatrix) throws(CurationError) {
    guard columns == other.columns else {
      throw .shape(
        source: other.source,
        problem: "has rows of \(other.columns) values, \(source) has rows of \(columns)")
    }
  }

  /// A range of rows.
  ///
  /// - Parameter rows: Rows of the matrix.
  /// - Returns: float32, `[rows.count, D]`, contiguous, on the host; may share the file's memory, so
  ///   do not write into it.
  /// - Throws: ``CurationError`` if the range is not inside the matrix.
  public func block(_ rows: Range<Int>) throws(CurationError) -> Tensor {
    let stored = try storedBlock(rows)
    return isNormalized ? try scaled(stored, Array(inverseNorms[rows])) : stored
  }

  /// A range of rows, scaled to length 1 whether or not the matrix is normalised.
  func unitBlock(_ rows: Range<Int>) throws(CurationError) -> Tensor {
    try scaled(storedBlock(rows), Array(inverseNorms[rows]))
  }

  /// Rows in any order, also several times.
  ///
  /// - Parameter rows: Rows of the matrix.
  /// - Returns: float32, `[rows.count, D]`, on the host.
  /// - Throws: ``CurationError`` if there is no such row.
  public func rows(_ rows: [Int]) throws(CurationError) -> Tensor {
    var values: [Float] = []
    values.reserveCapacity(rows.count * columns)
    for row in rows { try appendRow(row, to: &values) }
    let stored = try CurationError.tensors { () throws(TorchError) in
      try Tensor(values, [rows.count, columns])
    }
    return isNormalized ? try scaled(stored, rows.map { inverseNorms[$0] }) : stored
  }

  /// A matrix of some of the rows, in memory.
  ///
  /// - Parameter rows: Rows of the matrix.
  /// - Returns: A matrix of the same width; its row `i` is row `rows[i]` of this one.
  /// - Throws: ``CurationError`` if there is no such row.
  public func selecting(_ rows: [Int]) throws(CurationError) -> EmbeddingMatrix {
    let values = try CurationError.tensors(try self.rows(rows).floats)
    return try EmbeddingMatrix(values, columns: columns, source: source)
  }

  private func scaled(
    _ block: Tensor, _ factors: [Double]
  ) throws(CurationError) -> Tensor {
    // In double precision, since the reciprocal of a very short row overflows float32.
    try CurationError.tensors { () throws(TorchError) in
      try (block.to(dtype: .float64) * Tensor(factors, [factors.count, 1])).to(dtype: .float32)
    }
  }
}
