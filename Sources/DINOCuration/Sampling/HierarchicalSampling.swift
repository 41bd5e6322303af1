/// Draws a balanced sample from a hierarchy of clusters.
///
/// From the top, the target is divided evenly among the clusters of a level as far as their sizes
/// allow, then among the clusters of each, down to the points.
///
/// Source: Vo et al., 2024, section 3.4.
public struct HierarchicalSampling: Sendable {
  /// Which points of a cluster of level 1 are drawn.
  public enum Strategy: String, Codable, CaseIterable, Sendable {
    /// The points nearest to the centroid.
    case closest
    /// Points at random.
    case random
  }

  /// The number of points.
  public var target: Int
  /// Which points of a cluster are drawn.
  public var strategy = Strategy.closest
  /// How often a point may be drawn; a small cluster is then repeated as a whole.
  public var multiplier = 1
  /// The seed of the random numbers.
  public var seed: UInt64 = 0

  /// A sample of the points nearest to their centroids, each at most once.
  ///
  /// - Parameter target: The number of points.
  public init(target: Int) { self.target = target }

  /// Draws points.
  ///
  /// - Parameter hierarchy: The clusters.
  /// - Returns: Points, cluster by cluster; all there are if they are not more than the target.
  /// - Throws: ``CurationError/usage(problem:)`` if the target is negative or the multiplier below 1.
  public func callAsFunction(_ hierarchy: ClusterHierarchy) throws(CurationError) -> [Int] {
    var points: [Int] = []
    guard let top = hierarchy.levels.last else { return points }
    try draw(
      target, from: Array(top.indices), depth: hierarchy.levels.count - 1,
      place: hierarchy.levels.count << 48, of: hierarchy, into: &points)
    return points
  }

  /// Draws from clusters of a level; `place` tells the random numbers of this call from all others.
  private func draw(
    _ count: Int, from clusters: [Int], depth: Int, place: Int, of hierarchy: ClusterHierarchy,
    into points: inout [Int]
  ) throws(CurationError) {
    let split = try BalancedSplit(
      target: count, sizes: clusters.map { hierarchy.sizes[depth][$0] }, multiplier: multiplier)
    var random = CounterRandom(seed: seed, stream: UInt64(place))
    for (cluster, share) in zip(clusters, split.filled(&random)) where share > 0 {
      let members = hierarchy.levels[depth][cluster]
      let place = depth << 48 + cluster
      if depth > 0 {
        try draw(
          share, from: members, depth: depth - 1, place: place, of: hierarchy, into: &points)
      } else {
        append(share, of: members, place: place, to: &points)
      }
    }
  }

  /// Draws points of a cluster: whole repetitions, then a part.
  private func append(_ count: Int, of members: [Int], place: Int, to points: inout [Int]) {
    for _ in 0..<(count / members.count) { points += members }
    let rest = count % members.count
    switch strategy {
    case .closest: points += members.prefix(rest)
    case .random:
      var random = CounterRandom(seed: seed, stream: UInt64(place))
      points += random.choose(rest, of: members)
    }
  }
}
