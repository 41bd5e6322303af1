internal import DINOModels
internal import Torch

/// A linear classifier on the class tokens of some blocks and the mean patch token of the last one, that
/// goes on learning while the backbone does.
///
/// Shapes: `B` images, `L` blocks of width `D`, `K` classes.
final class ClassificationObjective: HeadObjective {
  let parameters: ParameterStore
  let candidates: [[Parameter]]
  let summary: String
  let largestGradient: Double? = nil
  private let weight: Parameter  // [K, (L + 1) · D]
  private let bias: Parameter  // [K]
  private let width: Int
  private var ranking: (hits: Int, count: Int) = (0, 0)

  /// Begins with a classifier.
  ///
  /// - Parameters:
  ///   - weight: `[K, (L + 1) · D]`.
  ///   - bias: `[K]`.
  ///   - width: `D`.
  /// - Throws: `TorchError` if a shape does not fit.
  init(weight: Tensor, bias: Tensor, width: Int) throws(TorchError) {
    let scope = try ParameterScope(seed: 0)
    self.weight = try scope.parameter("weight", weight.shape, .zeros)
    self.bias = try scope.parameter("bias", bias.shape, .zeros)
    try scope.parameterStore.load(["weight": weight, "bias": bias])
    self.width = width
    parameters = scope.parameterStore
    candidates = [[self.weight, self.bias]]
    summary = "linear classification 1, weights \(weight.shape)"
  }

  func accumulate(
    _ examples: [DenseExample], step: Int
  ) throws(TorchError) -> [Double] {
    let logs = try logits(examples).logSoftmax(dim: 1)
    let labels = try Tensor(Self.labels(of: examples).map(Int64.init), [examples.count, 1])
    let loss = try -logs.gather(dim: 1, labels).mean()
    try loss.backward()
    return [try loss.item()]
  }

  func beginScore() { ranking = (0, 0) }

  func addScore(_ examples: [DenseExample]) throws(TorchError) {
    guard !examples.isEmpty else { return }
    let accuracy = try ClassRanking(logits(examples)).accuracy(Self.labels(of: examples))
    ranking.hits += Int((accuracy.top1 * Double(examples.count)).rounded())
    ranking.count += examples.count
  }

  var scores: [Double] { [Double(ranking.hits) / Double(ranking.count)] }

  /// `[B, K]`.
  private func logits(_ examples: [DenseExample]) throws(TorchError) -> Tensor {
    let means = try examples.map { example throws(TorchError) in
      let columns = try example.patches.size(1)
      return try example.patches.narrow(dim: 1, columns - width..<columns)
        .mean(dim: 0, keepDim: true)
    }
    return try Tensor.cat([examples.clsTokens(), .cat(means)], dim: 1)
      .linear(weight: weight.value, bias: bias.value)
  }

  private static func labels(of examples: [DenseExample]) -> [Int] {
    examples.compactMap { if case .imageClass(let label) = $0.target { label } else { nil } }
  }
}
