/// What to do about losses or gradients that are no numbers: found before the step is taken.
///
/// The step is left out and the learning rate is halved; each good step brings it a little back. After
/// three bad steps in a row the training stops.
public struct NonFiniteGuard: Codable, Equatable, Sendable {
  /// The present factor on the learning rate, 0 to 1.
  public private(set) var learningRateFactor = 1.0
  /// Bad steps in a row.
  public private(set) var badInARow = 0
  /// Bad steps in all.
  public private(set) var badSteps = 0

  /// How many bad steps in a row stop the training.
  public static let limit = 3
  /// The factor of one good step; back to the full rate after some 70 good steps.
  private static let recovery = 1.01

  /// Starts with the full learning rate.
  public init() {}

  /// What the caller does.
  public enum Verdict: Equatable, Sendable {
    /// Take the step.
    case take
    /// Leave the step out.
    case skip
    /// Stop the training.
    case stop
  }

  /// Judges a step.
  ///
  /// - Parameter isFinite: Whether losses and gradients are numbers.
  /// - Returns: What to do.
  public mutating func judge(isFinite: Bool) -> Verdict {
    if isFinite {
      badInARow = 0
      learningRateFactor = min(1, learningRateFactor * Self.recovery)
      return .take
    }
    badInARow += 1
    badSteps += 1
    learningRateFactor /= 2
    return badInARow >= Self.limit ? .stop : .skip
  }
}
