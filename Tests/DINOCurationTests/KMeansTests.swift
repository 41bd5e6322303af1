import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Testing

@Suite("KMeans", .serialized)
struct KMeansTests {
  private struct Config: Decodable {
    let clusters: Int
    let first: Int
    let inertia: Double
    let iterations: Int
    let localTrials: Int

    enum CodingKeys: String, CodingKey {
      case clusters, first, inertia, iterations
      case localTrials = "local_trials"
    }
  }

  @Test("seeds as the reference", arguments: Golden.named("curation/kmeans"))
  func seeding(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    let uniforms = try golden["input.uniforms"]
    let (values, trials) = (try uniforms.doubles(), uniforms.shape[1])
    let draws = SeedingDraws.recorded(
      first: config.first,
      uniforms: (0..<uniforms.shape[0]).map {
        Array(values[($0 * trials)..<(($0 + 1) * trials)])
      })

    let seeding = PlusPlusSeeding(clusters: config.clusters)
    let seeds = try seeding(golden.matrix("input.x"), draws: draws)

    #expect(seeding.trials == config.localTrials)
    expectEqual(
      got: seeds, shape: [seeds.count], expected: try golden["expected.seeds"], label: "seeds")
  }

  @Test("moves centroids as the reference", arguments: Golden.named("curation/kmeans"))
  func lloyd(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    let matrix = try golden.matrix("input.x")
    var kMeans = KMeans(clusters: config.clusters)
    kMeans.iterations = config.iterations

    let result = try kMeans(
      matrix, from: Centroids(matrix, rows: golden["expected.seeds"].integers()))

    let name = "expected.centroids"
    try expectClose(
      got: result.centroids.values, shape: [result.centroids.count, matrix.columns],
      expected: golden[name], tolerance: golden.tolerance(for: name), label: name)
    expectEqual(
      got: result.assignment.clusters, shape: [matrix.rowCount],
      expected: try golden["expected.assignment"], label: "assignment")
    #expect(abs(result.assignment.inertia / config.inertia - 1) < 1e-9)
    for (index, cluster) in result.assignment.sortedClusters.enumerated() {
      expectEqual(
        got: cluster, shape: [cluster.count], expected: try golden["expected.sorted.\(index)"],
        label: "sorted \(index)")
    }
  }

  @Test("assigns as brute force, the lowest of equal centroids")
  func assignsAsBruteForce() throws {
    for (matrix, points) in try [
      (Planted.ties(rows: 300, columns: 3), Planted.ties(rows: 25, columns: 3, seed: 2)),
      (Planted.matrix(rows: 300, columns: 19), Planted.matrix(rows: 40, columns: 19, seed: 3)),
    ] {
      let assignment = try ClusterAssignment(of: matrix, to: Centroids(points))
      let centroids = try rows(points)
      for (row, point) in try rows(matrix).enumerated() {
        let distances = centroids.map { squaredDistance(point, $0) }
        let nearest = try #require(distances.indices.min { distances[$0] < distances[$1] })
        #expect(assignment.clusters[row] == nearest)
        #expect(abs(assignment.squaredDistances[row] - distances[nearest]) < 1e-12)
      }
      #expect(assignment.sizes.reduce(0, +) == 300)
    }
  }

  @Test("assigns rows far from the origin and of extreme size")
  func assignsExtremes() throws {
    let far = try EmbeddingMatrix([1e6, 1e6 + 1, 1e6 + 2, 1e6 + 3], columns: 1)
    let near = try ClusterAssignment(
      of: far, to: Centroids([1e6 + 0.4, 1e6 + 2.6], columns: 1))
    #expect(near.clusters == [0, 0, 1, 1])

    let huge = try EmbeddingMatrix([3e38, -3e38, 0x1p-140], columns: 1)
    let spread = try ClusterAssignment(of: huge, to: Centroids([-3e38, 0, 3e38], columns: 1))
    #expect(spread.clusters == [2, 0, 1])
  }

  @Test("gives the same bits for any number of threads and repeats")
  func isReproducible() throws {
    let matrix = try Planted.matrix(rows: 6000, columns: 33)
    var kMeans = KMeans(clusters: 17)
    kMeans.iterations = 8
    let one = try withThreads(1) { try kMeans(matrix) }
    let two = try withThreads(2) { try kMeans(matrix) }
    #expect(one == two)
    kMeans.seed = 1
    #expect(try kMeans(matrix) != one)
  }

