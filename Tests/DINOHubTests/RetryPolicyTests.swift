import Testing

@testable import DINOHub

@Suite("RetryPolicy")
struct RetryPolicyTests {
  @Test("the time doubles and ends at the limit")
  func doubles() {
    let policy = RetryPolicy()

    let delays = (1...9).map { policy.delay(after: $0, asked: nil, jitter: 0.5) }

    #expect(delays.prefix(4) == [.seconds(0.5), .seconds(1), .seconds(2), .seconds(4)])
    #expect(delays.suffix(2) == [.seconds(30), .seconds(30)])
  }

  @Test("chance moves it by a quarter")
  func jitter() {
    let policy = RetryPolicy()

    #expect(policy.delay(after: 1, asked: nil, jitter: 0) == .seconds(0.375))
    #expect(policy.delay(after: 1, asked: nil, jitter: 1) == .seconds(0.625))
  }

  @Test("what the server asks for counts, up to the limit")
  func asked() {
    let policy = RetryPolicy()

    #expect(policy.delay(after: 1, asked: .seconds(7), jitter: 0.5) == .seconds(7))
    #expect(policy.delay(after: 1, asked: .seconds(900), jitter: 0.5) == .seconds(30))
  }
}
