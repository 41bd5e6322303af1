/// How often a walker that starts at chosen cells comes to each cell, by the cell's degree.
///
/// From each cell the walker goes on to a neighbour with probability `α`, by affinity, and ends with
/// `1 − α`. The visits `u` by degree solve
///
///     (D − α A) u = s
///
/// with the affinities `A`, their sums `D` and the starts `s`. The matrix is banded: it is factorised once
/// (`L D Lᵀ`) and then solved for any starts, exactly and always in the same way.
///
/// Source: Andersen, Chung and Lang, Local graph partitioning using PageRank vectors, 2006, section 2; `u` is
/// the personalised PageRank over the degree.
package struct RandomWalk {
  private let count: Int
  private let band: Int
  /// Whether cells are numbered column by column, which keeps the band narrow for wide images.
  private let isTransposed: Bool
  private let height: Int
  private let width: Int
  /// The factor `L` without its diagonal of ones: row by row the `band` entries before the diagonal.
  private var factor: [Double]
  private var diagonal: [Double]

  /// Prepares walks.
  ///
  /// - Parameters:
  ///   - graph: The cells and their affinities.
  ///   - alpha: The probability of going on, 0 to below 1.
  package init(on graph: AffinityGraph, alpha: Double) {
    count = graph.count
    (height, width) = (graph.height, graph.width)
    isTransposed = graph.width > graph.height
    band = min(graph.height, graph.width) + 1
    factor = [Double](repeating: 0, count: count * band)
    diagonal = [Double](repeating: 0, count: count)
    for cell in 0..<count {
      let row = place(of: cell)
      diagonal[row] = graph.degrees[cell]
      graph.forEachNeighbour(of: cell) { other, affinity in
        let column = place(of: other)
        if column < row { factor[row * band + column - row + band] = -alpha * affinity }
      }
    }
    factorize()
  }

  private func place(of cell: Int) -> Int {
    isTransposed ? cell % width * height + cell / width : cell
  }

  private mutating func factorize() {
    let (n, w) = (count, band)
    unsafe factor.withUnsafeMutableBufferPointer { l in
      unsafe diagonal.withUnsafeMutableBufferPointer { d in
        for row in 0..<n {
          let first = max(row - w, 0)
          // Entry (row, column) of L D; columns in ascending order need only earlier ones.
          for column in first..<row {
            let start = max(first, column - w)
            var sum = unsafe l[row * w + column - row + w]
            let (a, b) = (row * w - row + w, column * w - column + w)
            for inner in start..<column { unsafe sum -= l[a + inner] * l[b + inner] }
            unsafe l[a + column] = sum
          }
          for column in first..<row {
            let place = row * w - row + w + column
            let value = unsafe l[place]
            unsafe l[place] = value / d[column]
            unsafe d[row] -= value * l[place]
          }
        }
      }
    }
  }

  /// The visits of a walker by degree.
  ///
  /// - Parameter starts: The cells at which it starts; one that is given twice counts twice.
  /// - Returns: `u` of each cell, above 0.
  package func visits(from starts: [Int]) -> [Double] {
    var x = [Double](repeating: 0, count: count)
    for cell in starts { x[place(of: cell)] += 1 }
    for row in 0..<count {
      var sum = x[row]
      for column in max(row - band, 0)..<row {
        sum -= factor[row * band + column - row + band] * x[column]
      }
      x[row] = sum
    }
    for row in 0..<count { x[row] /= diagonal[row] }
    for row in (0..<count).reversed() {
      let value = x[row]
      for column in max(row - band, 0)..<row {
        x[column] -= factor[row * band + column - row + band] * value
      }
    }
    return (0..<count).map { x[place(of: $0)] }
  }
}
