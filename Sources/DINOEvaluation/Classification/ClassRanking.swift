public import Torch

/// The best classes of each query, best first, and every accuracy that follows from them.
///
/// Source: `dinov2.eval.metrics`, whose averages are those of torchmetrics; Beyer et al., 2020, for
/// queries with several right classes.
public struct ClassRanking: Sendable, Equatable {
  /// How many classes of a query are kept.
  public let depth: Int
  /// The number of classes.
  public let classes: Int
  /// The class indices, query by query, best first: `[M, depth]`.
  public private(set) var best: [Int] = []

  /// The number of queries.
  public var count: Int { best.count / depth }

  /// Creates a ranking without queries.
  ///
  /// - Parameters:
  ///   - classes: The number of classes, at least 1.
  ///   - depth: How many classes of a query are kept; at most `classes` are.
  /// - Precondition: `classes` and `depth` are positive.
  public init(classes: Int, depth: Int = 5) {
    precondition(classes > 0 && depth > 0, "a ranking of no classes")
    self.classes = classes
    self.depth = min(depth, classes)
  }

  /// Ranks the classes of some queries.
  ///
  /// - Parameters:
  ///   - scores: One score per class, `[M, classes]`.
  ///   - depth: How many classes of a query are kept.
  /// - Throws: `TorchError` if the scores are no matrix with a column.
  public init(_ scores: Tensor, depth: Int = 5) throws(TorchError) {
    let (_, classes) = try scores.shape2()
    guard classes > 0, depth > 0 else {
      throw TorchError("ranking", "no class to rank", operands: [scores.typeDescription])
    }
    self.init(classes: classes, depth: depth)
    try append(scores)
  }

  /// Ranks the classes of more queries.
  ///
  /// - Parameter scores: One score per class, `[M, classes]`.
  /// - Throws: `TorchError` if the number of classes differs.
  public mutating func append(_ scores: Tensor) throws(TorchError) {
    let (_, width) = try scores.shape2()
    guard width == classes else {
      throw TorchError("ranking", "\(width) scores a row for \(classes) classes")
    }
    best += try scores.topK(depth, dim: 1).indices.array(of: Int64.self).map { Int($0) }
  }

  /// The classes of a query, best first.
  ///
  /// - Parameter query: The row.
  /// - Returns: ``depth`` class indices.
  public func choices(of query: Int) -> ArraySlice<Int> {
    best[query * depth..<(query + 1) * depth]
  }

  /// Whether the right class of each query is among the best.
  ///
  /// - Parameters:
  ///   - labels: The right class of each query.
  ///   - k: How many of the best count.
  /// - Returns: One truth value per query.
  /// - Throws: `TorchError` if there is not one label for each query.
  public func hits(_ labels: [Int], k: Int = 1) throws(TorchError) -> [Bool] {
    try check(labels.count)
    return labels.enumerated().map { choices(of: $0).prefix(k).contains($1) }
  }

  /// The accuracy over all queries; 0 if there are none.
  ///
  /// - Parameter labels: The right class of each query.
  /// - Returns: Shares of 0 to 1.
  /// - Throws: `TorchError` if there is not one label for each query.
  public func accuracy(_ labels: [Int]) throws(TorchError) -> Accuracy {
    Accuracy(top1: share(try hits(labels)), top5: share(try hits(labels, k: 5)))
  }

  /// The accuracy on the queries of each class; 0 for a class without any.
  ///
  /// - Parameter labels: The right class of each query, below ``classes``.
  /// - Returns: One accuracy per class.
  /// - Throws: `TorchError` if there is not one label for each query or one names no class.
  public func accuracyPerClass(_ labels: [Int]) throws(TorchError) -> [Accuracy] {
    try check(labels.count)
    guard labels.allSatisfy({ (0..<classes).contains($0) }) else {
      throw TorchError("accuracy", "a label is not below the number of classes, \(classes)")
    }
    var (queries, first, among) = (zeros, zeros, zeros)
    for (query, label) in labels.enumerated() {
      let choices = choices(of: query)
      queries[label] += 1
      if choices.first == label { first[label] += 1 }
      if choices.prefix(5).contains(label) { among[label] += 1 }
    }
    return (0..<classes).map { index in
      let count = Double(max(queries[index], 1))
      return Accuracy(top1: Double(first[index]) / count, top5: Double(among[index]) / count)
    }
  }

  /// The mean of the classes' accuracies, so that frequent classes count no more than rare ones.
  ///
  /// A class counts for the first choice if it is some query's label or first choice, for the best
  /// five if it is some query's label: torchmetrics' rule.
  ///
  /// - Parameter labels: The right class of each query, below ``classes``.
  /// - Returns: Shares of 0 to 1; 0 if there are no queries.
  /// - Throws: `TorchError` if there is not one label for each query or one names no class.
  public func meanPerClassAccuracy(_ labels: [Int]) throws(TorchError) -> Accuracy {
    let perClass = try accuracyPerClass(labels)
    let labelled = Set(labels)
    let predicted = labelled.union((0..<count).compactMap { choices(of: $0).first })
    // In the order of the classes: the sum must not depend on a set's order.
    return Accuracy(
      top1: mean(predicted.sorted().map { perClass[$0].top1 }),
      top5: mean(labelled.sorted().map { perClass[$0].top5 }))
  }

  /// The accuracy where a query may have several right classes.
  ///
  /// A hit is any of the best that is right; queries without a right class do not count. NaN if no
  /// query has one.
  ///
  /// Source: Beyer et al., 2020 (ReaL).
  ///
  /// - Parameter labels: The right classes of each query; negative ones are padding.
  /// - Returns: Shares of 0 to 1, or NaN.
  /// - Throws: `TorchError` if there is not one list for each query.
  public func accuracy(amongAll labels: [[Int]]) throws(TorchError) -> Accuracy {
    try check(labels.count)
    var (queries, first, among) = (0, 0, 0)
    for (query, label) in labels.enumerated() {
      let right = label.filter { $0 >= 0 }
      guard !right.isEmpty else { continue }
      let choices = choices(of: query).prefix(5)
      queries += 1
      if choices.prefix(1).contains(where: right.contains) { first += 1 }
      if choices.contains(where: right.contains) { among += 1 }
    }
    return Accuracy(
      top1: Double(first) / Double(queries), top5: Double(among) / Double(queries))
  }

  private var zeros: [Int] { [Int](repeating: 0, count: classes) }

  private func check(_ labels: Int) throws(TorchError) {
    guard labels == count else {
      throw TorchError("accuracy", "\(labels) labels for \(count) queries")
    }
  }

  private func share(_ hits: [Bool]) -> Double {
    Double(hits.count { $0 }) / Double(max(hits.count, 1))
  }

  private func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(max(values.count, 1))
  }
}
