internal import Synchronization

/// An endless order of images: every image once in each pass, each pass in another order.
///
/// The image at a position is a function of seed and position, so that a run can begin anywhere.
/// Several processes take every so manieth position.
public final class TrainingSampler: Sendable {
  /// The number of images.
  public let count: Int
  private let seed: UInt64
  private let rank: Int
  private let worldSize: Int
  /// The orders of the passes that were last asked for.
  private let passes = Mutex<[Int: [Int32]]>([:])

  /// Creates an order.
  ///
  /// - Parameters:
  ///   - count: The number of images, at least 1.
  ///   - seed: Equal seeds give equal orders.
  ///   - rank: Which of the processes this is.
  ///   - worldSize: The number of processes.
  public init(count: Int, seed: UInt64, rank: Int = 0, worldSize: Int = 1) {
    precondition(count > 0 && count <= Int(Int32.max), "an order of \(count) images")
    precondition((0..<worldSize).contains(rank), "process \(rank) of \(worldSize)")
    self.count = count
    self.seed = seed
    self.rank = rank
    self.worldSize = worldSize
  }

  /// The image at a position of this process.
  ///
  /// - Parameter position: The position, from 0, without end.
  public subscript(position: Int) -> Int {
    let global = position * worldSize + rank
    let (pass, place) = global.quotientAndRemainder(dividingBy: count)
    return passes.withLock { passes in
      if passes[pass] == nil {
        // A batch may reach into the next pass; older ones are not needed any more.
        passes = passes.filter { abs($0.key - pass) <= 1 }
        var random = ViewRandom(seed: seed, .order, pass)
        var order = (0..<Int32(count)).map(\.self)
        order.shuffle(using: &random)
        passes[pass] = order
      }
      return Int(passes[pass]?[place] ?? 0)
    }
  }
}
