import Kernels
import Testing

/// Products of rows in 16-bit integers against sums in double precision.
@Suite("IntegerRows")
struct IntegerRowsTests {
  private static let levels = [ProcessorLevel.portable, .best]

  private func wave(_ count: Int, _ step: Float) -> [Float] {
    var phase: Float = 0
    return (0..<count).map { index in
      phase += step
      if phase > 1 { phase -= 2 }
      return phase * Float(1 + index % 7)
    }
  }

  private func packed(_ values: [Float], columns: Int, steps: Int = 1) -> IntegerRows {
    let rows = values.count / columns
    let result = IntegerRows(count: rows, columns: columns)
    for start in stride(from: 0, to: rows, by: steps) {
      let end = min(start + steps, rows)
      values[(start * columns)..<(end * columns)].withUnsafeBufferPointer {
        result.write($0, at: start)
      }
    }
    return result
  }

  @Test(
    "products are within the stated error", arguments: levels,
    [(1, 1, 1), (5, 17, 3), (33, 40, 64), (130, 50, 385), (16, 16, 1536)])
  func products(level: ProcessorLevel, shape: (Int, Int, Int)) {
    let (rows, others, columns) = shape
    let (x, y) = (wave(rows * columns, 0.37), wave(others * columns, 0.61))
    let (a, b) = (packed(x, columns: columns, steps: 3), packed(y, columns: columns))
    let lines = IntegerRows.rounded(others)
    let target = FloatBuffer([Float](repeating: .nan, count: IntegerRows.rounded(rows) * lines))

    a.products(0..<rows, with: 0..<others, of: b, level: level, into: target)

    let found = target.array(0..<target.count)
    let error = Double(IntegerRows.relativeError(columns: columns))
    for row in 0..<rows {
      for other in 0..<others {
        var (dot, one, two) = (0.0, 0.0, 0.0)
        for column in 0..<columns {
          let (p, q) = (Double(x[row * columns + column]), Double(y[other * columns + column]))
          dot += p * q
          one += p * p
          two += q * q
        }
        let bound = error * (one * two).squareRoot()
        #expect(abs(Double(found[row * lines + other]) - dot) <= bound)
      }
    }
  }

  @Test("extreme values do not overflow", arguments: levels)
  func extremes(level: ProcessorLevel) {
    // One large value, all values equal, zeros, values that single precision can hardly square.
    let columns = 4096
    var values = [Float](repeating: 0, count: 4 * columns)
    values[17] = -3e18
    for column in 0..<columns { values[columns + column] = column.isMultiple(of: 2) ? -1 : 1 }
    values[3 * columns + 17] = 1e-30
    let rows = packed(values, columns: columns)
    let target = FloatBuffer(count: 16 * 16)

    rows.products(0..<4, with: 0..<4, of: rows, level: level, into: target)

    let found = target.array(0..<target.count)
    #expect(abs(found[0] / 9e36 - 1) < 1e-5)
    #expect(abs(found[17] - 4096) < 1)
    #expect(abs(found[1] / -3e18 - 1) < 1e-2)
    #expect((0..<4).allSatisfy { found[2 * 16 + $0] == 0 })
    #expect(abs(found[3] / -3e-12 - 1) < 1e-3)
  }

  @Test("rows are packed alike by all instruction sets, as units without their length")
  func units() {
    let columns = 37
    let values = wave(20 * columns, 0.43)
    var targets: [[Float]] = []
    for level in Self.levels {
      let rows = IntegerRows(count: 20, columns: columns)
      values.withUnsafeBufferPointer { rows.write($0, at: 0, asUnits: true, level: level) }
      let target = FloatBuffer(count: 32 * 32)
      rows.products(0..<20, with: 0..<20, of: rows, level: level, into: target)
      targets.append(target.array(0..<(20 * 32)))
    }
    for row in 0..<20 { #expect(abs(targets[0][row * 33] - 1) < 1e-3) }
    // Sums of squares in another order may round a value to its other neighbour.
    for (one, other) in zip(targets[0], targets[1]) { #expect(abs(one - other) < 1e-4) }
  }

  @Test("parts of rows give the same bits as all", arguments: levels)
  func parts(level: ProcessorLevel) {
    let columns = 130
    let rows = packed(wave(100 * columns, 0.29), columns: columns)
    let lines = IntegerRows.rounded(100)
    let all = FloatBuffer(count: lines * lines)
    rows.products(0..<100, with: 0..<100, of: rows, level: level, into: all)
    let part = FloatBuffer(count: 48 * 32)
    rows.products(32..<75, with: 64..<90, of: rows, level: level, into: part)
    for row in 0..<43 {
      let start = (32 + row) * lines + 64
      #expect(part.array((row * 32)..<(row * 32 + 26)) == all.array(start..<(start + 26)))
    }
    // All instruction sets add the same integers.
    let portable = FloatBuffer(count: lines * lines)
    rows.products(0..<100, with: 0..<100, of: rows, level: .portable, into: portable)
    #expect(portable.array(0..<100) == all.array(0..<100))
  }
}
