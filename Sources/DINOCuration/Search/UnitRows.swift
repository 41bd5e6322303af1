internal import Kernels
internal import Torch

/// Rows of unit length for approximate similarities: bfloat16 where the processor multiplies it, else
/// float32.
struct UnitRows: Sendable {
  /// What rows are rounded to.
  enum Precision: Sendable {
    case float32
    case bfloat16

    /// The faster one on this processor.
    static let best: Precision =
      ProcessorLevel.multipliesBFloat16
        || (TorchRuntime.supportsBFloat16 && ProcessorLevel.best == .avx512BFloat16)
      ? .bfloat16 : .float32

    var dtype: DType { self == .bfloat16 ? .bfloat16 : .float32 }

    /// The largest deviation of a product of unit rows from the exact cosine.
    ///
    /// Source: Higham, 2002, section 3.1: `D` roundings of products and sums in float32, eight more for
    /// those of the unit rows and of the result. bfloat16 has 8 bits: both operands are off by at most
    /// `2⁻⁹` of themselves, and so is the result.
    func error(columns: Int) -> Float {
      let sums = Float(columns + 8) * 0x1p-24 * 1.05
      return self == .bfloat16 ? sums + (0x1p-8 + 0x1p-9) * 1.02 : sums
    }
  }

  private let matrix: EmbeddingMatrix
  private let rows: Range<Int>
  private let precision: Precision
  /// All rows, if they fit into memory.
  private let copy: RowCopy?

  /// Prepares rows of a matrix.
  init(
    _ matrix: EmbeddingMatrix, _ rows: Range<Int>, _ precision: Precision
  ) throws(CurationError) {
    self.matrix = matrix
    self.rows = rows
    self.precision = precision
    let fits = rows.count <= RowCopy.mostBytes / (matrix.columns * precision.dtype.byteCount)
    copy =
      fits
      ? try RowCopy(rows, columns: matrix.columns, as: precision.dtype) {
        part throws(CurationError) in try matrix.unitBlock(part)
      } : nil
  }

  /// A range of the rows of the matrix.
  func block(_ part: Range<Int>) throws(CurationError) -> Tensor {
    let dtype = precision.dtype
    guard let copy else {
      let block = try matrix.unitBlock(part)
      return try CurationError.tensors { () throws(TorchError) in try block.to(dtype: dtype) }
    }
    let start = rows.lowerBound
    return try CurationError.tensors { () throws(TorchError) in
      try copy.tensor((part.lowerBound - start)..<(part.upperBound - start))
    }
  }
}
