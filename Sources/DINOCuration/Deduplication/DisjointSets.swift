/// Sets of integers that can only be joined: the connected components of a graph.
///
/// Joining hangs the smaller tree below the root of the larger one; looking up halves paths. A sequence of `m`
/// operations takes `O(m · α(n))`.
///
/// Source: Tarjan and van Leeuwen, 1984.
public struct DisjointSets: Sendable {
  private var parents: [Int]
  private var sizes: [Int]
  /// The number of sets.
  public private(set) var setCount: Int

  /// Sets of one element each.
  ///
  /// - Parameter count: The elements are `0 ..< count`.
  public init(count: Int) {
    parents = Array(0..<max(count, 0))
    sizes = [Int](repeating: 1, count: max(count, 0))
    setCount = parents.count
  }

  /// The number of elements.
  public var count: Int { parents.count }

  /// An element that stands for the set of another.
  ///
  /// - Parameter element: An element.
  /// - Returns: The same for all elements of the set, until it is joined.
  /// - Precondition: `element` is in `0 ..< count`.
  public mutating func root(of element: Int) -> Int {
    var element = element
    while parents[element] != element {
      parents[element] = parents[parents[element]]
      element = parents[element]
    }
    return element
  }

  /// Joins the sets of two elements.
  ///
  /// - Parameters:
  ///   - one: An element.
  ///   - other: An element.
  /// - Returns: Whether they were in different sets.
  /// - Precondition: Both are in `0 ..< count`.
  @discardableResult
  public mutating func join(_ one: Int, _ other: Int) -> Bool {
    var (large, small) = (root(of: one), root(of: other))
    guard large != small else { return false }
    if sizes[large] < sizes[small] { swap(&large, &small) }
    parents[small] = large
    sizes[large] += sizes[small]
    setCount -= 1
    return true
  }

  /// The number of elements in the set of an element.
  ///
  /// - Parameter element: An element.
  /// - Returns: At least 1.
  public mutating func size(of element: Int) -> Int { sizes[root(of: element)] }

  /// The smallest element of the set of each element.
  ///
  /// - Returns: One label per element.
  public mutating func labels() -> [Int] {
    var smallest = [Int](repeating: -1, count: parents.count)
    return parents.indices.map { element in
      let root = root(of: element)
      if smallest[root] < 0 { smallest[root] = element }
      return smallest[root]
    }
  }
}
