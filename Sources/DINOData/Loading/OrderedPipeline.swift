internal import Foundation
internal import Synchronization

/// Works on inputs ahead of their consumer, on threads of its own, and hands results out in input
/// order.
///
/// Decoding blocks, so it must not run on Swift's cooperative threads. The results depend on the
/// inputs alone, never on the number of threads. A failure is a value: it stands in the item of its
/// input and does not stop the others. Inputs may be endless; they are drawn one at a time, in
/// order.
///
///     let pipeline = OrderedPipeline(references, threads: 2, ahead: 8) { try $0.bytes() }
///     for await item in pipeline { … }
///
/// At most `ahead` items exist between being drawn and being handed out. The threads end when the
/// inputs do, on ``cancel()``, and when the pipeline goes away.
public final class OrderedPipeline<Input: Sendable, Output: Sendable>: AsyncSequence, Sendable {
  /// One input and what became of it.
  public struct Element: Sendable {
    /// The position of the input, from 0.
    public let index: Int
    /// The input.
    public let input: Input
    /// The output, or why there is none.
    public let result: Result<Output, any Error>
  }

  private let core: PipelineCore<Input, Output>

  /// Starts to work on inputs.
  ///
  /// - Parameters:
  ///   - inputs: The inputs; the sequence is iterated on the pipeline's threads, one step at a
  ///     time.
  ///   - threads: The number of threads; at least 1 is used.
  ///   - ahead: The most items that are drawn but not handed out; at least `threads` is used.
  ///   - work: Makes an output of an input; called on several threads at once.
  public init<Inputs: Sequence & Sendable>(
    _ inputs: Inputs, threads: Int, ahead: Int,
    _ work: @escaping @Sendable (Input) throws -> Output
  ) where Inputs.Element == Input {
    let threads = Swift.min(Swift.max(threads, 1), 1_024)
    core = PipelineCore(inputs, threads: threads, ahead: Swift.max(ahead, threads), work: work)
    core.start()
  }

  deinit { core.cancel() }

  /// Stops: no further input is drawn, and every wait for an item ends with nil.
  ///
  /// Work that has begun is finished on its thread and dropped.
  public func cancel() { core.cancel() }

  /// The next item in input order; waits on the calling thread until it is there.
  ///
  /// For a thread of one's own; asynchronous code iterates over the pipeline instead.
  ///
  /// - Returns: The item, or nil at the end of the inputs and after ``cancel()``.
  @available(*, noasync, message: "iterate over the pipeline, or await its iterator's next()")
  public func waitForNext() -> Element? {
    let semaphore = DispatchSemaphore(value: 0)
    let box = Mutex<Element?>(nil)
    core.receive { element in
      box.withLock { $0 = element }
      semaphore.signal()
    }
    semaphore.wait()
    return box.withLock { $0 }
  }

  /// Takes items from a pipeline.
  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let pipeline: OrderedPipeline

    /// The next item in input order.
    ///
    /// Cancelling the task cancels the pipeline.
    ///
    /// - Returns: The item, or nil at the end of the inputs and after cancellation.
    public mutating func next() async -> Element? {
      let core = pipeline.core
      return await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          core.receive { continuation.resume(returning: $0) }
        }
      } onCancel: {
        core.cancel()
      }
    }
  }

  /// An iterator; all iterators of a pipeline share its items.
  ///
  /// - Returns: The iterator; it keeps the pipeline alive.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(pipeline: self) }
}

/// What the threads share.
///
/// They hold it, not the pipeline, so that a forgotten pipeline ends.
private final class PipelineCore<Input: Sendable, Output: Sendable>: Sendable {
  typealias Element = OrderedPipeline<Input, Output>.Element
  typealias Receiver = @Sendable (Element?) -> Void

