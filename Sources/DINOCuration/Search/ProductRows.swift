internal import Kernels
internal import Torch

/// A copy of rows in the form that products of matrices read them in.
struct ProductRows: Sendable {
  private enum Form: Sendable {
    case floats(RowCopy)
    case integers(IntegerRows)
  }

  private let form: Form
  private let count: Int

  /// Copies blocks of rows.
  ///
  /// - Parameters:
  ///   - rows: Which rows.
  ///   - columns: The number of values of a row.
  ///   - precision: What rows are rounded to.
  ///   - asUnits: Whether integers stand for rows scaled to length 1.
  ///   - block: Reads a range of rows, float32, contiguous.
  /// - Throws: What `block` throws.
  init(
    _ rows: Range<Int>, columns: Int, _ precision: UnitRows.Precision, asUnits: Bool = false,
    _ block: (Range<Int>) throws(CurationError) -> Tensor
  ) throws(CurationError) {
    count = rows.count
    guard precision == .integers else {
      form = .floats(try RowCopy(rows, columns: columns, as: precision.dtype, block))
      return
    }
    let copy = IntegerRows(count: rows.count, columns: columns)
    for part in RowBlocks(count: rows.count, size: 4096) {
      let first = rows.lowerBound + part.lowerBound
      let values = try block(first..<(first + part.count))
      try CurationError.tensors { () throws(TorchError) in
        unsafe try values.withFloats {
          unsafe copy.write($0, at: part.lowerBound, asUnits: asUnits)
        }
      }
    }
    form = .integers(copy)
  }

  /// All rows.
  var all: Block { Block(rows: self, range: 0..<count) }

  /// A range of rows; nil if products cannot begin there.
  func block(_ range: Range<Int>) -> Block? {
    if case .integers = form, !range.lowerBound.isMultiple(of: IntegerRows.group) { return nil }
    return Block(rows: self, range: range)
  }

  /// Some of the rows.
  struct Block {
    fileprivate let rows: ProductRows
    fileprivate let range: Range<Int>

    /// Products of rows with rows, as they lie in memory.
    struct Products {
      /// The rows of the first block, counted from its beginning.
      let rows: Range<Int>
      /// The rows of the second one.
      let others: Range<Int>
      /// The distance from one line to the next, in values.
      let stride: Int
    }

    /// Calls a closure with the products of all rows with those of another block, part by part, so that
    /// they are looked through while they lie in the cache.
    ///
    /// - Parameters:
    ///   - other: Rows of the same form.
    ///   - wholeLines: Whether each part holds the products of its rows with all others.
    ///   - body: Gets which products, and where the first one lies.
    /// - Throws: ``CurationError`` if memory is short.
    func forEachProduct(
      with other: Block, wholeLines: Bool = false,
      _ body: (Products, UnsafeRawPointer) throws(TorchError) -> Void
    ) throws(CurationError) {
      switch (rows.form, other.rows.form) {
      case (.floats(let one), .floats(let two)):
        try CurationError.tensors { () throws(TorchError) in
          let products = try withoutGradient { () throws(TorchError) in
            try one.tensor(range).matmul(two.tensor(other.range).transpose(0, 1))  // [Q, N]
          }
          unsafe try products.withHostBytes { bytes throws(TorchError) in
            guard let base = bytes.baseAddress else { return }
            let all = Products(
              rows: 0..<range.count, others: 0..<other.range.count, stride: other.range.count)
            unsafe try body(all, UnsafeRawPointer(base))
          }
        }
      case (.integers(let one), .integers(let two)):
        let width = wholeLines ? IntegerRows.rounded(max(other.range.count, 1)) : 512
        try CurationError.tensors { () throws(TorchError) in
          unsafe try forEachProduct(of: one, with: two, other.range, width: width, body)
        }
      default: preconditionFailure("rows of different forms meet")
      }
    }

    private func forEachProduct(
      of one: IntegerRows, with two: IntegerRows, _ others: Range<Int>, width: Int,
      _ body: (Products, UnsafeRawPointer) throws(TorchError) -> Void
    ) throws(TorchError) {
      // About 256 KiB of products.
      let height = max(IntegerRows.group, (1 << 16) / width / IntegerRows.group * IntegerRows.group)
      let target = FloatBuffer(count: height * width)
      for across in RowBlocks(count: others.count, size: width) {
        for down in RowBlocks(count: range.count, size: height) {
          one.products(
            range.lowerBound + down.lowerBound..<range.lowerBound + down.upperBound,
            with: others.lowerBound + across.lowerBound..<others.lowerBound + across.upperBound,
            of: two, into: target)
          let part = Products(
            rows: down, others: across, stride: IntegerRows.rounded(across.count))
          unsafe try target.withBytes { bytes throws(TorchError) in
            if let base = bytes.baseAddress { unsafe try body(part, base) }
          }
        }
      }
    }
  }
}
