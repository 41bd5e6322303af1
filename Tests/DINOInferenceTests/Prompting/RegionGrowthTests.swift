import DINOInference
import Foundation
import Testing

@Suite("Region growth")
struct RegionGrowthTests {
  /// Affinities that look random.
  private func graph(height: Int, width: Int) -> AffinityGraph {
    AffinityGraph(height: height, width: width) { a, b in
      0.05 + abs(sin(Double(a * 7 + b * 13) * 0.71))
    }
  }

  @Test("every cell has its neighbours on all sides, with one affinity in both directions")
  func neighbours() {
    let graph = graph(height: 3, width: 4)
    var found: [[Int]: Double] = [:]
    for cell in 0..<12 {
      var sum = 0.0
      graph.forEachNeighbour(of: cell) { other, affinity in
        found[[cell, other]] = affinity
        sum += affinity
        #expect(max(abs(cell / 4 - other / 4), abs(cell % 4 - other % 4)) == 1)
      }
      #expect(abs(graph.degrees[cell] - sum) < 1e-8)
    }
    // Corners have 3 neighbours, sides 5, the two inner cells 8.
    #expect(found.count == 4 * 3 + 6 * 5 + 2 * 8)
    for (pair, affinity) in found { #expect(found[[pair[1], pair[0]]] == affinity) }
  }

  @Test(
    "visits solve their system, for tall and for wide images",
    arguments: [[7, 4], [4, 9], [1, 6]])
  func visits(size: [Int]) {
    let graph = graph(height: size[0], width: size[1])
    let alpha = 0.9

    let visits = RandomWalk(on: graph, alpha: alpha).visits(from: [2, 5, 5])

    for cell in 0..<graph.count {
      var value = graph.degrees[cell] * visits[cell]
      graph.forEachNeighbour(of: cell) { other, affinity in
        value -= alpha * affinity * visits[other]
      }
      let starts = cell == 2 ? 1.0 : cell == 5 ? 2 : 0
      #expect(abs(value - starts) < 1e-10, "cell \(cell)")
      #expect(visits[cell] > 0)
    }
  }

  @Test("visits are those of a walker that goes on with probability α")
  func walker() {
    // Two cells: from each the walker can only go to the other one. Visits before it ends: 1 + α² + …
    let graph = AffinityGraph(height: 1, width: 2) { _, _ in 3 }

    let visits = RandomWalk(on: graph, alpha: 0.5).visits(from: [0])

    #expect(abs(visits[0] * 3 - 1 / (1 - 0.25)) < 1e-6)
    #expect(abs(visits[1] * 3 - 0.5 / (1 - 0.25)) < 1e-6)
  }

  /// Two blocks of columns with weak ties between them.
  private func blocks() -> AffinityGraph {
    AffinityGraph(height: 6, width: 12) { a, b in (a % 12 < 5) == (b % 12 < 5) ? 1 : 0.02 }
  }

  @Test("the sweep stops at the weak ties, whatever cell it starts from")
  func sweep() {
    let graph = blocks()
    let walk = RandomWalk(on: graph, alpha: 0.97)
    for start in [0, 28, 64] {
      let region = RegionSweep()(graph, visits: walk.visits(from: [start]), required: [start])
      #expect(region == (0..<72).map { $0 % 12 < 5 }, "from \(start)")
    }
  }

  @Test("required cells are inside, cells without visits are not")
  func constraints() {
    let graph = blocks()
    var visits = RandomWalk(on: graph, alpha: 0.97).visits(from: [0])
    let both = RegionSweep()(graph, visits: visits, required: [0, 5])
    #expect(both[0] && both[5])

    for cell in 0..<72 where cell / 12 > 2 { visits[cell] = 0 }
    let upper = RegionSweep()(graph, visits: visits, required: [0])
    #expect(upper == (0..<72).map { $0 % 12 < 5 && $0 / 12 <= 2 })
  }

  /// A set drawn with letters.
  private func region(_ rows: String...) -> CellRegion {
    CellRegion(
      height: rows.count, width: rows[0].count, isInside: rows.joined().map { $0 == "#" })
  }

  @Test("parts without a chosen cell go, corners do not join")
  func parts() {
    var some = region("##.#", "##.#", "..##", "#...")
    some.keep(connectedTo: [0])
    #expect(some.isInside == region("##..", "##..", "....", "....").isInside)

    // A chosen cell that is outside comes in and brings what it touches.
    var other = region("##.#", "##.#", "..##", "#...")
    other.keep(connectedTo: [2])
    #expect(other.isInside == region("####", "##.#", "..##", "....").isInside)
  }

  @Test("holes are filled unless they are large, open or excepted")
  func holes() {
    let ring = region(".####.", ".#..#.", ".####.", "######", "#.##.#", "######")
    var all = ring
    all.fillHoles(except: [], largest: 2)
    #expect(
      all.isInside == region(".####.", ".####.", ".####.", "######", "######", "######").isInside)
    var small = ring
    small.fillHoles(except: [], largest: 1)
    #expect(
      small.isInside == region(".####.", ".#..#.", ".####.", "######", "######", "######").isInside)
    var excepted = ring
    excepted.fillHoles(except: [4 * 6 + 1], largest: 2)
    #expect(
      excepted.isInside
        == region(".####.", ".####.", ".####.", "######", "#.####", "######").isInside)
  }
}
