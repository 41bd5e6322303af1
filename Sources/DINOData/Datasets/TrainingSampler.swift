/// An endless order of images: every image once in each pass, each pass in another order.
///
/// The image at a position is a function of seed and position, so that a run can begin anywhere.
/// Several processes take every so manieth position; no image is left out, since passes follow each
/// other without a gap.
public struct TrainingSampler: Sendable {
  /// The number of images.
  public let count: Int
  private let seed: UInt64
  private let rank: Int
  private let worldSize: Int

  /// Creates an order.
  ///
  /// - Parameters:
  ///   - count: The number of images, at least 1.
  ///   - seed: Equal seeds give equal orders.
  ///   - rank: Which of the processes this is.
  ///   - worldSize: The number of processes.
  public init(count: Int, seed: UInt64, rank: Int = 0, worldSize: Int = 1) {
    precondition(count > 0, "an order of \(count) images")
    precondition((0..<worldSize).contains(rank), "process \(rank) of \(worldSize)")
    self.count = count
    self.seed = seed
    self.rank = rank
    self.worldSize = worldSize
  }

  /// The position in the order of all processes.
  ///
  /// - Parameter position: The position of this process, from 0.
  /// - Returns: The position among those of all processes.
  public func globalPosition(_ position: Int) -> Int { position * worldSize + rank }

  /// The image at a position of this process.
  ///
  /// - Parameter position: The position, from 0, without end.
  public subscript(position: Int) -> Int {
    let (pass, place) = globalPosition(position).quotientAndRemainder(dividingBy: count)
    return KeyedPermutation(count: count, ViewRandom(seed: seed, .order, pass))[place]
  }

  /// The images to try in place of the one at a position, each once.
  ///
  /// - Parameters:
  ///   - position: The position of this process.
  ///   - limit: The most images to try.
  /// - Returns: The images, in an order that is a function of seed and position.
  package func replacements(at position: Int, limit: Int) -> [Int] {
    let random = ViewRandom(seed: seed, .replacement, globalPosition(position))
    let order = KeyedPermutation(count: count, random)
    let first = self[position]
    return (0..<min(count, limit + 1)).map { order[$0] }.filter { $0 != first }
  }
}
