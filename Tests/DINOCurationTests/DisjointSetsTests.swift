import DINOCuration
import Testing

@Suite("DisjointSets")
struct DisjointSetsTests {
  @Test("agrees with a search through the graph", arguments: [UInt64(1), 2, 3])
  func agreesWithSearch(seed: UInt64) {
    var random = CounterRandom(seed: seed, stream: 1)
    let count = 60
    let edges = (0..<40).map { _ in (random.integer(below: count), random.integer(below: count)) }
    var sets = DisjointSets(count: count)
    for (one, other) in edges { sets.join(one, other) }

    var labels = Array(0..<count)
    var isChanging = true
    while isChanging {
      isChanging = false
      for (one, other) in edges where labels[one] != labels[other] {
        let low = min(labels[one], labels[other])
        (labels[one], labels[other]) = (low, low)
        isChanging = true
      }
    }
    let found = sets.labels()

    #expect(found == labels)
    #expect(sets.setCount == Set(labels).count)
  }

  @Test("tells whether a join was one")
  func joins() {
    var sets = DisjointSets(count: 3)
    let joined = [sets.join(0, 2), sets.join(2, 0), sets.join(1, 1)]
    let labels = sets.labels()
    var empty = DisjointSets(count: 0)
    let none = empty.labels()

    #expect(joined == [true, false, false])
    #expect(labels == [0, 1, 0])
    #expect(none.isEmpty)
  }

  @Test("takes a chain of a million without a deep tree")
  func longChain() {
    var sets = DisjointSets(count: 1_000_000)
    for element in 1..<1_000_000 { sets.join(element - 1, element) }
    let labels = sets.labels()

    #expect(sets.setCount == 1)
    #expect(labels.allSatisfy { $0 == 0 })
  }
}
