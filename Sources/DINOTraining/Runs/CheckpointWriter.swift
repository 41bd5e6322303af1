internal import Dispatch
internal import Foundation
internal import Synchronization

/// Writes snapshots on a thread of its own while training goes on, one at a time.
///
///     let writer = CheckpointWriter(store)
///     writer.begin(snapshot)           // waits only if the one before is not done
///     for outcome in writer.wait() { … }
///
/// Its methods may block; call them from a thread of your own, not from a task. An object that goes away
/// finishes what it has begun.
public final class CheckpointWriter: Sendable {
  /// What became of a snapshot.
  public typealias Outcome = Result<CheckpointStore.Saved, RunError>

  private let thread: WriterThread

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - store: Where snapshots go.
  ///   - onFinish: Called on the thread after each snapshot.
  public init(
    _ store: CheckpointStore, onFinish: @escaping @Sendable (Outcome) -> Void = { _ in }
  ) {
    thread = WriterThread(store: store, onFinish: onFinish)
    thread.start()
  }

  deinit { thread.stop() }

  /// Hands a snapshot over; waits for the one before if it is still being written.
  ///
  /// - Parameter snapshot: What to write.
  public func begin(_ snapshot: CheckpointSnapshot) { thread.begin(snapshot) }

  /// Waits until nothing is being written.
  ///
  /// - Returns: What became of the snapshots since the last call, in order.
  public func wait() -> [Outcome] { thread.wait(until: .distantFuture) ?? [] }

  /// Waits until nothing is being written, but not for long.
  ///
  /// - Parameter limit: The longest time to wait.
  /// - Returns: What became of the snapshots since the last call; nil if one is still being written.
  public func wait(atMost limit: Duration) -> [Outcome]? {
    let seconds = Double(limit.components.seconds) + Double(limit.components.attoseconds) * 1e-18
    return thread.wait(until: .now() + max(seconds, 0))
  }

  /// How many of the last snapshots failed in a row; 0 after one that was saved.
  public var failuresInARow: Int { thread.failuresInARow }
}

/// The thread and what is shared with it; it lives on while the last snapshot is written.
private final class WriterThread: Sendable {
  private struct State {
    var job: CheckpointSnapshot?
    var outcomes: [CheckpointWriter.Outcome] = []
    var failuresInARow = 0
  }

  private let store: CheckpointStore
  private let onFinish: @Sendable (CheckpointWriter.Outcome) -> Void
  private let state = Mutex(State())
  /// Counts what the thread has to look at: a job, or the end.
  private let pending = DispatchSemaphore(value: 0)
  /// 1 while nothing is being written.
  ///
  /// It begins at 0 and is raised by `start`, since a semaphore must not go away below the value it was
  /// made with.
  private let idle = DispatchSemaphore(value: 0)

  init(
    store: CheckpointStore, onFinish: @escaping @Sendable (CheckpointWriter.Outcome) -> Void
  ) {
    self.store = store
    self.onFinish = onFinish
  }

  var failuresInARow: Int { state.withLock { $0.failuresInARow } }

  func start() {
    let thread = Thread { [self] in
      while true {
        pending.wait()
        // Taken out, so that the snapshot's memory is free when its file is written.
        guard let job = state.withLock({ $0.job.take() }) else { return }
        finish(save(job))
        idle.signal()
      }
    }
    thread.name = "checkpoint"
    thread.start()
    idle.signal()
  }

  private func save(_ snapshot: CheckpointSnapshot) -> CheckpointWriter.Outcome {
    do throws(RunError) { return .success(try store.save(snapshot)) } catch {
      return .failure(error)
    }
  }

  private func finish(_ outcome: CheckpointWriter.Outcome) {
    state.withLock { state in
      state.outcomes.append(outcome)
      if case .failure = outcome { state.failuresInARow += 1 } else { state.failuresInARow = 0 }
    }
    onFinish(outcome)
  }

  func begin(_ snapshot: CheckpointSnapshot) {
    idle.wait()
    state.withLock { $0.job = snapshot }
    pending.signal()
  }

  func wait(until deadline: DispatchTime) -> [CheckpointWriter.Outcome]? {
    guard idle.wait(timeout: deadline) == .success else { return nil }
    defer { idle.signal() }
    return state.withLock { state in
      defer { state.outcomes = [] }
      return state.outcomes
    }
  }

  /// Lets the thread end after what it is writing.
  func stop() {
    idle.wait()
    pending.signal()
  }
}
