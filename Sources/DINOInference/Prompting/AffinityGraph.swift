internal import Glibc

/// How strongly neighbouring cells of an image belong together: an undirected graph of eight neighbours.
///
/// The affinity of two cells is `exp(a (cosine − 1)) · exp(−colour distance / b)`.
package struct AffinityGraph {
  /// How affinities fall.
  struct Falloff: Sendable, Hashable {
    /// `a`: larger parts cells at smaller differences of tokens.
    var tokens: Float = 12
    /// `b`: the distance of colours, of 255 per channel, at which affinity has fallen to 1/e.
    var colors: Float = 20
  }

  /// The steps to half of the neighbours; the other half is reached from the other end.
  private static let steps = [(0, 1), (1, -1), (1, 0), (1, 1)]

  package let height: Int
  package let width: Int
  /// The affinities to the neighbours at ``steps``, `[cells, 4]`; 0 where there is none.
  private let affinities: [Double]
  /// The sum of the affinities of each cell to its neighbours.
  package let degrees: [Double]

  package var count: Int { height * width }

  /// Joins the cells of an image.
  init(_ cells: CellGrid, _ falloff: Falloff = Falloff()) {
    self.init(height: cells.height, width: cells.width) { a, b in
      let exponent =
        falloff.tokens * (cells.cosine(a, b) - 1) - cells.colorDistance(a, b) / falloff.colors
      return exp(Double(exponent))
    }
  }

  /// Joins cells by any affinity, 0 or more.
  package init(height: Int, width: Int, _ affinity: (Int, Int) -> Double) {
    (self.height, self.width) = (height, width)
    var affinities = [Double](repeating: 0, count: 4 * height * width)
    // Every cell has some affinity, so that no system is singular.
    var degrees = [Double](repeating: 1e-9, count: height * width)
    for cell in 0..<height * width {
      for (index, step) in Self.steps.enumerated() {
        let (row, column) = (cell / width + step.0, cell % width + step.1)
        guard row < height, column >= 0, column < width else { continue }
        let other = row * width + column
        let value = affinity(cell, other)
        affinities[4 * cell + index] = value
        degrees[cell] += value
        degrees[other] += value
      }
    }
    self.affinities = affinities
    self.degrees = degrees
  }

  /// Hands over the neighbours of a cell with their affinities.
  package func forEachNeighbour(of cell: Int, _ body: (_ other: Int, _ affinity: Double) -> Void) {
    let (row, column) = (cell / width, cell % width)
    for (index, step) in Self.steps.enumerated() {
      let (down, across) = (row + step.0, column + step.1)
      if down < height, across >= 0, across < width {
        body(down * width + across, affinities[4 * cell + index])
      }
      let (up, back) = (row - step.0, column - step.1)
      if up >= 0, back >= 0, back < width {
        let other = up * width + back
        body(other, affinities[4 * other + index])
      }
    }
  }
}