  @Test("never raises the inertia and finds separate blobs")
  func lowersInertia() throws {
    let centres = try rows(Planted.matrix(rows: 6, columns: 5, seed: 9)).map { $0.map { 50 * $0 } }
    let noise = Planted.values(rows: 600, columns: 5)
    let values = noise.indices.map { Float(centres[($0 / 5) % 6][$0 % 5]) + noise[$0] }
    let matrix = try EmbeddingMatrix(values, columns: 5)
    var kMeans = KMeans(clusters: 6)
    let seeds = try Centroids(matrix, rows: kMeans.seeds(of: matrix))
    var before = Double.infinity
    for iterations in 0..<5 {
      kMeans.iterations = iterations
      let inertia = try kMeans(matrix, from: seeds).assignment.inertia
      #expect(inertia <= before)
      before = inertia
    }
    kMeans.iterations = 50
    let result = try kMeans(matrix)
    #expect(result.isConverged)
    for row in 0..<600 {
      #expect(result.assignment.clusters[row] == result.assignment.clusters[row % 6])
    }
    #expect(Set(result.assignment.clusters).count == 6)
  }

  @Test("keeps the centroid of an empty cluster")
  func emptyCluster() throws {
    let matrix = try EmbeddingMatrix([0, 1, 10, 11], columns: 1)
    let result = try KMeans(clusters: 3)(matrix, from: Centroids([0, 10, 99], columns: 1))
    #expect(result.centroids.values == [0.5, 10.5, 99])
    #expect(result.assignment.sizes == [2, 2, 0])
    #expect(result.assignment.sortedClusters[2].isEmpty)
  }

  @Test("clusters by direction when spherical")
  func spherical() throws {
    let matrix = try EmbeddingMatrix([1, 0.1, 100, -10, 0.1, 1, -5, 50], columns: 2)
    var kMeans = KMeans(clusters: 2)
    kMeans.isSpherical = true
    let result = try kMeans(matrix, from: Centroids([5, 0, 0, 5], columns: 2))
    #expect(result.assignment.clusters == [0, 0, 1, 1])
    for centroid in try rows(result.centroids.matrix()) {
      #expect(abs(squaredDistance(centroid, [0, 0]) - 1) < 1e-6)
    }
    // Opposite rows have a mean without direction.
    let opposite = try kMeans(
      EmbeddingMatrix([0, 1, 0, -1], columns: 2), from: Centroids([1, 0, -1, 0], columns: 2))
    #expect(opposite.centroids.values == [1, 0, -1, 0])
  }

  @Test("comes near to Lloyd's result with mini-batches and sampled seeds")
  func miniBatches() throws {
    let matrix = try Planted.matrix(rows: 3000, columns: 6)
    var kMeans = KMeans(clusters: 8)
    let whole = try kMeans(matrix).assignment.inertia
    kMeans.update = .miniBatch(rows: 256)
    kMeans.iterations = 100
    kMeans.seedingRows = 200
    let batches = try kMeans(matrix)
    #expect(batches.assignment.inertia < 1.1 * whole)
    #expect(try kMeans(matrix) == batches)
    kMeans.update = .miniBatch(rows: 0)
    #expect(throws: CurationError.self) { try kMeans(matrix) }
  }

  @Test("seeds every distinct row before a duplicate")
  func seedsDuplicates() throws {
    let matrix = try EmbeddingMatrix([7, 7, 7, 8, 8, 9], columns: 1)
    for seed in 0..<20 as Range<UInt64> {
      var kMeans = KMeans(clusters: 3)
      kMeans.seed = seed
      #expect(try Set(kMeans.seeds(of: matrix).map { [7, 7, 7, 8, 8, 9][$0] }) == [7, 8, 9])
    }
    let equal = try EmbeddingMatrix([Float](repeating: 0.1, count: 40), columns: 4)
    let result = try KMeans(clusters: 10)(equal)
    #expect(result.assignment.clusters.allSatisfy { $0 == 0 })
    #expect(result.assignment.inertia == 0)
  }

  @Test("takes as many clusters as rows, and refuses more")
  func clusterCounts() throws {
    let matrix = try Planted.matrix(rows: 5, columns: 3)
    #expect(try KMeans(clusters: 5)(matrix).assignment.inertia < 1e-12)
    #expect(try KMeans(clusters: 1)(matrix).assignment.clusters == [0, 0, 0, 0, 0])
    for clusters in [6, 0, -1] {
      #expect(throws: CurationError.self) { try KMeans(clusters: clusters)(matrix) }
    }
    #expect(throws: CurationError.self) { try KMeans(clusters: 1)(EmbeddingMatrix([], columns: 3)) }
    #expect(throws: CurationError.self) { try Centroids([.nan], columns: 1) }
    #expect(throws: CurationError.self) {
      try ClusterAssignment(of: matrix, to: Centroids([1], columns: 1))
    }
    #expect(throws: CurationError.self) {
      try ClusterAssignment(of: matrix, to: Centroids([], columns: 3))
    }
    #expect(throws: CurationError.self) {
      try KMeans(clusters: 3)(matrix, draws: .recorded(first: 0, uniforms: [[0.5]]))
    }
    #expect(throws: CurationError.self) {
      try KMeans(clusters: 1)(matrix, draws: .recorded(first: 5, uniforms: []))
    }
  }
}
