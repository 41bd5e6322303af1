import DINOCuration
import DINOTestSupport
import Foundation
import Testing

@Suite("HierarchicalSampling")
struct SamplingTests {
  private struct Cases: Decodable {
    struct Split: Decodable {
      let candidates: [Int]
      let counts: [Int]
      let cut: Int
      let multiplier: Int
      let remainder: Int
      let sizes: [Int]
      let target: Int
    }
    struct Hierarchy: Decodable {
      let ids: [Int]
      let levels: [[[Int]]]
      let multiplier: Int
      let target: Int
    }
    let splits: [Split]
    let hierarchies: [Hierarchy]
  }

  private func cases(_ golden: Golden) throws -> Cases {
    let path = try golden.sideFile("sampling.json")
    return try JSONDecoder().decode(
      Cases.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }

  @Test("splits as the reference", arguments: Golden.named("curation/hierarchical_sampling"))
  func splits(golden: Golden) throws {
    let splits = try cases(golden).splits
    #expect(!splits.isEmpty)
    for wanted in splits {
      let split = try BalancedSplit(
        target: wanted.target, sizes: wanted.sizes, multiplier: wanted.multiplier)
      #expect(split.cut == wanted.cut)
      #expect(split.counts == wanted.counts)
      #expect(split.remainder == wanted.remainder)
      #expect(split.candidates == wanted.candidates)
    }
  }

  @Test("samples as the reference", arguments: Golden.named("curation/hierarchical_sampling"))
  func hierarchies(golden: Golden) throws {
    let hierarchies = try cases(golden).hierarchies
    #expect(!hierarchies.isEmpty)
    for wanted in hierarchies {
      var sampling = HierarchicalSampling(target: wanted.target)
      sampling.multiplier = wanted.multiplier
      #expect(try sampling(ClusterHierarchy(wanted.levels)) == wanted.ids)

      // At random: as many from each cluster of level 1, since no remainder is drawn.
      sampling.strategy = .random
      let random = try sampling(ClusterHierarchy(wanted.levels))
      for cluster in wanted.levels[0] {
        let members = Set(cluster)
        #expect(random.count { members.contains($0) } == wanted.ids.count { members.contains($0) })
      }
    }
  }

  @Test("splits as brute force", arguments: 0..<40 as Range<UInt64>)
  func splitsAsBruteForce(seed: UInt64) throws {
    var random = CounterRandom(seed: seed, stream: 1)
    let sizes = (0..<random.integer(below: 9)).map { _ in random.integer(below: 12) }
    let multiplier = 1 + random.integer(below: 3)
    let target = random.integer(below: 100)

    let split = try BalancedSplit(target: target, sizes: sizes, multiplier: multiplier)
    let filled = split.filled(&random)

    let available = sizes.map { $0 * multiplier }
    let total = available.reduce(0, +)
    #expect(filled.reduce(0, +) == min(total, target))
    #expect(zip(filled, available).allSatisfy { $0 <= $1 })
    if total > target {
      func given(_ cut: Int) -> Int { available.reduce(0) { $0 + min(cut, $1) } }
      let cut = (0...100).last { given($0) <= target }
      #expect(split.cut == cut)
      #expect(split.remainder < split.candidates.count)
    } else {
      #expect(filled == available)
    }
  }

  @Test("draws every point at most multiplier times, and evenly", arguments: [1, 3])
  func balances(multiplier: Int) throws {
    let matrix = try Planted.matrix(rows: 500, columns: 4)
    let hierarchy = try HierarchicalKMeans(levels: [
      .init(clusters: 50), .init(clusters: 8),
    ])(matrix).hierarchy
    for strategy in HierarchicalSampling.Strategy.allCases {
      var sampling = HierarchicalSampling(target: 143)
      sampling.multiplier = multiplier
      sampling.strategy = strategy
      let points = try sampling(hierarchy)
      #expect(points.count == 143)
      let times = Dictionary(points.map { ($0, 1) }, uniquingKeysWith: +)
      #expect(times.values.allSatisfy { $0 <= multiplier })
      #expect(try sampling(hierarchy) == points)
      sampling.seed = 1
      if strategy == .random { #expect(try sampling(hierarchy) != points) }
    }
  }

  @Test("gives everything if the target is larger")
  func largeTarget() throws {
    let hierarchy = try ClusterHierarchy([[[2, 0], [1], []], [[1, 0], [2]]])
    var sampling = HierarchicalSampling(target: 99)
    #expect(try sampling(hierarchy) == [1, 2, 0])
    sampling.multiplier = 2
    #expect(try sampling(hierarchy) == [1, 1, 2, 0, 2, 0])
    sampling.strategy = .random
    #expect(try sampling(hierarchy) == [1, 1, 2, 0, 2, 0])
    sampling.target = 0
    #expect(try sampling(hierarchy).isEmpty)
  }

  @Test("refuses impossible numbers")
  func refusals() throws {
    #expect(throws: CurationError.self) { try BalancedSplit(target: -1, sizes: [1]) }
    #expect(throws: CurationError.self) { try BalancedSplit(target: 1, sizes: [1], multiplier: 0) }
    #expect(throws: CurationError.self) { try BalancedSplit(target: 1, sizes: [-1]) }
    #expect(throws: CurationError.self) {
      try BalancedSplit(target: 1, sizes: [.max], multiplier: 2)
    }
    #expect(throws: CurationError.self) { try BalancedSplit(target: 1, sizes: [.max, .max]) }
    #expect(throws: CurationError.self) {
      try HierarchicalSampling(target: -5)(ClusterHierarchy([[[0]]]))
    }
  }
}
