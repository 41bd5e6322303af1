/// How often the right class is among the best.
public struct Accuracy: Equatable, Sendable {
  /// The share of queries whose best class is right, 0 to 1.
  public var top1: Double
  /// The share of queries whose right class is among the best five, 0 to 1.
  public var top5: Double

  /// Creates an accuracy.
  public init(top1: Double, top5: Double) {
    self.top1 = top1
    self.top5 = top5
  }
}
