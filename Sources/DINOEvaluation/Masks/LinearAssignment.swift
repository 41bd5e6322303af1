/// The assignment of rows to columns with the smallest sum of costs, exactly.
///
/// Rows are taken in one by one; each finds the cheapest path over columns that are taken already, measured
/// by costs less the potentials of both ends, which keeps them from being negative.
///
/// Source: the Hungarian method with potentials (Kuhn, 1955; Jonker and Volgenant, 1987).
///
/// - Complexity: O(n² · m) for the smaller side n and the larger side m.
package struct LinearAssignment: Sendable {
  /// What a cost that is no finite number counts as.
  private static let prohibitive = 1e12

  /// Creates the method.
  package init() {}

  /// Assigns as many rows as there are columns for, or all.
  ///
  /// - Parameters:
  ///   - costs: Costs, row by row; what is no finite number is avoided as long as that is possible.
  ///   - rows: The number of rows.
  ///   - columns: The number of columns.
  /// - Returns: The column of each row, all different; nil for rows that got none.
  /// - Precondition: There are as many costs as the sides say.
  package func callAsFunction(_ costs: [Double], rows: Int, columns: Int) -> [Int?] {
    precondition(costs.count == rows * columns)
    guard rows > 0, columns > 0 else { return Array(repeating: nil, count: rows) }
    func cost(_ row: Int, _ column: Int) -> Double {
      let value = costs[row * columns + column]
      return value.isFinite ? value : Self.prohibitive
    }
    if rows <= columns {
      return Self.solve(rows, columns, cost)
    }
    var found = [Int?](repeating: nil, count: rows)
    let turned = Self.solve(columns, rows) { cost($1, $0) }
    for (column, row) in turned.enumerated() { found[row] = column }
    return found
  }

  /// The column of each row; there are at least as many columns.
  private static func solve(
    _ rows: Int, _ columns: Int, _ cost: (Int, Int) -> Double
  ) -> [Int] {
    // The last column stands for the row that is being taken in.
    let start = columns
    var rowOf = [Int](repeating: -1, count: columns + 1)
    var rowPotential = [Double](repeating: 0, count: rows)
    var columnPotential = [Double](repeating: 0, count: columns + 1)
    for row in 0..<rows {
      var distance = [Double](repeating: .infinity, count: columns)
      var previous = [Int](repeating: start, count: columns)
      var isDone = [Bool](repeating: false, count: columns + 1)
      rowOf[start] = row
      var column = start
      while rowOf[column] >= 0 {
        isDone[column] = true
        let here = rowOf[column]
        var (step, next) = (Double.infinity, -1)
        for other in 0..<columns where !isDone[other] {
          let reduced = cost(here, other) - rowPotential[here] - columnPotential[other]
          if reduced < distance[other] { (distance[other], previous[other]) = (reduced, column) }
          if next < 0 || distance[other] < step { (step, next) = (distance[other], other) }
        }
        for other in 0...columns {
          if isDone[other] {
            rowPotential[rowOf[other]] += step
            columnPotential[other] -= step
          } else if other < columns {
            distance[other] -= step
          }
        }
        column = next
      }
      while column != start {
        let before = previous[column]
        rowOf[column] = rowOf[before]
        column = before
      }
    }
    var columnOf = [Int](repeating: 0, count: rows)
    for column in 0..<columns where rowOf[column] >= 0 { columnOf[rowOf[column]] = column }
    return columnOf
  }
}
