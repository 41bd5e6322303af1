internal import Torch

/// The losses of one step.
public struct StepLosses: Equatable, Sendable {
  /// Local crops against both teacher views, scaled by the number of pairs.
  public var dinoLocal = 0.0
  /// Global crops against each other, scaled by the number of pairs.
  public var dinoGlobal = 0.0
  /// KoLeo, the sum over both views, unweighted.
  public var koleo = 0.0
  /// The patch-level loss, unweighted.
  public var ibot = 0.0
  /// What is differentiated: the weighted sum.
  public var total = 0.0
  /// What the teacher's targets look like.
  public var targets = TargetStatistics()

  /// Creates losses of 0.
  public init() {}

  /// Whether every part is a number.
  public var isFinite: Bool {
    [dinoLocal, dinoGlobal, koleo, ibot, total].allSatisfy(\.isFinite)
  }

  /// Adds the losses of another part of the batch.
  mutating func add(_ other: StepLosses) {
    dinoLocal += other.dinoLocal
    dinoGlobal += other.dinoGlobal
    koleo += other.koleo
    ibot += other.ibot
    total += other.total
  }
}

/// What a batch of teacher targets looks like; points to collapse before the loss does.
public struct TargetStatistics: Equatable, Sendable {
  /// Mean entropy of the class targets, in nats: 0 is one prototype each, ln K is uniform.
  public var entropy = 0.0
  /// Entropy of the mean class target, in nats: 0 is the same prototype for every image.
  public var spread = 0.0
  /// The share of prototypes that are some image's first choice, among as many as could be.
  public var prototypeUse = 0.0

  /// Creates statistics of nothing.
  public init() {}
}

extension TargetStatistics {
  /// Measures class targets, `[B, K]`.
  init(_ classes: Tensor) throws(TorchError) {
    self.init()
    let (b, k) = try classes.shape2()
    entropy = try Self.entropies(classes).mean().item()
    spread = try Self.entropies(classes.mean(dim: 0, keepDim: true)).item()
    let chosen = Set(try classes.argmax(dim: 1).array(of: Int64.self))
    prototypeUse = Double(chosen.count) / Double(Swift.min(b, k))
  }

  private static func entropies(_ rows: Tensor) throws(TorchError) -> Tensor {
    try -(rows * rows.clamped(from: 1e-30).log()).sum(dim: -1)
  }
}
