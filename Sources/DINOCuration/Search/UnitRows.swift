internal import Kernels
internal import Torch

/// Rows of unit length for approximate similarities, in the form that this processor multiplies fastest.
struct UnitRows: Sendable {
  /// What rows are rounded to.
  enum Precision: Sendable {
    case float32
    case bfloat16
    /// 16-bit integers.
    case integers

    /// The fastest one on this processor.
    static let best: Precision =
      ProcessorLevel.multipliesBFloat16
        || (TorchRuntime.supportsBFloat16 && ProcessorLevel.best == .avx512BFloat16)
      ? .bfloat16 : ProcessorLevel.best == .avx2 ? .integers : .float32

    /// The type of the rows as tensors.
    var dtype: DType { self == .bfloat16 ? .bfloat16 : .float32 }

    /// The largest deviation of a product of unit rows from the exact cosine.
    ///
    /// Source: Higham, 2002, section 3.1: `D` roundings of products and sums in float32, eight more for
    /// those of the unit rows and of the result.
    func error(columns: Int) -> Float {
      Float(columns + 8) * 0x1p-24 * 1.05 + inputError(columns: columns)
    }

    /// The largest relative deviation of a product of two rows that rounding them and the result brings,
    /// beside that of the sums.
    ///
    /// bfloat16 has 8 bits: both operands are off by at most `2⁻⁹` of themselves, and so is the result.
    func inputError(columns: Int) -> Float {
      switch self {
      case .float32: 0
      case .bfloat16: (0x1p-8 + 0x1p-9) * 1.02
      case .integers: IntegerRows.relativeError(columns: columns)
      }
    }
  }

  private let matrix: EmbeddingMatrix
  private let rows: Range<Int>
  private let precision: Precision
  /// All rows, if they fit into memory.
  private let kept: ProductRows?

  /// Prepares rows of a matrix.
  init(
    _ matrix: EmbeddingMatrix, _ rows: Range<Int>, _ precision: Precision
  ) throws(CurationError) {
    self.matrix = matrix
    self.rows = rows
    self.precision = precision
    let fits = rows.count <= RowCopy.mostBytes / (matrix.columns * precision.dtype.byteCount)
    kept = fits ? try Self.copy(matrix, rows, precision) : nil
  }

  /// A range of the rows of the matrix.
  func block(_ part: Range<Int>) throws(CurationError) -> ProductRows.Block {
    let place = (part.lowerBound - rows.lowerBound)..<(part.upperBound - rows.lowerBound)
    if let block = kept?.block(place) { return block }
    return try Self.copy(matrix, part, precision).all
  }

  private static func copy(
    _ matrix: EmbeddingMatrix, _ rows: Range<Int>, _ precision: Precision
  ) throws(CurationError) -> ProductRows {
    // Integers are scaled when they are made.
    let isScaled = precision == .integers
    return try ProductRows(rows, columns: matrix.columns, precision, asUnits: isScaled) {
      part throws(CurationError) in
      isScaled ? try matrix.storedBlock(part) : try matrix.unitBlock(part)
    }
  }
}
