import DINOData
import Foundation
import Synchronization
import Testing

@Suite("Ordered pipeline", .timeLimit(.minutes(1)))
struct OrderedPipelineTests {
  private struct Refusal: Error, Equatable {
    let number: Int
  }

  /// Counts what has been started and how much runs at once.
  private final class Meter: Sendable {
    let started = Atomic<Int>(0)
    let running = Atomic<Int>(0)
    let most = Atomic<Int>(0)

    func measure<Value>(_ body: () throws -> Value) rethrows -> Value {
      started.add(1, ordering: .sequentiallyConsistent)
      let now = running.add(1, ordering: .sequentiallyConsistent).newValue
      most.max(now, ordering: .sequentiallyConsistent)
      defer { running.subtract(1, ordering: .sequentiallyConsistent) }
      return try body()
    }

    /// The number of started items, when it has reached a number and had the time to go beyond.
    func settled(at count: Int) -> Int {
      for _ in 0..<1_500 where started.load(ordering: .sequentiallyConsistent) < count {
        usleep(20_000)
      }
      usleep(100_000)
      return started.load(ordering: .sequentiallyConsistent)
    }
  }

  @Test("keeps the order", arguments: [(1, 1), (2, 2), (4, 9), (8, 64)])
  func keepsOrder(threads: Int, ahead: Int) async {
    let pipeline = OrderedPipeline(0..<200, threads: threads, ahead: ahead) { number in
      usleep(UInt32(number * 7_919 % 13) * 50)
      return number * number
    }

    var seen: [Int] = []
    for await item in pipeline {
      #expect(item.index == item.input)
      seen.append((try? item.result.get()) ?? -1)
    }

    #expect(seen == (0..<200).map { $0 * $0 })
  }

  @Test("hands out failures as values and goes on")
  func reportsFailures() async {
    let pipeline = OrderedPipeline(0..<50, threads: 3, ahead: 5) { number throws in
      if number.isMultiple(of: 7) { throw Refusal(number: number) }
      return number
    }

    var failed: [Int] = []
    var count = 0
    for await item in pipeline {
      count += 1
      if case .failure(let error) = item.result {
        #expect(error as? Refusal == Refusal(number: item.input))
        failed.append(item.input)
      }
    }

    #expect(count == 50)
    #expect(failed == [0, 7, 14, 21, 28, 35, 42, 49])
  }

  @Test("works ahead by no more than it may, on no more threads than it may")
  func boundsMemory() async {
    let meter = Meter()
    let pipeline = OrderedPipeline(0..., threads: 3, ahead: 10) { number in
      meter.measure { number }
    }
    var iterator = pipeline.makeAsyncIterator()

    #expect(meter.settled(at: 10) == 10)
    for _ in 0..<5 { _ = await iterator.next() }
    #expect(meter.settled(at: 15) == 15)

    #expect(meter.most.load(ordering: .sequentiallyConsistent) <= 3)
    pipeline.cancel()
  }

  @Test("really works on several threads at once")
  func worksInParallel() async {
    let both = DispatchSemaphore(value: 0)
    let other = DispatchSemaphore(value: 0)
    // Each of the first two items waits for the other one.
    let pipeline = OrderedPipeline(0..<2, threads: 2, ahead: 2) { number in
      let (mine, theirs) = number == 0 ? (both, other) : (other, both)
      mine.signal()
      return theirs.wait(timeout: .now() + 30) == .success
    }

    for await item in pipeline { #expect((try? item.result.get()) == true) }
  }

  @Test("ends when it is cancelled, for all who wait")
  func cancels() async {
    let gate = DispatchSemaphore(value: 0)
    let pipeline = OrderedPipeline(0..., threads: 2, ahead: 4) { number in
      gate.wait()
      return number
    }
    let waiting = Task { await pipeline.first { _ in true } == nil }
    usleep(50_000)

    pipeline.cancel()

    #expect(await waiting.value)
    for _ in 0..<8 { gate.signal() }
    var iterator = pipeline.makeAsyncIterator()
    #expect(await iterator.next() == nil)
  }

  @Test("ends when the task that iterates is cancelled")
  func endsWithTask() async {
    let meter = Meter()
    let task = Task {
      var count = 0
      for await _ in OrderedPipeline(0..., threads: 2, ahead: 4, { n in meter.measure { n } }) {
        count += 1
        if count == 20 { withUnsafeCurrentTask { $0?.cancel() } }
      }
      return count
    }

    #expect(await task.value <= 21)
    // 21 items handed out, and at most 4 ahead.
    #expect(meter.settled(at: 0) <= 25)
  }

  @Test("stops its threads when it goes away")
  func stopsWhenReleased() {
    let meter = Meter()
    weak var input: Witness?
    do {
      let witness = Witness()
      input = witness
      _ = OrderedPipeline(0..., threads: 2, ahead: 4) { number in
        meter.measure { witness.value + number }
      }
    }
    for _ in 0..<1_500 where input != nil { usleep(20_000) }

    // The threads held the closure, which held the witness.
    #expect(input == nil)
  }

  private final class Witness: Sendable {
    let value = 1
  }

  @Test("serves a thread that waits, and several consumers share the items")
  func servesThreads() {
    let pipeline = OrderedPipeline(0..<100, threads: 2, ahead: 6) { $0 }
    let seen = Mutex<[Int]>([])
    let done = DispatchGroup()
    for _ in 0..<3 {
      done.enter()
      Thread {
        while let item = pipeline.waitForNext() { seen.withLock { $0.append(item.input) } }
        done.leave()
      }.start()
    }
    done.wait()

    #expect(seen.withLock { $0.sorted() } == Array(0..<100))
  }

  @Test("ends at once without inputs")
  func handlesNoInputs() async {
    for await item in OrderedPipeline([Int](), threads: 4, ahead: 4, { $0 }) {
      Issue.record("got \(item)")
    }
  }
}
