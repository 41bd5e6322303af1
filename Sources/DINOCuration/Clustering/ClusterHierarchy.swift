/// Clusters of clusters: level 1 groups points, each higher level groups the clusters of the one below.
public struct ClusterHierarchy: Sendable, Equatable {
  /// The levels from the bottom; level 1 lists points, nearest to the centroid first, each higher level
  /// lists clusters of the level below.
  public let levels: [[[Int]]]
  /// The number of points below each cluster of each level.
  public let sizes: [[Int]]

  /// Checks and takes over levels.
  ///
  /// - Parameter levels: From the bottom, at least one.
  /// - Throws: ``CurationError/usage(problem:)`` if a member occurs twice in a level, or a level lists
  ///   clusters that the one below does not have.
  public init(_ levels: [[[Int]]]) throws(CurationError) {
    guard !levels.isEmpty else { throw .usage(problem: "a hierarchy needs at least one level") }
    var sizes: [[Int]] = []
    for (depth, clusters) in levels.enumerated() {
      var seen = Set<Int>()
      for member in clusters.joined() {
        let isKnown = depth == 0 ? member >= 0 : levels[depth - 1].indices.contains(member)
        guard isKnown, seen.insert(member).inserted else {
          throw .usage(
            problem: "level \(depth + 1) of the hierarchy lists \(member) twice, or there is none")
        }
      }
      sizes.append(
        clusters.map { members in
          depth == 0 ? members.count : members.reduce(0) { $0 + sizes[depth - 1][$1] }
        })
    }
    self.levels = levels
    self.sizes = sizes
  }

  /// The number of points.
  public var pointCount: Int { sizes.first?.reduce(0, +) ?? 0 }
}
