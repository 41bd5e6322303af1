internal import CKernels

/// Rows rounded to 16-bit integers, each with a scale of its own, ready for products with each other.
///
/// Such a product takes about two thirds of the time of one in single precision, and half of the memory.
/// Rows are written before the object is shared and never after.
public final class IntegerRows: @unchecked Sendable {
  /// The number of rows.
  public let count: Int
  /// The number of columns.
  public let columns: Int
  private let packed: UnsafeMutablePointer<Int16>
  private let scales: UnsafeMutablePointer<Float>

  /// Stretches of rows that meet others begin at multiples of this.
  public static let group = Int(CK_INTEGER_GROUP)

  /// Allocates rows of zeros.
  ///
  /// - Parameters:
  ///   - count: The number of rows.
  ///   - columns: The number of columns.
  public init(count: Int, columns: Int) {
    precondition(count >= 0 && columns > 0, "\(count) rows of \(columns)")
    self.count = count
    self.columns = columns
    let values = max(Int(ck_integer_count(Int64(count), Int64(columns))), Self.group)
    let raw = UnsafeMutableRawPointer.allocate(
      byteCount: values * MemoryLayout<Int16>.stride, alignment: 64)
    packed = raw.bindMemory(to: Int16.self, capacity: values)
    packed.initialize(repeating: 0, count: values)
    let scaleCount = Self.rounded(max(count, 1))
    scales = .allocate(capacity: scaleCount)
    scales.initialize(repeating: 0, count: scaleCount)
  }

  deinit {
    packed.deallocate()
    scales.deallocate()
  }

  /// A count of rows brought up to whole groups.
  ///
  /// - Parameter rows: The count.
  /// - Returns: The least multiple of ``group`` that is not less.
  public static func rounded(_ rows: Int) -> Int { (rows + group - 1) / group * group }

  /// The largest error of a product of two rows, as a share of the product of their lengths.
  ///
  /// A value is off by at most half a unit, of which a row's length has 32,767; the sum of a row's
  /// magnitudes is at most `√D` times its length. Eight roundings to single precision come on top.
  ///
  /// - Parameter columns: The number of columns, `D`.
  /// - Returns: About `√D / 32767`.
  public static func relativeError(columns: Int) -> Float {
    let unit = 1 / Float(32767)
    let count = Float(columns)
    return (count.squareRoot() * unit + count * unit * unit / 4 + 8 * 0x1p-24) * 1.01
  }

  /// Writes rows.
  ///
  /// - Parameters:
  ///   - values: Finite values, row by row.
  ///   - row: The number of the first one.
  ///   - asUnits: Whether products are those of the rows scaled to length 1.
  ///   - level: The instruction set.
  public func write(
    _ values: UnsafeBufferPointer<Float>, at row: Int, asUnits: Bool = false,
    level: ProcessorLevel = .best
  ) {
    let rows = values.count / columns
    precondition(
      values.count == rows * columns && row >= 0 && row + rows <= count, "no such rows")
    guard let start = values.baseAddress else { return }
    ck_integer_pack(
      level.code, start, Int64(row), Int64(rows), Int64(columns), asUnits, packed, scales)
  }

  /// Products of rows with rows of another object, by the calling thread.
  ///
  /// - Parameters:
  ///   - rows: Rows of this object, from the beginning of a group on.
  ///   - others: Rows of the other one, from the beginning of a group on.
  ///   - other: As many columns.
  ///   - level: The instruction set.
  ///   - target: Room for `rows` times `others`, both brought up to whole groups; its lines are as long as
  ///     the latter.
  public func products(
    _ rows: Range<Int>, with others: Range<Int>, of other: IntegerRows,
    level: ProcessorLevel = .best, into target: FloatBuffer
  ) {
    precondition(
      Self.rounded(rows.count) * Self.rounded(others.count) <= target.count, "too little room")
    precondition(columns == other.columns, "rows of \(columns) meet rows of \(other.columns)")
    ck_integer_products(
      level.code, part(rows), other.part(others), Int64(columns), target.pointer,
      Int64(Self.rounded(others.count)))
  }

  private func part(_ rows: Range<Int>) -> ck_integer_rows {
    precondition(
      rows.lowerBound >= 0 && rows.upperBound <= count
        && rows.lowerBound.isMultiple(of: Self.group), "no such rows")
    let start = Int(ck_integer_count(Int64(rows.lowerBound), Int64(columns)))
    return ck_integer_rows(
      packed: packed + start, scales: scales + rows.lowerBound, rows: Int64(rows.count))
  }
}
