import DINOTraining
import Dispatch
import Glibc
import Synchronization
import Testing

@Suite("CheckpointWriter", .timeLimit(.minutes(1)))
struct CheckpointWriterTests {
  private let fixture: RunFixture

  init() throws { fixture = try RunFixture() }

  /// Waits off the pool of tasks' threads.
  private func iterations(_ outcomes: [CheckpointWriter.Outcome]) -> [Int?] {
    outcomes.map { try? $0.get().iteration }
  }

  @Test("snapshots are written in order, and each outcome is told once")
  func order() throws {
    let writer = CheckpointWriter(try fixture.store(newest: 9))

    for iteration in 1...5 { writer.begin(try Sample.snapshot(iteration)) }

    #expect(iterations(writer.wait()) == [1, 2, 3, 4, 5])
    #expect(writer.wait().isEmpty)
    #expect(try fixture.reader.iterations() == [1, 2, 3, 4, 5])
    #expect(try Sample.matches(fixture.reader.load(iteration: 5)))
  }

  @Test("an object that goes away has written what it began")
  func end() throws {
    let finished = Mutex<[Int]>([])
    do {
      let writer = CheckpointWriter(try fixture.store()) { outcome in
        finished.withLock { $0.append((try? outcome.get().iteration) ?? -1) }
      }
      writer.begin(try Sample.snapshot(8))
    }

    #expect(finished.withLock { $0 } == [8])
    #expect(try Sample.matches(fixture.reader.load(iteration: 8)))
  }

  @Test("one that never had anything to write goes away too")
  func unused() throws {
    #expect(CheckpointWriter(try fixture.store()).wait().isEmpty)
  }

  @Test("waiting can be given up, and what is written then still arrives")
  func limit() throws {
    let gate = GatedFiles()
    let writer = CheckpointWriter(try fixture.store(files: gate))
    writer.begin(try Sample.snapshot(3))

    #expect(writer.wait(atMost: .milliseconds(1)) == nil)
    #expect(try fixture.reader.iterations().isEmpty)
    gate.open()

    #expect(iterations(writer.wait()) == [3])
    #expect(writer.wait(atMost: .zero)?.isEmpty == true)
  }

  @Test("failures are told, counted in a row, and forgotten after a success")
  func failures() throws {
    let files = FullThenFree(failures: 2)
    let writer = CheckpointWriter(try fixture.store(files: files))
    var counts: [Int] = []

    for iteration in 1...3 {
      writer.begin(try Sample.snapshot(iteration))
      #expect(iterations(writer.wait()) == [iteration < 3 ? nil : 3])
      counts.append(writer.failuresInARow)
    }

    #expect(counts == [1, 2, 0])
    #expect(try fixture.reader.iterations() == [3])
  }
}

/// The system's operations, of which the creation of a folder waits until a gate is opened.
private final class GatedFiles: PartlyReplacedFiles {
  private let gate = DispatchSemaphore(value: 0)

  func open() { gate.signal() }

  func makeFolder(_ path: String) throws(SystemFailure) {
    gate.wait()
    try system.makeFolder(path)
  }
}

/// The system's operations on a disk that is full for the first few folders.
private final class FullThenFree: PartlyReplacedFiles {
  private let left: Mutex<Int>

  init(failures: Int) { left = Mutex(failures) }

  func makeFolder(_ path: String) throws(SystemFailure) {
    let isFull = left.withLock { left in
      left -= 1
      return left >= 0
    }
    if isFull { throw SystemFailure(ENOSPC) }
    try system.makeFolder(path)
  }
}
