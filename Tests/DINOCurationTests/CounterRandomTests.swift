import DINOCuration
import Testing

@Suite("CounterRandom")
struct CounterRandomTests {
  /// Known answers of the authors' own test vectors for philox4x32-10.
  @Test("gives the published numbers")
  func knownAnswers() {
    let zero = CounterRandom(seed: 0, stream: 0)
    #expect(zero[0] == 0xE169_C58D_6627_E8D5)
    #expect(zero[1] == 0x9B00_DBD8_BC57_AC4C)

    let ones = CounterRandom.philox(
      counter: SIMD4(repeating: .max), key: SIMD2(repeating: .max))
    #expect(ones == SIMD4(0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD))
    let digits = CounterRandom.philox(
      counter: SIMD4(0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344),
      key: SIMD2(0xA409_3822, 0x299F_31D0))
    #expect(digits == SIMD4(0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1))
  }

  @Test("draws the same from any place")
  func isAFunctionOfItsPlace() {
    var sequential = CounterRandom(seed: 5, stream: 9)
    let drawn = (0..<100).map { _ in sequential.next() }
    let random = CounterRandom(seed: 5, stream: 9)

    #expect((0..<100).reversed().map { random[UInt64($0)] } == drawn.reversed())
    #expect(CounterRandom(seed: 5, stream: 10)[3] != drawn[3])
    #expect(CounterRandom(seed: 6, stream: 9)[3] != drawn[3])
  }

  @Test("draws uniform numbers inside the open interval")
  func uniforms() {
    let random = CounterRandom(seed: 1, stream: 1)
    let drawn = (0..<20_000).map { random.uniform(at: $0) }

    #expect(drawn.allSatisfy { $0 > 0 && $0 < 1 })
    let mean = drawn.reduce(0, +) / 20_000
    #expect(abs(mean - 0.5) < 0.01)  // five standard deviations
  }

  @Test("draws integers evenly")
  func integers() {
    var random = CounterRandom(seed: 1, stream: 2)
    var counts = [Int](repeating: 0, count: 7)
    for _ in 0..<70_000 { counts[random.integer(below: 7)] += 1 }

    #expect(counts.allSatisfy { abs($0 - 10_000) < 500 })
    let trivial = [random.integer(below: 1), random.integer(below: 0)]
    #expect(trivial == [0, 0])
  }

  @Test("chooses distinct elements, each as often")
  func choosing() {
    var random = CounterRandom(seed: 1, stream: 3)
    var counts = [Int](repeating: 0, count: 10)
    for _ in 0..<10_000 {
      let chosen = random.choose(3, of: Array(0..<10))
      #expect(Set(chosen).count == 3)
      for element in chosen { counts[element] += 1 }
    }

    #expect(counts.allSatisfy { abs($0 - 3000) < 250 })
    let all = random.choose(20, of: [1, 2]).sorted()
    let none = random.choose(2, of: []) + random.choose(-1, of: [1])
    #expect(all == [1, 2])
    #expect(none.isEmpty)
  }
}
