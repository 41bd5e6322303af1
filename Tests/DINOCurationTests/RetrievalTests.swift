import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Testing

@Suite("Retrieval")
struct RetrievalTests {
  private struct SampleConfig: Decodable {
    let distinct: Int
    let k: Int
    let withMultiplicity: Int

    enum CodingKeys: String, CodingKey {
      case distinct, k
      case withMultiplicity = "with_multiplicity"
    }
  }

  @Test("retrieves by sample as the reference", arguments: Golden.named("curation/retrieval"))
  func samples(golden: Golden) throws {
    let (pool, queries) = try (golden.matrix("input.pool"), golden.matrix("input.queries"))
    let names = try #require(try golden.config.object).keys.filter { $0.hasPrefix("sample.") }
    #expect(!names.isEmpty)
    for name in names {
      let config = try golden.decodeConfig(SampleConfig.self, at: name)

      let result = try SampleRetrieval(neighbours: config.k)(from: pool, seeds: queries)

      let shape = [queries.rowCount, result.table.neighbourCount]
      expectEqual(
        got: result.table.rows, shape: shape, expected: try golden["expected.\(name).ids"],
        label: name)
      let similarities = "expected.\(name).similarities"
      try expectClose(
        got: result.table.similarities, shape: shape, expected: golden[similarities],
        tolerance: golden.tolerance(for: similarities), label: similarities)
      expectEqual(
        got: result.rows, shape: [result.rows.count],
        expected: try golden["expected.\(name).union"], label: "\(name) union")
      #expect(result.rows.count == config.distinct)
      #expect(result.countWithMultiplicity == config.withMultiplicity)
    }
  }

  @Test("says which seed brought a row")
  func provenance() throws {
    let pool = try Planted.ties(rows: 60, columns: 4)
    let seeds = try Planted.ties(rows: 25, columns: 4, seed: 2)
    let result = try SampleRetrieval(neighbours: 7)(from: pool, seeds: seeds)

    for found in result.retrieved {
      let hits = (0..<25).compactMap { seed in
        result.table[seed].first { $0.row == found.row }.map { (seed, $0.similarity) }
      }
      let best = try #require(hits.map(\.1).max())
      #expect(found.seedCount == hits.count)
      #expect(found.similarity == best)
      #expect(found.seed == hits.first { $0.1 == best }?.0)
    }
    #expect(result.retrieved.reduce(0) { $0 + $1.seedCount } == 25 * 7)
  }

  private struct ClusterConfig: Decodable {
    let cap: Int
    let minHits: Int
    let perCluster: Int
    let sizes: [String: Int]
    let taken: [String: Int]
    let totalBeforeCap: Int

    enum CodingKeys: String, CodingKey {
      case cap, sizes, taken
      case minHits = "min_hits"
      case perCluster = "per_cluster"
      case totalBeforeCap = "total_before_cap"
    }
  }

  @Test("retrieves by cluster as the reference", arguments: Golden.named("curation/retrieval"))
  func clusters(golden: Golden) throws {
    let config = try golden.decodeConfig(ClusterConfig.self, at: "cluster")
    let queries = try golden.matrix("input.queries")
    let pool = try PoolClusters(
      golden.matrix("input.pool"), centroids: Centroids(golden.matrix("input.centroids")))
    var retrieval = ClusterRetrieval()
    retrieval.minimumHits = config.minHits
    retrieval.perCluster = config.perCluster
    retrieval.cap = config.cap
    func check(_ got: [Int], _ name: String) throws {
      let name = "expected.cluster.\(name)"
      expectEqual(got: got, shape: [got.count], expected: try golden[name], label: name)
    }

    let closest = try retrieval(from: pool, seeds: queries)

    try check(pool.assignment.clusters, "assignment")
    try check(closest.seedAssignment.clusters, "query_assignment")
    try check(closest.hits, "hits")
    try check(closest.selected, "selected")
    try check(closest.candidates, "candidates")
    try check(Array(closest.taken.joined()), "closest")
    try check(closest.rows, "closest_capped")
    #expect(closest.countBeforeCap == config.totalBeforeCap)
    for (cluster, taken) in zip(closest.selected, closest.taken) {
      #expect(pool.members[cluster].count == config.sizes["\(cluster)"])
      #expect(taken.count == config.taken["\(cluster)"])
    }

    retrieval.choice = .random(seed: 4)
    let random = try retrieval(from: pool, seeds: queries)
    #expect(random.taken.map(\.count) == closest.taken.map(\.count))
    #expect(Set(random.taken.joined()).isSubset(of: closest.candidates))
    #expect(Set(random.taken.joined()).count == config.totalBeforeCap)
    #expect(Set(random.rows).isSubset(of: random.taken.joined()))
    #expect(Set(random.rows).count == min(config.cap, config.totalBeforeCap))
    #expect(try retrieval(from: pool, seeds: queries).rows == random.rows)
    retrieval.choice = .random(seed: 5)
    #expect(try retrieval(from: pool, seeds: queries).rows != random.rows)
  }

  @Test("keeps to hits, counts and cap")
  func limits() throws {
    let pool = try PoolClusters(
      EmbeddingMatrix([1, 0, 1, 0.1, 1, 0.2, 0, 1], columns: 2),
      centroids: Centroids([1, 0, 0, 1], columns: 2))
    let seeds = try EmbeddingMatrix([9, 0, 9, 1, 0, 2], columns: 2)
    var retrieval = ClusterRetrieval()
    retrieval.minimumHits = 1
    #expect(try retrieval(from: pool, seeds: seeds).rows == [0, 1, 2])
    retrieval.minimumHits = 2
    #expect(try retrieval(from: pool, seeds: seeds).rows.isEmpty)
    retrieval.minimumHits = 0
    #expect(try retrieval(from: pool, seeds: seeds).rows == [0, 1, 2, 3])
    retrieval.cap = 3
    let capped = try retrieval(from: pool, seeds: seeds)
    #expect(capped.rows == [0, 3, 1])
    #expect(capped.retrieved.map(\.cluster) == [0, 1, 0])
    retrieval.cap = nil
    retrieval.perCluster = 1
    #expect(try retrieval(from: pool, seeds: seeds).rows == [0, 3])
    retrieval.perCluster = 0
    #expect(try retrieval(from: pool, seeds: seeds).rows.isEmpty)
    retrieval.cap = -1
    #expect(throws: CurationError.self) { try retrieval(from: pool, seeds: seeds) }
    retrieval.cap = nil
    #expect(throws: CurationError.self) {
      try retrieval(from: pool, seeds: EmbeddingMatrix([1], columns: 1))
    }
  }
}
