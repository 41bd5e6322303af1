public import Torch

/// Rows of a training set, drawn as the original draws them.
///
/// The draws are `randperm` of PyTorch's generator, so that equal seeds choose the rows of the
/// original.
public enum TrainingSubset {
  /// A part that is held out to choose settings on, and the rest.
  ///
  /// Source: `dinov2.eval.log_regression`, a tenth with seed 0.
  ///
  /// - Parameters:
  ///   - count: The number of rows, at least 2.
  ///   - share: The share that is held out, above 0 and below 1; at least one row is.
  ///   - seed: The seed.
  /// - Returns: Row numbers, in the drawn order.
  /// - Throws: `TorchError` if there are fewer than two rows or the share is out of range.
  public static func holdOut(
    of count: Int, share: Double = 0.1, seed: UInt64 = 0
  ) throws(TorchError) -> (kept: [Int], heldOut: [Int]) {
    guard count > 1, share > 0, share < 1 else {
      throw TorchError("hold_out", "a share of \(share) cannot be held out of \(count) rows")
    }
    let held = min(max(Int(Double(count) * share), 1), count - 1)
    let order = try Tensor.randperm(count, generator: Generator(seed: seed))
      .array(of: Int64.self).map { Int($0) }
    return (kept: Array(order[held...]), heldOut: Array(order[..<held]))
  }

  /// A few rows of each class.
  ///
  /// Source: `dinov2.eval.knn`, the n-per-class protocol.
  ///
  /// - Parameters:
  ///   - count: Rows of each class; a class with fewer gives all.
  ///   - labels: The class of each row.
  ///   - seed: The seed.
  /// - Returns: Row numbers, class by class in ascending order.
  /// - Throws: `TorchError` if `count` is not positive.
  public static func fewShot(
    _ count: Int, labels: [Int], seed: UInt64
  ) throws(TorchError) -> [Int] {
    guard count > 0 else { throw TorchError("few_shot", "\(count) rows of each class") }
    let generator = try Generator(seed: seed)
    var rows: [Int: [Int]] = [:]
    for (row, label) in labels.enumerated() { rows[label, default: []].append(row) }
    var chosen: [Int] = []
    for label in rows.keys.sorted() {
      let members = rows[label] ?? []
      let order = try Tensor.randperm(members.count, generator: generator).array(of: Int64.self)
      chosen += order.prefix(count).map { members[Int($0)] }
    }
    return chosen
  }

  /// Numbers of neighbours that are no larger than the number of rows of a class.
  ///
  /// - Parameters:
  ///   - counts: The numbers asked for.
  ///   - shots: Rows of each class.
  /// - Returns: Ascending, each once.
  public static func neighbourCounts(_ counts: [Int], shots: Int) -> [Int] {
    Set(counts.map { min($0, shots) }).sorted()
  }
}
