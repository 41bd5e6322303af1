import DINOCuration
import DINOTestSupport
import Testing

/// Indexes that look at a part of the rows.
@Suite("ApproximateIndex", .serialized)
struct ApproximateIndexTests {
  /// Rows around centres, as embeddings lie.
  private static func clustered(_ count: Int, columns: Int = 24) throws -> EmbeddingMatrix {
    let centres = Planted.values(rows: 40, columns: columns, seed: 5)
    let noise = Planted.values(rows: count, columns: columns, seed: 6)
    return try EmbeddingMatrix(
      noise.enumerated().map { index, value in
        let row = index / columns
        return centres[(row % 40) * columns + index % columns] + 0.5 * value
      }, columns: columns)
  }

  private static func recipes() -> [IndexRecipe] {
    IndexRecipe.Kind.allCases.map { IndexRecipe($0) }
  }

  @Test(
    "with full effort finds what exact search finds, with its similarities", arguments: recipes())
  func fullEffort(recipe: IndexRecipe) throws {
    let matrix = try Self.clustered(1500)
    let queries = try Self.clustered(30)
    let index = try ApproximateIndex(matrix, recipe)
    #expect(index.facts.rows == 1500 && index.facts.columns == 24)

    let found = try index.nearest(to: queries, in: matrix, count: 5, effort: 1500)

    let exact = try CosineSearch(matrix).nearest(to: queries, count: 5)
    var hits = 0
    for query in 0..<30 {
      #expect(found[query].count == 5)
      let truth = Set(exact[query].map(\.row))
      hits += found[query].count { truth.contains($0.row) }
      for neighbour in found[query] {
        if let same = exact[query].first(where: { $0.row == neighbour.row }) {
          #expect(same == neighbour)
        }
      }
    }
    // Lists are then all looked through; a graph and codes may miss some.
    #expect(hits >= (recipe.kind == .ivf ? 150 : 140))
  }

  @Test("the least effort reaches the recall asked for", arguments: recipes())
  func tuning(recipe: IndexRecipe) throws {
    let matrix = try Self.clustered(2500)
    let index = try ApproximateIndex(matrix, recipe)
    let tuning = try index.tuned(for: matrix, recipe)
    #expect(tuning.recall >= 0.95 && tuning.recall <= 1)
    if recipe.kind != .hnsw { #expect(tuning.effort <= index.facts.lists) }
    var modest = recipe
    modest.recall = 0.01
    #expect(try index.tuned(for: matrix, modest).effort <= tuning.effort)
    // A given effort is measured as it is.
    #expect(try index.tuned(for: matrix, modest, effort: tuning.effort) == tuning)
  }

  @Test("does not depend on the number of threads", arguments: recipes())
  func isReproducible(recipe: IndexRecipe) throws {
    let matrix = try Self.clustered(1200)
    func found(_ threads: Int) throws -> [[Neighbour]] {
      try withThreads(threads) {
        try ApproximateIndex(matrix, recipe).nearest(to: matrix, in: matrix, count: 4, effort: 2)
      }
    }
    #expect(try found(1) == found(2))
  }

  @Test("rows that are equal, zero or few do not matter", arguments: recipes())
  func degenerate(recipe: IndexRecipe) throws {
    var values = Planted.values(rows: 3, columns: 8)
    for _ in 0..<300 { values += values.prefix(8) }
    values += [Float](repeating: 0, count: 8)
    let matrix = try EmbeddingMatrix(values, columns: 8)
    let found = try ApproximateIndex(matrix, recipe)
      .nearest(to: matrix.selecting([0, 303]), in: matrix, count: 3, effort: 400)
    #expect(found[0].count == 3 && found[0].allSatisfy { abs($0.similarity - 1) < 1e-6 })
    #expect(found[1].allSatisfy { $0.similarity == 0 })
  }

  @Test("what cannot be made is refused with the reason")
  func refusals() throws {
    let matrix = try Planted.matrix(rows: 100, columns: 12)
    func expectRefusal(_ words: String, _ change: (inout IndexRecipe) -> Void) {
      var recipe = IndexRecipe(.ivf)
      change(&recipe)
      let error = #expect(throws: CurationError.self) { try ApproximateIndex(matrix, recipe) }
      #expect(error?.description.contains(words) ?? false)
    }
    expectRefusal("at least 256 rows") { $0.kind = .ivfPQ }
    expectRefusal("at most one per row") { $0.lists = 101 }
    expectRefusal("expected 1 to") { $0.lists = 0 }
    expectRefusal("divisor") {
      $0.kind = .ivfPQ
      $0.codeBytes = 5
    }
    expectRefusal("expected 2 to 512") { $0.links = 1 }
    expectRefusal("recall") { $0.recall = 0 }
    let empty = try EmbeddingMatrix([], columns: 12)
    #expect(throws: CurationError.self) { try ApproximateIndex(empty, IndexRecipe(.ivf)) }
    let index = try ApproximateIndex(matrix, IndexRecipe(.ivf))
    #expect(throws: CurationError.self) {
      try index.nearest(to: matrix, in: matrix.selecting([0, 1]), count: 1, effort: 1)
    }
  }
}
