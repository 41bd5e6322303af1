import Telemetry
import Testing

@Suite("RateEstimator")
struct RateEstimatorTests {
  @Test("a steady rate is found from the first observation on")
  func steady() throws {
    var estimator = RateEstimator(at: .zero)

    for step in 1...50 {
      estimator.add(3, at: .milliseconds(100 * step))

      #expect(abs(try #require(estimator.perSecond) - 30) < 1e-6)
    }
  }

  @Test("nothing is known before time passes, and joined calls lose nothing")
  func joined() {
    var estimator = RateEstimator(at: .zero)

    for _ in 0..<9 { estimator.add(1, at: .milliseconds(1)) }
    #expect(estimator.perSecond == nil)
    estimator.add(1, at: .milliseconds(1_000))

    #expect(estimator.perSecond == 10)
  }

  @Test("a new rate is taken over within some seconds, not at once")
  func smooth() throws {
    var estimator = RateEstimator(at: .zero)
    for second in 1...30 { estimator.add(10, at: .seconds(second)) }

    estimator.add(110, at: .seconds(31))
    let soon = try #require(estimator.perSecond)
    for second in 32...60 { estimator.add(110, at: .seconds(second)) }
    let later = try #require(estimator.perSecond)

    #expect((20...40).contains(soon))
    #expect((108...110).contains(later))
  }

  @Test("a clock reading that comes late changes nothing")
  func lateReading() {
    var estimator = RateEstimator(at: .zero)
    estimator.add(10, at: .seconds(1))

    estimator.add(0, at: .milliseconds(500))

    #expect(estimator.perSecond == 10)
  }
}
