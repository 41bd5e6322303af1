/// A few pairs of every similarity, chosen as if at random but always the same.
struct PairExamples {
  /// The width of a part of [-1, 1] from which pairs are kept.
  static let width = 0.05
  /// The most pairs of a part.
  static let most = 6

  private var parts = [[(rank: UInt64, pair: SimilarityGraph.Edge)]](
    repeating: [], count: Int((2 / width).rounded()) + 1)

  /// Looks at a pair.
  mutating func add(_ low: Int, _ high: Int, _ similarity: Float) {
    let place = ((Double(similarity) + 1) / Self.width).rounded(.down)
    let part = Int(min(max(place, 0), Double(parts.count - 1)))
    let rank = CounterRandom(seed: 0x7061_6972, stream: UInt64(low))[UInt64(high)]
    if parts[part].count == Self.most, let last = parts[part].last, rank >= last.rank { return }
    let index = parts[part].firstIndex { $0.rank > rank } ?? parts[part].count
    parts[part].insert(
      (rank, SimilarityGraph.Edge(low: low, high: high, similarity: similarity)), at: index)
    if parts[part].count > Self.most { parts[part].removeLast() }
  }

  /// The pairs, least similar first.
  var pairs: [SimilarityGraph.Edge] {
    parts.flatMap { $0.map(\.pair) }.sorted {
      ($0.similarity, $0.low, $0.high) < ($1.similarity, $1.low, $1.high)
    }
  }
}
