import Kernels
import Testing

@Suite("Products of matrices")
struct ProductTests {
  struct Case: CustomTestStringConvertible {
    let rows: Int
    let depth: Int
    let columns: Int
    var testDescription: String { "\(rows) × \(depth) × \(columns)" }
  }

  static let cases = [
    Case(rows: 1, depth: 1, columns: 1), Case(rows: 7, depth: 5, columns: 3),
    Case(rows: 13, depth: 321, columns: 33), Case(rows: 40, depth: 700, columns: 64),
    Case(rows: 100, depth: 17, columns: 130),
  ]

  @Test(
    "agree with the definition, transposed or not, on every instruction set", arguments: cases,
    ProcessorLevel.allCases)
  func agrees(sizes: Case, level: ProcessorLevel) {
    guard level.isAvailable else { return }
    let kernels = ProcessorKernels(threads: 3, level: level)
    for (transposesA, transposesB) in [(false, false), (false, true), (true, false), (true, true)] {
      let a = Operand(rows: sizes.rows, columns: sizes.depth, isTransposed: transposesA, seed: 1)
      let b = Operand(rows: sizes.depth, columns: sizes.columns, isTransposed: transposesB, seed: 2)
      let bias = (0..<sizes.columns).map { Float($0 % 5) - 2 }
      var stored = [Float](repeating: -7, count: sizes.rows * sizes.columns)
      var added = [Float](repeating: 1, count: stored.count)
      a.withMatrix { a in
        b.withMatrix { b in
          stored.withUnsafeMutableBufferPointer { stored in
            bias.withUnsafeBufferPointer { bias in
              guard let stored = stored.baseAddress else { return }
              kernels.multiply(a, b, bias: bias.baseAddress, into: stored)
            }
          }
          added.withUnsafeMutableBufferPointer { added in
            guard let added = added.baseAddress else { return }
            kernels.multiply(a, b, adds: true, into: added)
          }
        }
      }
      var worst = 0.0
      for row in 0..<sizes.rows {
        for column in 0..<sizes.columns {
          let exact = (0..<sizes.depth).reduce(0.0) {
            $0 + Double(a[row, $1]) * Double(b[$1, column])
          }
          let index = row * sizes.columns + column
          worst = max(worst, abs(Double(stored[index]) - exact - Double(bias[column])))
          worst = max(worst, abs(Double(added[index]) - exact - 1))
        }
      }
      #expect(worst < 1e-5 * Double(sizes.depth).squareRoot() * 4)
    }
  }

  /// A matrix of pseudo-random values, stored as it is or transposed.
  struct Operand {
    let rows: Int
    let columns: Int
    let isTransposed: Bool
    private let values: [Float]

    init(rows: Int, columns: Int, isTransposed: Bool, seed: UInt64) {
      self.rows = rows
      self.columns = columns
      self.isTransposed = isTransposed
      var state = seed
      values = (0..<rows * columns).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Float(state >> 40) / 8_388_608 - 1
      }
    }

    subscript(row: Int, column: Int) -> Float {
      values[isTransposed ? column * rows + row : row * columns + column]
    }

    func withMatrix(_ body: (StridedMatrix) -> Void) {
      values.withUnsafeBufferPointer { buffer in
        guard let start = buffer.baseAddress else { return }
        body(
          isTransposed
            ? StridedMatrix(start, rows: columns, columns: rows).transposed
            : StridedMatrix(start, rows: rows, columns: columns))
      }
    }
  }
}
