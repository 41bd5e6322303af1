import DINOData
import Testing

@Suite("Random numbers by place")
struct ViewRandomTests {
  private func numbers(_ random: ViewRandom) -> [UInt64] {
    var random = random
    return (0..<4).map { _ in random.next() }
  }

  @Test("are a function of seed, purpose and place")
  func areAFunction() {
    let all = [
      numbers(ViewRandom(seed: 1, .crops, 5, 0)), numbers(ViewRandom(seed: 1, .crops, 5, 1)),
      numbers(ViewRandom(seed: 1, .crops, 0, 5)), numbers(ViewRandom(seed: 1, .crops, 5)),
      numbers(ViewRandom(seed: 1, .masks, 5, 0)), numbers(ViewRandom(seed: 2, .crops, 5, 0)),
    ]
    #expect(Set(all).count == all.count)
    #expect(numbers(ViewRandom(seed: 1, .crops, 5, 0)) == all[0])
  }

  @Test("never change, so that old runs can be continued")
  func neverChange() {
    var random = ViewRandom(seed: 42, .crops, 7, 1)
    #expect(random.next() == 2_298_750_798_810_642_136)
  }

  @Test("are spread evenly, also between neighbouring places")
  func areEven() {
    var bins = [Int](repeating: 0, count: 10)
    for place in 0..<20_000 {
      var random = ViewRandom(seed: 0, .crops, place)
      bins[Int(random.uniform(0, 10))] += 1
    }
    // Six standard deviations of a binomial distribution.
    for bin in bins { #expect(abs(bin - 2_000) < 255) }
  }
}
