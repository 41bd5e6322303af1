import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Testing

@Suite("Deduplication")
struct DeduplicationTests {
  private struct Expected: Decodable {
    let components: Int
    let directedEdges: Int
    let k: Int
    let largest: Int
    let threshold: Double

    enum CodingKeys: String, CodingKey {
      case components, k, largest, threshold
      case directedEdges = "directed_edges"
    }
  }

  @Test("joins near-duplicates as the reference", arguments: Golden.named("curation/self_dedup"))
  func selfDeduplication(golden: Golden) throws {
    let matrix = try golden.matrix("input.embeddings")
    let settings = try #require(try golden.config.object).filter { $0.value.object != nil }
    #expect(!settings.isEmpty)
    for name in settings.keys.sorted() {
      let expected = try golden.decodeConfig(Expected.self, at: name)
      var deduplication = SelfDeduplication()
      deduplication.threshold = expected.threshold
      deduplication.neighbours = expected.k

      let result = try deduplication(matrix)

      #expect(result.graph.directedEdgeCount == expected.directedEdges)
      #expect(result.componentCount == expected.components)
      #expect(result.largestComponent == expected.largest)
      expectEqual(
        got: result.graph.labels, shape: [matrix.rowCount],
        expected: try golden["expected.\(name).labels"], label: "\(name).labels")
      expectEqual(
        got: result.kept, shape: [result.kept.count], expected: try golden["expected.\(name).kept"],
        label: "\(name).kept")
    }
  }

  @Test("finds the neighbours of the reference", arguments: Golden.named("curation/self_dedup"))
  func neighbours(golden: Golden) throws {
    let matrix = try golden.matrix("input.embeddings")
    let lists = try golden.names(prefix: "expected.").filter { $0.hasSuffix(".neighbours") }
    #expect(!lists.isEmpty)
    for list in lists {
      let expected = try golden[list]
      let table = try CosineSearch(matrix).neighbours(count: expected.shape[1])
      expectEqual(got: table.rows, shape: expected.shape, expected: expected, label: list)
      let name = list.replacing(".neighbours", with: ".similarities")
      try expectClose(
        got: table.similarities, shape: expected.shape, expected: golden[name],
        tolerance: golden.tolerance(for: name), label: name)
    }
  }

  private struct RelativeConfig: Decodable {
    let k: Int
    let threshold: Double
  }

  @Test("drops what the reference drops", arguments: Golden.named("curation/relative_dedup"))
  func relativeDeduplication(golden: Golden) throws {
    let config = try golden.decodeConfig(RelativeConfig.self)
    let (pool, references) = try (golden.matrix("input.pool"), golden.matrix("input.reference"))
    for reading in RelativeDeduplication.Reading.allCases {
      var deduplication = RelativeDeduplication()
      deduplication.threshold = config.threshold
      deduplication.neighbours = config.k
      deduplication.reading = reading

      let result = try deduplication(pool, references: references)

      let name = "expected.\(reading.rawValue).kept"
      expectEqual(
        got: result.kept, shape: [result.kept.count], expected: try golden[name], label: name)
      expectEqual(
        got: result.graph.labels, shape: [pool.rowCount + references.rowCount],
        expected: try golden["expected.labels"], label: "labels")
      #expect(
        (result.kept + result.dropped.map(\.row)).sorted() == Array(0..<pool.rowCount))
      for match in result.dropped {
        #expect(
          result.graph.labels[match.row] == result.graph.labels[pool.rowCount + match.reference])
        guard let similarity = match.similarity else {
          #expect(reading == .component)
          continue
        }
        #expect(similarity > Float(config.threshold))
        let pair = try (rows(pool)[match.row], rows(references)[match.reference])
        #expect(similarity == cosine(pair.0, pair.1))
      }
    }
  }

  @Test("keeps the row that the rule names")
  func representatives() throws {
    // Rows 0, 1, 2 in a fan with row 1 in the middle, row 3 alone.
    let matrix = try EmbeddingMatrix([1, 0, 1, 0.7, 1, 1.6, -1, 0], columns: 2)
    var deduplication = SelfDeduplication()
    deduplication.threshold = 0.8

    #expect(try deduplication(matrix).kept == [0, 3])
    deduplication.representative = .mostConnected
    let result = try deduplication(matrix)
    #expect(result.kept == [1, 3])
    #expect(result.representatives == [1, 1, 1, 3])
    #expect(result.dropped == [0, 2])
    deduplication.representative = .highestScore([1, .nan, 7, 2])
    #expect(try deduplication(matrix).kept == [2, 3])
    deduplication.representative = .highestScore([.nan, .nan, .nan, 1])
    #expect(try deduplication(matrix).kept == [0, 3])
    deduplication.representative = .highestScore([1])
    #expect(throws: CurationError.self) { try deduplication(matrix) }
  }

  @Test("joins only strictly above the threshold")
  func strictThreshold() throws {
    let matrix = try EmbeddingMatrix([1, 0, 3, 4], columns: 2)  // cosine 0.6
    var deduplication = SelfDeduplication()
    deduplication.threshold = 0.6
    #expect(try deduplication(matrix).kept == [0, 1])
    deduplication.threshold = 0.599
    #expect(try deduplication(matrix).kept == [0])
    deduplication.threshold = 1
    #expect(try deduplication(EmbeddingMatrix([1, 1, 1, 1], columns: 2)).kept == [0, 1])
  }

  @Test("takes one row, no rows and rows of zeros")
  func degenerateRows() throws {
    let deduplication = SelfDeduplication()
    #expect(try deduplication(EmbeddingMatrix([1, 2], columns: 2)).kept == [0])
    let none = try EmbeddingMatrix([], columns: 2)
    #expect(try deduplication(none).kept.isEmpty)
    #expect(try deduplication(none).largestComponent == 0)
    let zeros = try EmbeddingMatrix([0, 0, 0, 0], columns: 2)
    #expect(try deduplication(zeros).kept == [0, 1])
    let relative = RelativeDeduplication()
    #expect(try relative(zeros, references: none).kept == [0, 1])
    #expect(try relative(none, references: zeros).kept.isEmpty)
    let copies = try relative(
      EmbeddingMatrix([1, 0, 0, 1], columns: 2), references: EmbeddingMatrix([0, 2], columns: 2))
    let dropped = try #require(copies.dropped.first)
    #expect(copies.dropped.count == 1)
    #expect((dropped.row, dropped.reference) == (1, 0))
    #expect(dropped.similarity == 1)
  }

  @Test("refuses thresholds that are no cosine", arguments: [Double.nan, 1.5, -2])
  func refusesThresholds(threshold: Double) throws {
    var deduplication = SelfDeduplication()
    deduplication.threshold = threshold
    #expect(throws: CurationError.self) {
      try deduplication(EmbeddingMatrix([1, 2], columns: 2))
    }
  }

  @Test("counts similarities in parts of [-1, 1]")
  func histogram() throws {
    var histogram = SimilarityHistogram(bins: 4)
    for value in [-1, -0.5, 0, 0.49, 0.5, 1] as [Float] { histogram.add(value) }
    #expect(histogram.counts == [1, 1, 2, 2])
    #expect(histogram.lowerBound(of: 3) == 0.5)

    let matrix = try Planted.matrix(rows: 30, columns: 5)
    let graph = try SimilarityGraph(of: matrix, neighbours: 4, threshold: 0.9)
    #expect(graph.similarities.total == 120)
    #expect(graph.nearestSimilarities.total == 30)
  }
}