  private struct State {
    var isCancelled = false
    /// The number of inputs drawn.
    var drawn = 0
    /// The number of items, once the inputs have ended.
    var total: Int?
    /// Results that nobody asked for yet.
    var ready: [Int: Element] = [:]
    /// Who waits for a result that is not there yet.
    var receivers: [Int: Receiver] = [:]
    /// The index of the item that the next receiver gets.
    var nextReceived = 0

    var isAtEnd: Bool { isCancelled || total.map { nextReceived >= $0 } ?? false }
  }

  private let state = Mutex(State())
  /// Draws an input; called by one thread at a time.
  private let draw: Mutex<() -> Input?>
  private let work: @Sendable (Input) throws -> Output
  private let threads: Int
  /// Counts the items that may still be drawn.
  ///
  /// It starts at 0 and is raised at once, because libdispatch
  /// ends the process if a semaphore goes away below its first value.
  private let slots = DispatchSemaphore(value: 0)

  init<Inputs: Sequence & Sendable>(
    _ inputs: Inputs, threads: Int, ahead: Int,
    work: @escaping @Sendable (Input) throws -> Output
  ) where Inputs.Element == Input {
    self.work = work
    self.threads = threads
    draw = Mutex(PipelineCore.drawing(from: inputs))
    for _ in 0..<ahead { slots.signal() }
  }

  private static func drawing<Inputs: Sequence & Sendable>(
    from inputs: Inputs
  ) -> sending () -> Input? where Inputs.Element == Input {
    var iterator = inputs.makeIterator()
    return { iterator.next() }
  }

  func start() {
    for number in 0..<threads {
      let thread = Thread { [self] in run() }
      thread.name = "pipeline \(number)"
      // Decoders of deep formats need more than the half megabyte that some systems give.
      thread.stackSize = 4 << 20
      thread.start()
    }
  }

  private func run() {
    while true {
      slots.wait()
      guard let (index, input) = next() else {
        // Whoever still waits for a slot must wake up and find the end, too.
        slots.signal()
        return
      }
      let result = Result { try work(input) }
      deliver(Element(index: index, input: input, result: result))
    }
  }

  /// Draws the next input; drawing and numbering are one step, so that the order is that of the
  /// inputs.
  private func next() -> (Int, Input)? {
    draw.withLock { draw in
      guard state.withLock({ !$0.isCancelled && $0.total == nil }) else { return nil }
      guard let input = draw() else {
        finish()
        return nil
      }
      let index = state.withLock { state in
        defer { state.drawn += 1 }
        return state.drawn
      }
      return (index, input)
    }
  }

  private func finish() {
    let late = state.withLock { state in
      let total = state.drawn
      state.total = total
      let late = state.receivers.filter { $0.key >= total }
      for index in late.keys { state.receivers[index] = nil }
      return late.values.map { $0 }
    }
    for receiver in late { receiver(nil) }
  }

  private func deliver(_ element: Element) {
    let receiver = state.withLock { state -> Receiver? in
      guard !state.isCancelled else { return nil }
      if let receiver = state.receivers.removeValue(forKey: element.index) { return receiver }
      state.ready[element.index] = element
      return nil
    }
    guard let receiver else { return }
    slots.signal()
    receiver(element)
  }

  func receive(_ receiver: @escaping Receiver) {
    // The item, nil at the end, and no value at all if it has to be waited for.
    let outcome = state.withLock { state -> Element?? in
      guard !state.isAtEnd else { return .some(nil) }
      let index = state.nextReceived
      state.nextReceived += 1
      if let element = state.ready.removeValue(forKey: index) { return element }
      state.receivers[index] = receiver
      return .none
    }
    guard let element = outcome else { return }
    if element != nil { slots.signal() }
    receiver(element)
  }

  func cancel() {
    let waiting = state.withLock { state in
      state.isCancelled = true
      state.ready = [:]
      defer { state.receivers = [:] }
      return state.receivers.values.map { $0 }
    }
    // One thread wakes up and wakes the next one.
    slots.signal()
    for receiver in waiting { receiver(nil) }
  }
}
