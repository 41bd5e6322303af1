internal import Foundation
internal import Synchronization
internal import Torch

/// Threads that each compute whole blocks on one core.
///
/// A product of matrices that is divided among cores waits at its end for the slowest, and threads that
/// wait spin. Blocks that one core computes from the product to the selection need no waiting.
enum Workers {
  /// Calls a closure on as many threads as libtorch uses, in each of which it uses one.
  ///
  /// - Parameters:
  ///   - most: The most threads that have anything to do.
  ///   - body: Called once per thread; what it throws first is thrown when all have ended.
  /// - Throws: The first error.
  static func run(
    atMost most: Int, _ body: @escaping @Sendable () throws(CurationError) -> Void
  ) throws(CurationError) {
    let threads = TorchRuntime.threadCount
    let count = max(1, min(threads, most))
    guard count > 1 else { return try body() }
    let shared = Shared()
    for _ in 0..<count {
      let thread = Thread {
        // The number of threads of an operation belongs to the thread that calls it.
        TorchRuntime.threadCount = 1
        do throws(CurationError) { try body() } catch { shared.note(error) }
        shared.ended.signal()
      }
      thread.stackSize = 4 << 20
      thread.start()
    }
    for _ in 0..<count { shared.ended.wait() }
    TorchRuntime.threadCount = threads
    if let error = shared.first { throw error }
  }

  private final class Shared: Sendable {
    private let failure = Mutex<CurationError?>(nil)
    let ended = DispatchSemaphore(value: 0)

    func note(_ error: CurationError) {
      failure.withLock { first in if first == nil { first = error } }
    }

    var first: CurationError? { failure.withLock { $0 } }
  }

  /// Hands out consecutive numbers to several threads.
  final class Counter: Sendable {
    private let next = Atomic<Int>(0)
    private let end: Int

    /// Counts from 0 up to, and without, an end.
    init(to end: Int) { self.end = end }

    /// The next number; nil at the end.
    func take() -> Int? {
      let number = next.add(1, ordering: .relaxed).oldValue
      return number < end ? number : nil
    }
  }
}
