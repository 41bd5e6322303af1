/// How long the stages of a step took, in seconds.
public struct StageSeconds: Equatable, Sendable {
  /// The teacher's pass and its targets.
  public var teacher = 0.0
  /// The student's passes and the losses.
  public var student = 0.0
  /// The way back.
  public var backward = 0.0
  /// Clipping, the optimiser, and the teacher's move.
  public var update = 0.0

  /// Creates stages that took no time.
  public init() {}

  /// Runs a stage and adds its time.
  mutating func time<Result, Failure: Error>(
    _ stage: WritableKeyPath<StageSeconds, Double>, _ body: () throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let clock = ContinuousClock()
    let start = clock.now
    defer { self[keyPath: stage] += start.duration(to: clock.now).seconds }
    return try body()
  }
}

extension Duration {
  /// The length in seconds.
  var seconds: Double {
    let (seconds, attoseconds) = components
    return Double(seconds) + Double(attoseconds) * 1e-18
  }
}
