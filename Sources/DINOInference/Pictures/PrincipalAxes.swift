/// The principal axes of rows: orthonormal directions in which they vary most.
///
/// Found exactly, as eigenvectors of the covariance in double precision, and the same on every run:
/// nothing is drawn at random, and the sign of an axis is that of its largest entry.
package struct PrincipalAxes: Sendable {
  /// The length of a row, `D`.
  package let width: Int
  /// The mean row, `[D]`.
  package let mean: [Double]
  /// The axes, `k` of `[D]`, the most important first.
  package private(set) var axes: [[Double]]
  /// The share of the variance that each axis explains, 0 to 1.
  package let explained: [Double]

  /// How many rows are summed in single precision before the sum is added in double.
  private static let blockRows = 256

  /// Finds the axes.
  ///
  /// - Parameters:
  ///   - rows: The rows, `[N, D]`; at least one, all numbers finite.
  ///   - width: The length of a row, `D`, at least `count`.
  ///   - count: The number of axes, `k`, at most ``SubspaceIteration/lanes``.
  package init(_ rows: [Float], width: Int, count: Int) {
    let mean = PrincipalAxes.mean(rows, width: width)
    let covariance = PrincipalAxes.covariance(rows, width: width, mean: mean)
    let total = (0..<width).reduce(0) { $0 + covariance[$1 * width + $1] }
    let found = SubspaceIteration(covariance, width: width).leading(count)
    self.width = width
    self.mean = mean
    axes = found.map { PrincipalAxes.withLargestEntryPositive($0.vector) }
    explained = found.map { total > 0 ? min(max($0.value / total, 0), 1) : 0 }
  }

  /// Turns an axis round.
  ///
  /// - Parameter axis: Which one.
  package mutating func flip(_ axis: Int) { axes[axis] = axes[axis].map { -$0 } }

  /// The coordinates of rows along the axes.
  ///
  /// - Parameter rows: The rows, `[N, D]`.
  /// - Returns: The coordinates, `[N, k]`.
  package func project(_ rows: [Float]) -> [Float] {
    let offsets = axes.map { axis in zip(axis, mean).reduce(0) { $0 + $1.0 * $1.1 } }
    var result: [Float] = []
    result.reserveCapacity(rows.count / width * axes.count)
    for start in stride(from: 0, to: rows.count, by: width) {
      for (axis, offset) in zip(axes, offsets) {
        var sum = -offset
        for index in 0..<width { sum += axis[index] * Double(rows[start + index]) }
        result.append(Float(sum))
      }
    }
    return result
  }

  private static func mean(_ rows: [Float], width: Int) -> [Double] {
    var sums = [Double](repeating: 0, count: width)
    for start in stride(from: 0, to: rows.count, by: width) {
      for index in 0..<width { sums[index] += Double(rows[start + index]) }
    }
    let count = Double(max(rows.count / width, 1))
    return sums.map { $0 / count }
  }

  /// The covariance, `[D, D]`; the sum is divided by the number of rows.
  private static func covariance(_ rows: [Float], width: Int, mean: [Double]) -> [Double] {
    let count = rows.count / width
    var result = [Double](repeating: 0, count: width * width)
    for first in stride(from: 0, to: count, by: blockRows) {
      let size = min(blockRows, count - first)
      var block = [Float](repeating: 0, count: width * size)  // [D, rows of the block]
      for row in 0..<size {
        for column in 0..<width {
          block[column * size + row] = Float(
            Double(rows[(first + row) * width + column]) - mean[column])
        }
      }
      let columns = VectorRows(block, width: size)
      columns.forEachProduct(with: columns, isSymmetric: true) { row, column, products in
        for lane in 0..<min(4, width - column) {
          result[row * width + column + lane] += Double(products[lane])
        }
      }
    }
    for row in 0..<width {
      for column in row..<width {
        let value = result[row * width + column] / Double(max(count, 1))
        result[row * width + column] = value
        result[column * width + row] = value
      }
    }
    return result
  }

  private static func withLargestEntryPositive(_ axis: [Double]) -> [Double] {
    var largest = 0
    for index in axis.indices where abs(axis[index]) > abs(axis[largest]) { largest = index }
    return axis[largest] < 0 ? axis.map { -$0 } : axis
  }
}
