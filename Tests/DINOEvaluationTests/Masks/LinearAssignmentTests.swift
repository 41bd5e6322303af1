import DINOEvaluation
import Testing

@Suite("LinearAssignment")
struct LinearAssignmentTests {
  /// The smallest sum over all ways to give each row a column of its own; rows ≤ columns.
  private func bruteForce(_ costs: [Double], rows: Int, columns: Int) -> Double {
    func best(_ row: Int, _ taken: Set<Int>) -> Double {
      guard row < rows else { return 0 }
      return (0..<columns).filter { !taken.contains($0) }
        .map { costs[row * columns + $0] + best(row + 1, taken.union([$0])) }.min() ?? .infinity
    }
    return best(0, [])
  }

  private func sum(_ found: [Int?], _ costs: [Double], columns: Int) -> Double {
    found.enumerated().reduce(0) { sum, pair in
      sum + (pair.element.map { costs[pair.offset * columns + $0] } ?? 0)
    }
  }

  @Test(
    "finds what trying all ways finds", arguments: [(1, 1), (2, 2), (3, 3), (5, 5), (2, 6), (4, 7)])
  func agreesWithBruteForce(rows: Int, columns: Int) {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<100 {
      let costs = (0..<rows * columns).map { _ in Double.random(in: -5...5, using: &random) }

      let found = LinearAssignment()(costs, rows: rows, columns: columns)

      let wanted = bruteForce(costs, rows: rows, columns: columns)
      #expect(abs(sum(found, costs, columns: columns) - wanted) < 1e-9, "\(costs)")
      #expect(Set(found.compactMap(\.self)).count == rows)
    }
  }

  @Test("ties: small whole numbers, of which many are equal")
  func ties() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let costs = (0..<20).map { _ in Double(Int.random(in: 0...2, using: &random)) }

      let found = LinearAssignment()(costs, rows: 4, columns: 5)

      #expect(sum(found, costs, columns: 5) == bruteForce(costs, rows: 4, columns: 5))
      #expect(Set(found.compactMap(\.self)).count == 4)
    }
  }

  @Test("more rows than columns: the columns are all taken, the other rows get none")
  func tall() {
    let costs = [9.0, 1, 2, 8, 0, 7]  // 3 × 2

    let found = LinearAssignment()(costs, rows: 3, columns: 2)

    #expect(found == [1, nil, 0])
  }

  @Test("a greedy choice is not taken where the sum is larger")
  func notGreedy() {
    #expect(LinearAssignment()([1, 2, 2, 100], rows: 2, columns: 2) == [1, 0])
  }

  @Test("no rows, no columns, and costs that are no numbers")
  func degenerate() {
    #expect(LinearAssignment()([], rows: 0, columns: 3) == [])
    #expect(LinearAssignment()([], rows: 2, columns: 0) == [nil, nil])
    let found = LinearAssignment()([.nan, 1, .infinity, -.infinity], rows: 2, columns: 2)
    #expect(Set(found.compactMap(\.self)) == [0, 1])
    #expect(LinearAssignment()([.nan, 3, 2, .nan], rows: 2, columns: 2) == [1, 0])
  }
}
