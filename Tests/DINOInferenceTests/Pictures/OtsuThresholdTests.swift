import DINOInference
import Testing

@Suite("OtsuThreshold")
struct OtsuThresholdTests {
  @Test("parts two groups in the middle of the gap")
  func gap() {
    var numbers = PlantedNumbers(seed: 4)
    let values = numbers.next(90).map { $0 - 10 } + numbers.next(30).map { $0 + 10 }

    #expect(abs(OtsuThreshold.of(values)) < 0.5)
  }

  @Test("gives the number itself where all are equal, and 0 for none")
  func degenerate() {
    #expect(OtsuThreshold.of([2, 2, 2]) == 2)
    #expect(OtsuThreshold.of([]) == 0)
  }
}
