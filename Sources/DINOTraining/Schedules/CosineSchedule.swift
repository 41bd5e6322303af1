internal import Foundation

/// A line up to a value, then a half cosine down (or up) to another; a pure function of the step.
///
/// Steps `0 ..< frozen` give 0; the next `warmup` steps are evenly spaced from `warmupStart` to
/// `base`, both included; the rest follows `final + ½(base − final)(1 + cos(πi/n))` for `i = 0 ..< n`,
/// so that `base` comes twice after a warm-up and `final` is reached one step past the end.
///
/// Source: `CosineScheduler` in `dinov2/utils/utils.py`.
public struct CosineSchedule: Equatable, Sendable {
  /// The value after the warm-up.
  public let base: Double
  /// The value at and past the end.
  public let final: Double
  /// The number of steps.
  public let total: Int
  /// The number of steps of the line.
  public let warmup: Int
  /// The value that the line starts from.
  public let warmupStart: Double
  /// The number of steps at 0 before everything else.
  public let frozen: Int

  /// Creates a schedule.
  ///
  /// - Parameters:
  ///   - base: The value after the warm-up.
  ///   - final: The value at and past the end.
  ///   - total: The number of steps.
  ///   - warmup: The number of steps of the line.
  ///   - warmupStart: The value that the line starts from.
  ///   - frozen: The number of steps at 0 before everything else.
  public init(
    from base: Double, to final: Double, total: Int, warmup: Int = 0, warmupStart: Double = 0,
    frozen: Int = 0
  ) {
    self.base = base
    self.final = final
    self.total = total
    self.warmup = warmup
    self.warmupStart = warmupStart
    self.frozen = frozen
  }

  /// The value of a step.
  ///
  /// - Parameter step: The step, from 0; past the end the final value is given.
  public subscript(step: Int) -> Double {
    guard step < total else { return final }
    if step < frozen { return 0 }
    let risen = step - frozen
    if risen < warmup {
      guard risen > 0 else { return warmupStart }
      let slope = (base - warmupStart) / Double(warmup - 1)
      // The last value is exact, not a rounded sum.
      return risen == warmup - 1 ? base : warmupStart + Double(risen) * slope
    }
    let (i, n) = (Double(risen - warmup), Double(total - warmup - frozen))
    return final + 0.5 * (base - final) * (1 + cos(.pi * i / n))
  }
}
