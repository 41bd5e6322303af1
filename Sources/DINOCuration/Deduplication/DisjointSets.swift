/// Sets of integers that can only be joined: the connected components of a graph.
///
/// The parent of an element is never larger than it, so that the root of a set is its smallest element. Both
/// elements of a pair climb in turns, each hung onto the other's parent on its way, and stop where they
/// meet; half of all joins end before a root is reached.
///
/// Source: Dijkstra, 1976, after Rem; measured as the fastest of 53 in practice by Patwary, Blair, Manne, 2010.
public struct DisjointSets: Sendable {
  private var parents: [UInt32]
  /// The number of sets.
  public private(set) var setCount: Int

  /// Sets of one element each.
  ///
  /// - Parameter count: The elements are `0 ..< count`, at most 2³².
  public init(count: Int) {
    let count = max(count, 0)
    precondition(count <= 1 << 32, "\(count) elements")
    parents = (0..<count).map { UInt32($0) }
    setCount = count
  }

  /// The number of elements.
  public var count: Int { parents.count }

  /// Joins the sets of two elements.
  ///
  /// - Parameters:
  ///   - one: An element.
  ///   - other: An element.
  /// - Returns: Whether they were in different sets.
  /// - Precondition: Both are in `0 ..< count`.
  @discardableResult
  public mutating func join(_ one: Int, _ other: Int) -> Bool {
    var (high, low) = (one, other)
    while parents[high] != parents[low] {
      if parents[high] < parents[low] { swap(&high, &low) }
      let next = Int(parents[high])
      parents[high] = parents[low]
      if next == high {
        setCount -= 1
        return true
      }
      high = next
    }
    return false
  }

  /// The smallest element of the set of each element.
  ///
  /// - Returns: One label per element.
  public mutating func labels() -> [Int] {
    // Parents come before their children, so that each of them is a root by then.
    for element in parents.indices { parents[element] = parents[Int(parents[element])] }
    return parents.map { Int($0) }
  }
}
