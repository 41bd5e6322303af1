import DINOInference
import Testing

@Suite("SubspaceIteration")
struct SubspaceIterationTests {
  @Test("vectors are eigenvectors to 1e-7, also of eigenvalues that lie close together")
  func residual() {
    let width = 24
    let matrix = symmetric(
      width, values: (0..<width).map { 10 * Double($0 < 4 ? 1.0 : 0.97) - 0.01 * Double($0) })

    for pair in SubspaceIteration(matrix, width: width).leading(3) {
      for row in 0..<width {
        let image = (0..<width).reduce(0) { $0 + matrix[row * width + $1] * pair.vector[$1] }
        #expect(abs(image - pair.value * pair.vector[row]) < 1e-7 * 10)
      }
    }
  }

  @Test("finds the eigenvalues of matrices of every small size", arguments: [3, 4, 7, 8, 9, 20])
  func values(width: Int) {
    let values = (0..<width).map { 1 / Double(1 + $0 * $0) }

    let found = SubspaceIteration(symmetric(width, values: values), width: width).leading(3)

    for index in 0..<3 { #expect(abs(found[index].value - values[index]) < 1e-9) }
  }

  /// A matrix with given eigenvalues: a diagonal one, mirrored at a plane.
  private func symmetric(_ width: Int, values: [Double]) -> [Double] {
    var numbers = PlantedNumbers(seed: 3)
    let normal = numbers.next(width).map { Double($0) }
    let square = normal.reduce(0) { $0 + $1 * $1 }
    func mirror(_ row: Int, _ column: Int) -> Double {
      (row == column ? 1 : 0) - 2 * normal[row] * normal[column] / square
    }
    var result = [Double](repeating: 0, count: width * width)
    for row in 0..<width {
      for column in 0..<width {
        result[row * width + column] = (0..<width).reduce(0) {
          $0 + mirror(row, $1) * values[$1] * mirror(column, $1)
        }
      }
    }
    return result
  }
}
