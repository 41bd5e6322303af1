/// How often and after what time a failed transfer is tried again.
public struct RetryPolicy: Sendable, Equatable {
  /// How many tries in a row may fail; one that brought a megabyte or more begins a new row.
  public var maxFailures = 5
  /// The time before the second try; it doubles with each failure.
  public var firstDelay: Duration = .milliseconds(500)
  /// The longest time between two tries, also if the server asks for more.
  public var maxDelay: Duration = .seconds(30)

  /// Creates the policy with its defaults: five tries within about eight seconds of waiting.
  public init() {}

  /// Bytes that make a try count as a success, so that a long download over a bad line can end, but a
  /// server that sends a few bytes each time cannot hold a program for ever.
  static let progressThatCounts = 1_000_000

  /// The time to wait after a failure.
  ///
  /// - Parameters:
  ///   - failures: How many tries in a row have failed, from 1.
  ///   - asked: What the server asked for in `Retry-After`.
  ///   - jitter: A random number from 0 to 1, which keeps many clients from coming back together.
  /// - Returns: A time of at most ``maxDelay``.
  func delay(after failures: Int, asked: Duration?, jitter: Double) -> Duration {
    var delay = firstDelay
    for _ in 1..<max(failures, 1) where delay < maxDelay { delay *= 2 }
    return min(max(delay * (0.75 + 0.5 * jitter), asked ?? .zero), maxDelay)
  }
}
