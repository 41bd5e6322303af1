import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Testing

@Suite("CosineSearch", .serialized)
struct CosineSearchTests {
  /// All rows in order of similarity, ties by row.
  private func bruteForce(
    _ pool: EmbeddingMatrix, _ queries: EmbeddingMatrix, count: Int, excludesSelf: Bool
  ) throws -> [[Neighbour]] {
    let candidates = try rows(pool)
    return try rows(queries).enumerated().map { index, query in
      let all = candidates.enumerated()
        .filter { !excludesSelf || $0.offset != index }
        .map { Neighbour(row: $0.offset, similarity: cosine(query, $0.element)) }
      return Array(
        all.sorted {
          ($1.similarity, $0.row) < ($0.similarity, $1.row)
        }.prefix(count))
    }
  }

  @Test("finds what brute force finds, ties by lower row", arguments: [1, 3, 50, 200])
  func agreesWithBruteForce(count: Int) throws {
    let pool = try Planted.ties(rows: 150, columns: 4)
    let queries = try Planted.ties(rows: 20, columns: 4, seed: 2)

    let table = try CosineSearch(pool).nearest(to: queries, count: count)
    let graph = try CosineSearch(pool).neighbours(count: count)

    let expected = try bruteForce(pool, queries, count: count, excludesSelf: false)
    for query in 0..<20 { #expect(table[query] == expected[query]) }
    let others = try bruteForce(pool, pool, count: count, excludesSelf: true)
    for row in 0..<150 { #expect(graph[row] == others[row]) }
    #expect(graph.neighbourCount == min(count, 149))
  }

  @Test("does not depend on block sizes or threads")
  func isReproducible() throws {
    let pool = try Planted.matrix(rows: 200, columns: 67)
    let doubled = try pool.joined(with: pool)
    let expected = try withThreads(1) { try CosineSearch(doubled).neighbours(count: 9) }

    let settings = [(1, 400, 2), (400, 1, 1), (170, 333, 2), (64, 17, 4)]
    for (queryBlock, poolBlock, threads) in settings {
      var search = CosineSearch(doubled)
      search.queryBlock = queryBlock
      search.poolBlock = poolBlock
      let got = try withThreads(threads) { try search.neighbours(count: 9) }
      #expect(got == expected)
    }
    for row in 0..<200 {
      #expect(expected[row][0].row == row + 200)
      #expect(expected[row][0].similarity == 1)
    }
  }

  @Test("finds the better of rows that float32 products confuse")
  func separatesCloseRows() throws {
    // Similarities to the query differ by about 1e-7.
    var values = [Float](repeating: 1, count: 400 * 512)
    for row in 0..<400 { values[row * 512 + row] = 1 + Float((row * 7919) % 400) * 2e-5 }
    let pool = try EmbeddingMatrix(values, columns: 512)
    let query = try EmbeddingMatrix([Float](repeating: 1, count: 512), columns: 512)

    let found = try CosineSearch(pool).nearest(to: query, count: 20)

    #expect(found[0] == (try bruteForce(pool, query, count: 20, excludesSelf: false))[0])
  }

  @Test("takes rows that are all equal, all zero, one or none")
  func degenerateRows() throws {
    let equal = try EmbeddingMatrix([Float](repeating: 0.3, count: 600), columns: 2)
    let zero = try EmbeddingMatrix([Float](repeating: 0, count: 10), columns: 2)
    let one = try EmbeddingMatrix([1, 2], columns: 2)
    let none = try EmbeddingMatrix([], columns: 2)

    #expect(try CosineSearch(equal).neighbours(count: 3)[299].map(\.row) == [0, 1, 2])
    #expect(try CosineSearch(equal).neighbours(count: 3)[0].map(\.row) == [1, 2, 3])
    #expect(try CosineSearch(zero).neighbours(count: 2)[4].map(\.similarity) == [0, 0])
    #expect(try CosineSearch(one).neighbours(count: 5)[0].isEmpty)
    #expect(try CosineSearch(one).nearest(to: one, count: 5)[0].map(\.row) == [0])
    #expect(try CosineSearch(none).neighbours(count: 5).rows.isEmpty)
    #expect(try CosineSearch(none).nearest(to: one, count: 5)[0].isEmpty)
    #expect(try CosineSearch(one).nearest(to: none, count: 5).rows.isEmpty)
  }

  @Test("refuses other widths and no neighbours")
  func refusals() throws {
    let pool = try Planted.matrix(rows: 3, columns: 4)
    #expect(throws: CurationError.self) {
      try CosineSearch(pool).nearest(to: Planted.matrix(rows: 1, columns: 5), count: 1)
    }
    #expect(throws: CurationError.self) { try CosineSearch(pool).neighbours(count: 0) }
    #expect(throws: CurationError.self) { try CosineSearch(pool).neighbours(count: -3) }
  }
}
