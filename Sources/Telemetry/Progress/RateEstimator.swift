internal import Glibc

/// A smoothed rate of events per second.
///
/// Counts and times are both weighted by `exp(-age / τ)`; their quotient has no bias at the start,
/// unlike a running mean that begins at zero.
package struct RateEstimator: Sendable {
  /// The age at which an observation counts 1/e, in seconds: slow enough for a steady display, fast
  /// enough to show a change within ten seconds.
  private static let memory = 5.0
  /// Shorter intervals are joined, so that the cost of a call and the grain of the clock do not matter.
  private static let shortest = 0.05

  private var weightedCount = 0.0
  private var weightedSeconds = 0.0
  private var waitingCount = 0.0
  private var last: Duration

  /// Starts to observe.
  package init(at now: Duration) { last = now }

  /// Events per second, `nil` as long as too little was seen.
  package var perSecond: Double? { weightedSeconds > 0 ? weightedCount / weightedSeconds : nil }

  /// Adds events that happened since the last call.
  package mutating func add(_ count: Int, at now: Duration) {
    waitingCount += Double(count)
    let seconds = (now - last).seconds
    guard seconds >= RateEstimator.shortest else { return }
    let decay = exp(-seconds / RateEstimator.memory)
    weightedCount = weightedCount * decay + waitingCount
    weightedSeconds = weightedSeconds * decay + seconds
    waitingCount = 0
    last = now
  }
}

extension Duration {
  /// The duration in seconds.
  var seconds: Double {
    let (whole, attoseconds) = components
    return Double(whole) + Double(attoseconds) * 1e-18
  }
}
