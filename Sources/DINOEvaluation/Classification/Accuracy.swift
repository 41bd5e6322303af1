internal import Torch

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

  /// Counts right answers batch by batch.
  struct Counter {
    private var queries = 0
    private var first = 0
    private var among = 0

    /// Counts a batch.
    ///
    /// - Parameters:
    ///   - scores: One score per class, `[M, classes]`.
    ///   - labels: The right class of each row.
    /// - Throws: `TorchError` if there is not one label for each row.
    mutating func add(_ scores: Tensor, labels: [Int]) throws(TorchError) {
      let (m, classes) = try scores.shape2()
      guard m == labels.count else {
        throw TorchError("accuracy", "\(labels.count) labels for \(m) rows of scores")
      }
      let best = try scores.topK(Swift.min(5, classes), dim: 1).indices
      let width = try best.size(1)
      let ranked = try best.array(of: Int64.self)
      for (row, label) in labels.enumerated() {
        let choices = ranked[row * width..<(row + 1) * width]
        if choices.first == Int64(label) { first += 1 }
        if choices.contains(Int64(label)) { among += 1 }
      }
      queries += m
    }

    var accuracy: Accuracy {
      let count = Double(Swift.max(queries, 1))
      return Accuracy(top1: Double(first) / count, top5: Double(among) / count)
    }
  }
}
