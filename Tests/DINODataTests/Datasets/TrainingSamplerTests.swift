import DINOData
import Testing

@Suite("Order of training images")
struct TrainingSamplerTests {
  @Test("has every image once in each pass", arguments: [1, 2, 3, 7, 100, 1_000, 1_025, 6_600])
  func isComplete(count: Int) {
    let sampler = TrainingSampler(count: count, seed: 11)
    for pass in 0..<3 {
      let images = (0..<count).map { sampler[pass * count + $0] }
      #expect(images.sorted() == Array(0..<count))
    }
  }

  @Test("differs between passes and between seeds, and is the same when asked again")
  func differs() {
    let (sampler, other) = (
      TrainingSampler(count: 500, seed: 1), TrainingSampler(count: 500, seed: 2)
    )
    let first = (0..<500).map { sampler[$0] }
    #expect((0..<500).map { sampler[500 + $0] } != first)
    #expect((0..<500).map { other[$0] } != first)
    #expect((0..<500).reversed().map { sampler[$0] } == first.reversed())
    #expect(first != first.sorted())
  }

  @Test("is shared by processes without a gap, across the end of a pass", arguments: [1, 2, 3, 8])
  func isShared(worldSize: Int) {
    let whole = TrainingSampler(count: 101, seed: 5)
    let ranks = (0..<worldSize).map {
      TrainingSampler(count: 101, seed: 5, rank: $0, worldSize: worldSize)
    }
    for position in 0..<150 {
      for (rank, sampler) in ranks.enumerated() {
        #expect(sampler[position] == whole[position * worldSize + rank])
      }
    }
  }

  @Test("puts every image everywhere equally often")
  func isUniform() {
    // Chi-squared of the table of images and places, 24 free squares of 25; 70 is far beyond chance.
    let passes = 5_000
    var table = [Int](repeating: 0, count: 25)
    let sampler = TrainingSampler(count: 5, seed: 77)
    for pass in 0..<passes {
      for place in 0..<5 { table[5 * place + sampler[5 * pass + place]] += 1 }
    }
    let expected = Double(passes) / 5
    let sum = table.reduce(0.0) {
      $0 + (Double($1) - expected) * (Double($1) - expected) / expected
    }
    #expect(sum < 70)
  }

  @Test("reaches far positions of large sets at once")
  func reachesFar() {
    let sampler = TrainingSampler(count: 142_000_000, seed: 3)
    let images = (0..<1_000).map { sampler[4_000_000_000 + $0] }
    #expect(images.allSatisfy { (0..<142_000_000).contains($0) })
    #expect(Set(images).count == 1_000)
  }

  @Test("names each replacement once, without the image itself")
  func namesReplacements() {
    let sampler = TrainingSampler(count: 9, seed: 4)
    for position in 0..<30 {
      let others = sampler.replacements(at: position, limit: 64)
      #expect(Set(others + [sampler[position]]) == Set(0..<9))
      #expect(others.count == 8)
    }
    #expect(TrainingSampler(count: 1, seed: 4).replacements(at: 0, limit: 64).isEmpty)
  }
}
