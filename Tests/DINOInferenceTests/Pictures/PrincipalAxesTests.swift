import DINOInference
import Testing

@Suite("PrincipalAxes")
struct PrincipalAxesTests {
  /// Rows whose variance along the unit axes falls by known factors.
  private func rows(_ count: Int, scales: [Float], seed: UInt64 = 5) -> [Float] {
    var numbers = PlantedNumbers(seed: seed)
    return (0..<count).flatMap { _ in scales.map { 7 + $0 * numbers.next() } }
  }

  @Test("finds planted axes in their order")
  func planted() {
    var scales = [Float](repeating: 0.01, count: 20)
    (scales[11], scales[3], scales[17]) = (4, 2, 1)

    let axes = PrincipalAxes(rows(700, scales: scales), width: 20, count: 3)

    for (axis, place) in zip(axes.axes, [11, 3, 17]) { #expect(axis[place] > 0.99) }
  }

  @Test("explains the variance that the matrix has", arguments: [(300, 5), (300, 12), (9, 12)])
  func explained(count: Int, width: Int) {
    let values = rows(count, scales: (0..<width).map { 1 / Float(1 + $0) })

    let axes = PrincipalAxes(values, width: width, count: 3)

    let projected = axes.project(values)
    var total = 0.0
    for column in 0..<width { total += variance(values, column, of: width) }
    for axis in 0..<3 {
      #expect(abs(variance(projected, axis, of: 3) / total - axes.explained[axis]) < 1e-5)
    }
    #expect(axes.explained[0] >= axes.explained[1] && axes.explained[1] >= axes.explained[2])
  }

  private func variance(_ values: [Float], _ column: Int, of width: Int) -> Double {
    let chosen = stride(from: column, to: values.count, by: width).map { Double(values[$0]) }
    let mean = chosen.reduce(0, +) / Double(chosen.count)
    return chosen.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(chosen.count)
  }

  @Test("axes are orthonormal, also where all directions vary equally or not at all")
  func orthonormal() {
    let cases = [
      rows(400, scales: [Float](repeating: 1, count: 12)),
      [Float](repeating: 3, count: 12 * 6),
      rows(2, scales: [Float](repeating: 1, count: 12)),
    ]
    for values in cases {
      let axes = PrincipalAxes(values, width: 12, count: 3).axes
      for (i, a) in axes.enumerated() {
        for (j, b) in axes.enumerated() {
          let product = zip(a, b).reduce(0) { $0 + $1.0 * $1.1 }
          #expect(abs(product - (i == j ? 1 : 0)) < 1e-9)
        }
      }
    }
  }

  @Test("coordinates along different axes do not correlate")
  func uncorrelated() {
    let width = 30
    var numbers = PlantedNumbers(seed: 8)
    let mixing = numbers.next(width * width)
    var values: [Float] = []
    for _ in 0..<500 {
      let hidden = numbers.next(width)
      for row in 0..<width {
        values.append((0..<width).reduce(0) { $0 + mixing[row * width + $1] * hidden[$1] })
      }
    }

    let projected = PrincipalAxes(values, width: width, count: 3).project(values)

    for (a, b) in [(0, 1), (0, 2), (1, 2)] {
      let product = (0..<500).reduce(0.0) {
        $0 + Double(projected[3 * $1 + a]) * Double(projected[3 * $1 + b])
      }
      let scale = (variance(projected, a, of: 3) * variance(projected, b, of: 3)).squareRoot()
      #expect(abs(product / 500 / scale) < 1e-4)
    }
  }

  @Test("the largest entry of an axis is positive")
  func sign() {
    for axis in PrincipalAxes(rows(50, scales: [1, 3, 2, 5]), width: 4, count: 3).axes {
      #expect((axis.max { abs($0) < abs($1) } ?? 0) > 0)
    }
  }
}
