internal import Foundation
internal import Synchronization

/// An executor whose jobs all run on one operating-system thread.
///
/// libtorch keeps gradient mode, inference mode and the current device per thread, and a forward pass
/// must not block Swift's cooperative threads.
final class DeviceThread: SerialExecutor {
  private let queue = Queue()

  /// What the thread holds, so that it ends when its executor goes away.
  private final class Queue: Sendable {
    struct State {
      var jobs: [UnownedJob] = []
      var isClosed = false
    }
    let state = Mutex(State())
    let pending = DispatchSemaphore(value: 0)

    /// The next job, for which it waits; nil at the end.
    func next() -> UnownedJob? {
      pending.wait()
      return state.withLock { $0.jobs.isEmpty ? nil : $0.jobs.removeFirst() }
    }
  }

  /// Starts the thread.
  ///
  /// - Parameter name: How debuggers and profilers call it.
  init(name: String) {
    let queue = queue
    // The jobs only need the executor's identity; an unowned reference keeps no cycle.
    let executor = unsafe UnownedSerialExecutor(ordinary: self)
    let thread = Thread {
      while let job = queue.next() { unsafe job.runSynchronously(on: executor) }
    }
    thread.name = name
    thread.stackSize = 8 << 20
    thread.start()
  }

  deinit { queue.pending.signal() }

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.state.withLock { $0.jobs.append(job) }
    queue.pending.signal()
  }
}
