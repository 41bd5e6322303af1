import DINOCuration
import DINOTestSupport
import Testing

@Suite("HierarchicalKMeans")
struct HierarchyTests {
  @Test("groups every point once on every level")
  func groupsEveryPoint() throws {
    let matrix = try Planted.matrix(rows: 400, columns: 6)
    let clustering = HierarchicalKMeans(levels: [
      .init(clusters: 40), .init(clusters: 12, resamplings: 3, sampleSize: 2),
      .init(clusters: 4, resamplings: 10, sampleSize: 2),
    ])

    let result = try clustering(matrix)

    let levels = result.hierarchy.levels
    #expect(levels.count == 3)
    #expect(levels[0].joined().sorted() == Array(0..<400))
    #expect(levels[1].joined().sorted() == Array(levels[0].indices))
    #expect(levels[2].joined().sorted() == Array(levels[1].indices))
    #expect(result.hierarchy.pointCount == 400)
    for sizes in result.hierarchy.sizes { #expect(sizes.reduce(0, +) == 400) }
    #expect(zip(levels, result.centroids).allSatisfy { $0.count == $1.count })
    #expect(try clustering(matrix).hierarchy == result.hierarchy)
  }

  @Test("spreads centroids over the data by resampling")
  func resamplingFlattens() throws {
    // Most points in one spot, few along a line: the plain clusters crowd into the spot.
    let noise = Planted.values(rows: 1000, columns: 1)
    let values = (0..<1000).map { $0 < 950 ? noise[$0] : Float($0 - 950) + noise[$0] }
    let matrix = try EmbeddingMatrix(values, columns: 1)
    func crowded(_ resamplings: Int) throws -> Int {
      let level = HierarchicalKMeans.Level(
        clusters: 20, resamplings: resamplings, sampleSize: 2)
      let result = try HierarchicalKMeans(levels: [level])(matrix)
      return result.centroids[0].values.count { abs($0) < 2 }
    }
    #expect(try crowded(10) < crowded(0))
  }

  @Test("leaves out empty clusters")
  func emptyClusters() throws {
    let matrix = try EmbeddingMatrix([1, 1, 1, 1, 5, 5], columns: 1)
    let result = try HierarchicalKMeans(levels: [
      .init(clusters: 4, resamplings: 2, sampleSize: 1)
    ])(matrix)
    #expect(result.hierarchy.levels[0].count == 2)
    #expect(result.centroids[0].count == 2)
  }

  @Test("refuses levels that cannot be")
  func refusals() throws {
    let matrix = try Planted.matrix(rows: 10, columns: 2)
    for levels in [
      [HierarchicalKMeans.Level(clusters: 11)],
      [.init(clusters: 3), .init(clusters: 4)],
      [.init(clusters: 3, resamplings: -1)],
      [.init(clusters: 3, resamplings: 1, sampleSize: 0)],
      [],
    ] {
      #expect(throws: CurationError.self) { try HierarchicalKMeans(levels: levels)(matrix) }
    }
    #expect(throws: CurationError.self) { try ClusterHierarchy([]) }
    #expect(throws: CurationError.self) { try ClusterHierarchy([[[0, 1], [1]]]) }
    #expect(throws: CurationError.self) { try ClusterHierarchy([[[0, 1]], [[0, 1]]]) }
    #expect(throws: CurationError.self) { try ClusterHierarchy([[[-1]]]) }
  }
}
