public import Torch

/// Ranks a gallery for each query and measures the rankings.
public struct RetrievalMeasurement {
  /// The measures of one task, at one level of difficulty.
  public struct Result {
    /// What the names of its metrics end with: `""`, `coarse`, `hard`.
    public let name: String
    /// The measures.
    public let evaluator: RetrievalEvaluator
  }

  /// The results of all tasks; of one that tells difficulties apart, medium comes first.
  public let results: [Result]
  /// The number of queries that could not be read.
  public let missingQueries: Int

  /// Queries that are ranked together; only memory depends on it.
  private static let chunk = 64

  /// Measures.
  ///
  /// Images of the gallery that could not be read are found by no query; a query that could not be read
  /// is not measured.
  ///
  /// - Parameters:
  ///   - set: The queries and what they should find.
  ///   - query: The descriptors of the set's queries.
  ///   - gallery: The descriptors of the set's gallery.
  ///   - cuts: Where precision and recall are taken.
  /// - Throws: `TorchError` if the widths differ.
  public init(
    _ set: RetrievalSet, query: DescriptorSet, gallery: DescriptorSet, cuts: [Int] = [1, 5, 10]
  ) throws(TorchError) {
    var evaluators: [String: RetrievalEvaluator] = [:]
    var names: [String] = []
    var uses: [Int: [(task: RetrievalSet.Task, truth: RetrievalSet.Truth)]] = [:]
    for task in set.tasks {
      for name in Self.names(of: task) {
        names.append(name)
        evaluators[name] = RetrievalEvaluator(cuts: cuts)
      }
      for (position, truth) in zip(task.queries, task.truths) {
        uses[position, default: []].append((task, truth))
      }
    }
    for start in stride(from: 0, to: query.items.count, by: Self.chunk) {
      let end = min(start + Self.chunk, query.items.count)
      let rankings = try RetrievalEvaluator.rankings(
        of: query.rows.narrow(dim: 0, start..<end), in: gallery.rows)
      for (offset, ranking) in rankings.enumerated() {
        let rows = ranking.map { gallery.items[$0.row] }
        for use in uses[query.items[start + offset]] ?? [] {
          for (name, truth) in Self.truths(of: use.truth, in: use.task) {
            evaluators[name]?.add(rows, truth: truth)
          }
        }
      }
    }
    results = names.compactMap { name in
      evaluators[name].map { Result(name: name, evaluator: $0) }
    }
    missingQueries = set.queries.count - query.items.count
  }

  private static func name(_ task: RetrievalSet.Task, _ level: RevisitedTruth.Level) -> String {
    [task.name, level.rawValue].filter { !$0.isEmpty }.joined(separator: "_")
  }

  /// The order of the levels: the field's main number first.
  private static let levels: [RevisitedTruth.Level] = [.medium, .hard, .easy]

  private static func names(of task: RetrievalSet.Task) -> [String] {
    task.isRevisited ? levels.map { name(task, $0) } : [task.name]
  }

  private static func truths(
    of truth: RetrievalSet.Truth, in task: RetrievalSet.Task
  ) -> [(String, RetrievalTruth)] {
    switch truth {
    case .revisited(let truth): levels.map { (name(task, $0), truth.truth(at: $0)) }
    case .plain(let truth):
      // Beside revisited truths a plain one counts at every level.
      names(of: task).map { ($0, truth) }
    }
  }
}
