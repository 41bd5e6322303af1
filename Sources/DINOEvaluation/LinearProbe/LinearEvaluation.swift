public import Torch

/// Trains the grid of linear classifiers on kept features and chooses the best.
///
/// The best classifier is the first with the highest top-1 on the selection rows; another set of rows
/// then tells how good it is. (The original chooses and reports on the same rows; pass them as
/// selection rows to do so.)
public struct LinearEvaluation {
  /// Images of a step.
  public var batch = 128
  /// Steps; the original takes 12,500.
  public var iterations = 12_500
  /// The classifiers' inputs.
  public var inputs = LinearProbeInput.standard
  /// The base learning rates, for a batch of 256.
  public var rates = LinearProbeHead.standardRates
  /// The seed of first weights and of the order of the rows.
  public var seed: UInt64 = 0

  /// Creates an evaluation with the original's settings.
  public init() {}

  /// Rows of tokens with classes.
  public struct Rows {
    /// `[N, (L + 1) · D]` as ``LinearProbeInput/rows(_:)`` gives them.
    public let tokens: Tensor
    /// The class index of each row.
    public let labels: [Int]

    /// Puts tokens and labels together.
    public init(_ tokens: Tensor, _ labels: [Int]) {
      self.tokens = tokens
      self.labels = labels
    }
  }

  /// What came out.
  public struct Result: Sendable {
    /// The accuracy of every classifier on the selection rows, in the order of the grid.
    public let selection: [(head: LinearProbeHead, accuracy: Accuracy)]
    /// The position of the best classifier.
    public let best: Int
    /// The best classifier.
    public var head: LinearProbeHead { selection[best].head }
    /// What the best classifier says about the reported rows.
    public let ranking: ClassRanking
  }

  /// Trains, chooses and reports.
  ///
  /// - Parameters:
  ///   - train: Rows to train on.
  ///   - selection: Rows to choose on.
  ///   - report: Rows that the chosen classifier is measured on.
  ///   - layers: How many blocks a row has.
  ///   - classes: The number of classes.
  ///   - progress: Called after each step with the sum of the losses.
  /// - Returns: What came out.
  /// - Throws: `TorchError` if a shape or a label does not fit.
  public func callAsFunction(
    train: Rows, selection: Rows, report: Rows, layers: Int, classes: Int,
    progress: (Int, Double) -> Void = { _, _ in }
  ) throws(TorchError) -> Result {
    let grid = try self.grid(train: train, layers: layers, classes: classes, progress: progress)
    let accuracies = try rankings(grid, selection.tokens, of: Array(grid.heads.indices))
      .map { ranking throws(TorchError) in try ranking.accuracy(selection.labels) }
    var best = 0
    for index in accuracies.indices where accuracies[index].top1 > accuracies[best].top1 {
      best = index
    }
    let ranking = try rankings(grid, report.tokens, of: [best])[0]
    return Result(
      selection: zip(grid.heads, accuracies).map { ($0, $1) }, best: best, ranking: ranking)
  }

  /// Trains all classifiers of the grid.
  ///
  /// - Parameters:
  ///   - train: Rows to train on.
  ///   - layers: How many blocks a row has.
  ///   - classes: The number of classes.
  ///   - progress: Called after each step with the sum of the losses.
  /// - Returns: The classifiers.
  /// - Throws: `TorchError` if a shape or a label does not fit.
  func grid(
    train: Rows, layers: Int, classes: Int, progress: (Int, Double) -> Void
  ) throws(TorchError) -> LinearProbeGrid {
    let (n, width) = try train.tokens.shape2()
    guard n > 0, n == train.labels.count, batch > 0, layers > 0, width % (layers + 1) == 0 else {
      throw TorchError(
        "linear_evaluation", "\(n) rows of \(width) values, batch \(batch), \(layers) blocks")
    }
    let generator = try Generator(seed: seed)
    let heads = LinearProbeHead.grid(inputs: inputs, rates: rates, batch: batch)
    let grid = try LinearProbeGrid(
      heads, classes: classes, layers: layers, embedDim: width / (layers + 1),
      iterations: iterations, generator: generator)
    var order: [Int] = []
    for iteration in 0..<iterations {
      while order.count < batch {
        order += try Tensor.randperm(n, generator: generator).array(of: Int64.self).map { Int($0) }
      }
      let chosen = Array(order.prefix(batch))
      order.removeFirst(batch)
      let loss = try grid.step(
        train.tokens.selecting(chosen, dim: 0), labels: chosen.map { train.labels[$0] })
      progress(iteration + 1, loss)
    }
    return grid
  }

  /// What chosen heads say about rows, a part of the rows at a time.
  func rankings(
    _ grid: LinearProbeGrid, _ tokens: Tensor, of chosen: [Int]
  ) throws(TorchError) -> [ClassRanking] {
    var rankings = chosen.map { _ in ClassRanking(classes: grid.classes) }
    let count = try tokens.size(0)
    for start in stride(from: 0, to: count, by: Self.chunk) {
      let part = start..<Swift.min(start + Self.chunk, count)
      let logits = try grid.logits(tokens.narrow(dim: 0, part))
      for (position, head) in chosen.enumerated() { try rankings[position].append(logits[head]) }
    }
    return rankings
  }

  private static let chunk = 1024
}
