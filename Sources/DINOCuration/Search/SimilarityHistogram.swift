/// How many similarities lie in each of equal parts of `[-1, 1]`.
public struct SimilarityHistogram: Sendable, Equatable {
  /// The number of similarities in each part, from -1 to 1; a part holds its lower end, the last both.
  public private(set) var counts: [Int]

  /// The number of similarities.
  public var total: Int { counts.reduce(0, +) }

  /// An empty histogram.
  ///
  /// - Parameter bins: The number of parts, at least 1.
  public init(bins: Int = 200) {
    counts = [Int](repeating: 0, count: max(bins, 1))
  }

  /// The lower end of a part.
  ///
  /// - Parameter bin: The part, from 0; the number of parts gives 1.
  /// - Returns: A number in `[-1, 1]`.
  public func lowerBound(of bin: Int) -> Double { 2 * Double(bin) / Double(counts.count) - 1 }

  /// Counts a similarity.
  ///
  /// - Parameter similarity: A cosine; values outside `[-1, 1]` count at the ends.
  public mutating func add(_ similarity: Float) {
    let place = ((Double(similarity) + 1) / 2 * Double(counts.count)).rounded(.down)
    counts[Int(min(max(place, 0), Double(counts.count - 1)))] += 1
  }
}
