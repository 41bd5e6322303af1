internal import Dispatch
internal import Torch

/// The ranges of consecutive rows that a matrix is read in.
struct RowBlocks: Sequence, IteratorProtocol {
  private let count: Int
  private let size: Int
  private var start = 0

  /// Divides rows into ranges.
  init(count: Int, size: Int) {
    self.count = count
    self.size = Swift.max(size, 1)
  }

  mutating func next() -> Range<Int>? {
    guard start < count else { return nil }
    defer { start += Swift.min(size, count - start) }
    return start..<(start + Swift.min(size, count - start))
  }

  /// Calls a closure with parts of `0 ..< count` on as many threads as libtorch uses.
  ///
  /// - Parameters:
  ///   - count: The number of rows.
  ///   - minimum: Fewer rows than this are not worth a thread.
  ///   - body: Gets a range; ranges of different calls share no row.
  static func inParallel(_ count: Int, minimum: Int = 32, _ body: (Range<Int>) -> Void) {
    let parts = Swift.max(
      1, Swift.min(TorchRuntime.threadCount, count / Swift.max(minimum, 1)))
    guard parts > 1 else { return body(0..<count) }
    withoutActuallyEscaping(body) { body in
      let work = Work(body: body)
      DispatchQueue.concurrentPerform(iterations: parts) { part in
        work.body((count * part / parts)..<(count * (part + 1) / parts))
      }
    }
  }

  /// What several threads run at the same time.
  ///
  /// Sharing it is safe because every caller in this target only reads what is common and writes at
  /// the places of its own rows; `CosineSearchTests` and `KMeansTests` compare one thread with several.
  private struct Work: @unchecked Sendable {
    let body: (Range<Int>) -> Void
  }
}
