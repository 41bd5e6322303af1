internal import Foundation

/// Watches the teacher's targets for signs of collapse, and says what helps.
///
/// One bad batch means nothing: a sign must stand in the mean over the last ``window`` steps.
public struct CollapseMonitor: Codable, Equatable, Sendable {
  /// The number of steps that are averaged over.
  public static let window = 100

  private var steps = 0
  private var entropy = 0.0
  private var spread = 0.0
  private var koleo = 0.0
  private var warned: Set<Sign> = []

  /// A sign of collapse.
  public enum Sign: String, Codable, Sendable {
    /// All images have the same target.
    case oneTarget
    /// Targets say nothing: all prototypes are alike.
    case uniformTargets
    /// Class tokens of different images coincide.
    case equalFeatures

    /// What it means and what helps, one line.
    public var advice: String {
      switch self {
      case .oneTarget:
        "the teacher gives nearly every image the same target (collapse): use Sinkhorn-Knopp "
          + "(train.centering=sinkhorn_knopp), a lower optim.base_lr, or a larger batch"
      case .uniformTargets:
        "the teacher's targets are nearly uniform and teach nothing: lower teacher.teacher_temp, or "
          + "use fewer prototypes (dino.head_n_prototypes)"
      case .equalFeatures:
        "class tokens of different images nearly coincide: raise dino.koleo_loss_weight, lower "
          + "optim.base_lr, or lengthen optim.warmup_epochs"
      }
    }
  }

  /// Starts to watch.
  public init() {}

  /// Takes in one step.
  ///
  /// - Parameters:
  ///   - losses: The step's losses.
  ///   - prototypes: The number of class prototypes.
  ///   - usesKoLeo: Whether KoLeo was computed.
  /// - Returns: Signs that appear for the first time.
  public mutating func take(
    _ losses: StepLosses, prototypes: Int, usesKoLeo: Bool
  ) -> [Sign] {
    let share = 1 / Double(min(steps + 1, Self.window))
    steps += 1
    entropy += (losses.targets.entropy - entropy) * share
    spread += (losses.targets.spread - spread) * share
    koleo += (losses.koleo / 2 - koleo) * share
    guard steps >= Self.window, prototypes > 1 else { return [] }
    let uniform = log(Double(prototypes))
    var signs: [Sign] = []
    if spread < 0.1 * uniform { signs.append(.oneTarget) }
    if entropy > 0.98 * uniform { signs.append(.uniformTargets) }
    // −ln of a mean distance below 1 % of the unit sphere's radius.
    if usesKoLeo, koleo > 4.6 { signs.append(.equalFeatures) }
    let new = signs.filter { !warned.contains($0) }
    warned.formUnion(new)
    return new
  }
}
