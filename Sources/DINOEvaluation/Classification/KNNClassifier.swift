public import Torch

/// Classification by the nearest training features.
///
/// Features are scaled to unit length. The `max(k)` nearest training features by inner product vote
/// with the weights `softmax(similarity / T)` over all of them; for each k the votes of the first k
/// are summed and not normalised again.
///
/// Source: Wu et al., 2018, section 3.4; Oquab et al., 2023, section 7.1, with the released code's
/// softmax over all neighbours.
public final class KNNClassifier {
  /// The numbers of neighbours.
  public let counts: [Int]
  private let features: Tensor
  private let labels: Tensor
  private let classes: Int
  private let temperature: Double

  /// Remembers training features.
  ///
  /// - Parameters:
  ///   - features: `[N, D]`, of any length.
  ///   - labels: The class index of each, below `classes`.
  ///   - classes: The number of classes.
  ///   - counts: Numbers of neighbours; those above `N` count as `N`.
  ///   - temperature: `T`; smaller gives near neighbours more weight.
  /// - Throws: `TorchError` if there is no feature, or not one label for each.
  public init(
    features: Tensor, labels: [Int], classes: Int, counts: [Int] = [10, 20, 100, 200],
    temperature: Double = 0.07
  ) throws(TorchError) {
    let (n, _) = try features.shape2()
    guard n > 0, n == labels.count, labels.allSatisfy({ (0..<classes).contains($0) }) else {
      throw TorchError(
        "knn", "\(labels.count) labels for \(n) features in \(classes) classes")
    }
    self.features = try features.to(dtype: .float32).normalized()
    self.labels = try Tensor(labels.map(Int64.init))
    self.classes = classes
    self.counts = counts.filter { $0 > 0 }
    self.temperature = temperature
  }

  /// The votes of the neighbours.
  ///
  /// - Parameter queries: Features, `[M, D]`, of any length.
  /// - Returns: For each of ``counts`` the votes of each class, `[M, classes]`.
  /// - Throws: `TorchError` if the width does not fit.
  public func votes(_ queries: Tensor) throws(TorchError) -> [Tensor] {
    try withoutGradient { () throws(TorchError) in
      let n = try features.size(0)
      let largest = Swift.min(counts.max() ?? 1, n)
      let similarities = try queries.to(dtype: .float32).normalized()
        .matmul(features.transpose(0, 1))  // [M, N]
      let nearest = try similarities.topK(largest, dim: 1)
      let weights = try (nearest.values / temperature).softmax(dim: 1)  // [M, largest]
      let m = try queries.size(0)
      let classOf = try labels.selecting(nearest.indices.flatten(), dim: 0).reshape(m, largest)
      return try counts.map { count throws(TorchError) in
        let first = 0..<Swift.min(count, largest)
        return try Tensor.zeros([m, classes]).scatterAdding(
          weights.narrow(dim: 1, first), at: classOf.narrow(dim: 1, first), dim: 1)
      }
    }
  }

  /// The classes of queries, best first.
  ///
  /// - Parameter queries: Features, `[M, D]`, of any length.
  /// - Returns: For each of ``counts`` the ranking of all queries.
  /// - Throws: `TorchError` if the width does not fit.
  public func rankings(_ queries: Tensor) throws(TorchError) -> [ClassRanking] {
    var rankings = counts.map { _ in ClassRanking(classes: classes) }
    let m = try queries.size(0)
    // Similarities to all training features at once would not fit for many queries.
    for start in stride(from: 0, to: m, by: Self.chunk) {
      let part = start..<Swift.min(start + Self.chunk, m)
      for (index, votes) in try votes(queries.narrow(dim: 0, part)).enumerated() {
        try rankings[index].append(votes)
      }
    }
    return rankings
  }

  /// The accuracies on labelled queries.
  ///
  /// - Parameters:
  ///   - queries: Features, `[M, D]`.
  ///   - labels: The class index of each.
  /// - Returns: One accuracy for each of ``counts``.
  /// - Throws: `TorchError` if the width does not fit or there is not one label for each query.
  public func accuracies(
    _ queries: Tensor, labels: [Int]
  ) throws(TorchError) -> [(count: Int, accuracy: Accuracy)] {
    let accuracies = try rankings(queries).map { ranking throws(TorchError) in
      try ranking.accuracy(labels)
    }
    return zip(counts, accuracies).map { ($0, $1) }
  }

  private static let chunk = 4096
}
