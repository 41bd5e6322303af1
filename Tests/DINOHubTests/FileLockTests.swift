import DINOTestSupport
import Testing

@testable import DINOHub

@Suite("FileLock", .timeLimit(.minutes(1)))
struct FileLockTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("one holder at a time, and who waits is told once", arguments: [true, false])
  func exclusive(isTemporary: Bool) async throws {
    let path = folder.file("x.lock")
    let changes = Recorder<Int>()
    let waits = Recorder<Int>()

    try await withThrowingTaskGroup(of: Void.self) { group in
      for worker in 0..<8 {
        group.addTask {
          let lock = try await FileLock.acquire(path, isTemporary: isTemporary) {
            waits.append(worker)
          }
          changes.append(1)
          try await Task.sleep(for: .milliseconds(5))
          changes.append(-1)
          withExtendedLifetime(lock) {}
        }
      }
      try await group.waitForAll()
    }

    #expect(changes.all == (0..<8).flatMap { _ in [1, -1] })
    #expect(Set(waits.all).count == waits.all.count)
    #expect(FileSystem.isFile(path) == !isTemporary)
  }

  @Test("waiting ends when the task is cancelled")
  func cancellation() async throws {
    let path = folder.file("x.lock")
    let lock = try await FileLock.acquire(path, isTemporary: true) {}

    let task = Task { _ = try await FileLock.acquire(path, isTemporary: true) {} }
    task.cancel()
    let result = await task.result

    #expect(throws: HubError.stopped(what: path)) { try result.get() }
    withExtendedLifetime(lock) {}
  }

  @Test("a folder that is missing is an error")
  func missingFolder() async throws {
    await #expect(throws: HubError.self) {
      _ = try await FileLock.acquire(folder.file("none/x.lock"), isTemporary: true) {}
    }
  }
}
