/// A set of cells or pixels of a rectangle.
package struct CellRegion {
  package let height: Int
  package let width: Int
  package var isInside: [Bool]

  /// Takes over a set.
  package init(height: Int, width: Int, isInside: [Bool]) {
    precondition(isInside.count == height * width, "an odd set of cells")
    (self.height, self.width, self.isInside) = (height, width, isInside)
  }

  /// The number of cells in the set.
  package var area: Int { isInside.count { $0 } }

  /// How surely each cell belongs to the set: 1 inside, 0 outside, near 1/2 on both sides of the border.
  ///
  /// - Parameter band: The cells on each side of the border of which it is not known on which side they
  ///   are; fewer where otherwise none would be sure.
  /// - Returns: Shares from 0 to 1.
  package func softShares(band: Int) -> [Float] {
    let shares = isInside.indices.map { cell -> Float in
      let isSure = !hasOther(within: band, of: cell)
      return isInside[cell] ? (isSure ? 1 : 0.6) : (isSure ? 0 : 0.4)
    }
    return band == 0 || shares.contains(1) ? shares : softShares(band: band - 1)
  }

  /// Whether a cell of the other side is within a distance.
  private func hasOther(within distance: Int, of cell: Int) -> Bool {
    let (row, column) = (cell / width, cell % width)
    let columns = max(column - distance, 0)...min(column + distance, width - 1)
    return (max(row - distance, 0)...min(row + distance, height - 1)).contains { y in
      columns.contains { isInside[y * width + $0] != isInside[cell] }
    }
  }

  /// Keeps what hangs together with chosen cells by common sides, and the chosen cells themselves.
  package mutating func keep(connectedTo cells: [Int]) {
    for cell in cells { isInside[cell] = true }
    let parts = Parts(of: self, where: true)
    let kept = Set(cells.map { parts.numbers[$0] })
    for cell in isInside.indices where isInside[cell] {
      isInside[cell] = kept.contains(parts.numbers[cell])
    }
  }

  /// Fills holes that hold none of some cells and have at most so many cells.
  package mutating func fillHoles(except cells: [Int], largest: Int) {
    let parts = Parts(of: self, where: false)
    var isHole = parts.sizes.map { $0 <= largest }
    for cell in cells where parts.numbers[cell] >= 0 { isHole[parts.numbers[cell]] = false }
    for cell in isInside.indices where parts.numbers[cell] >= 0 {
      let (row, column) = (cell / width, cell % width)
      if row == 0 || row == height - 1 || column == 0 || column == width - 1 {
        isHole[parts.numbers[cell]] = false
      }
    }
    for cell in isInside.indices where parts.numbers[cell] >= 0 && isHole[parts.numbers[cell]] {
      isInside[cell] = true
    }
  }

  /// The parts of a set, or of what is left of the rectangle, that hang together by common sides.
  private struct Parts {
    /// The part of each cell; -1 for the other side.
    private(set) var numbers: [Int]
    private(set) var sizes: [Int] = []

    init(of region: CellRegion, where side: Bool) {
      let (height, width) = (region.height, region.width)
      numbers = [Int](repeating: -1, count: region.isInside.count)
      var waiting: [Int] = []
      for start in region.isInside.indices where region.isInside[start] == side {
        guard numbers[start] < 0 else { continue }
        let number = sizes.count
        numbers[start] = number
        waiting.append(start)
        var size = 0
        while let cell = waiting.popLast() {
          size += 1
          for (other, exists) in [
            (cell - width, cell >= width), (cell + width, cell < (height - 1) * width),
            (cell - 1, cell % width > 0), (cell + 1, cell % width < width - 1),
          ] where exists && region.isInside[other] == side && numbers[other] < 0 {
            numbers[other] = number
            waiting.append(other)
          }
        }
        sizes.append(size)
      }
    }
  }
}
