internal import Glibc

/// Finds the region around clicks that is least tied to what is around it.
///
/// Cells are taken up in the order of a walker's visits. Of all regions on the way the one with the least
///
///     (sum of affinities across the border) / (sum of degrees inside) · cells ^ γ
///
/// is chosen. With `γ = 0` this is the conductance, which prefers halves of the image; with `γ = 1/2`, as
/// a border grows with the root of the area, it is about the mean affinity across the border, whatever the
/// size.
///
/// Source: Andersen, Chung and Lang, 2006, section 4 (sweeps); the exponent is ours.
package struct RegionSweep {
  /// `γ`: larger prefers smaller regions.
  package var sizeExponent = 0.55
  /// The least number of cells.
  package var leastCells = 5
  /// The largest share of the cells.
  package var largestShare = 0.6

  /// Creates the defaults.
  package init() {}

  /// Chooses a region.
  ///
  /// - Parameters:
  ///   - graph: The cells and their affinities.
  ///   - visits: The order: cells with more come first; those with 0 or less are never taken.
  ///   - required: Cells that the region must hold.
  /// - Returns: Whether each cell is in the region.
  package func callAsFunction(
    _ graph: AffinityGraph, visits: [Double], required: [Int]
  ) -> [Bool] {
    let order = visits.indices.filter { visits[$0] > 0 }
      .sorted { (visits[$0], $1) > (visits[$1], $0) }
    var isInside = [Bool](repeating: false, count: graph.count)
    var missing = Set(required)
    var (cut, volume) = (0.0, 0.0)
    var best = (score: Double.infinity, count: order.count)
    let most = Int((largestShare * Double(graph.count)).rounded(.up))
    for (index, cell) in order.enumerated() {
      isInside[cell] = true
      missing.remove(cell)
      volume += graph.degrees[cell]
      cut += graph.degrees[cell]
      graph.forEachNeighbour(of: cell) { other, affinity in
        if isInside[other] { cut -= 2 * affinity }
      }
      let count = index + 1
      guard missing.isEmpty, count >= min(leastCells, order.count) else { continue }
      let score = max(cut, 0) / volume * pow(Double(count), sizeExponent)
      if score < best.score { best = (score, count) }
      if count >= most { break }
    }
    var region = [Bool](repeating: false, count: graph.count)
    for cell in order.prefix(best.count) { region[cell] = true }
    return region
  }
}
