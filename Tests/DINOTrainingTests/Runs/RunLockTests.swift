import DINOTestSupport
import DINOTraining
import Foundation
import Synchronization
import Testing

@Suite("RunLock")
struct RunLockTests {
  private let folder: TemporaryFolder
  private var path: String { folder.file(".lock") }

  init() throws { folder = try TemporaryFolder() }

  @Test("a second holder is refused with the data of the first")
  func exclusive() throws {
    let lock = try RunLock(path: path, runID: "first")

    let error = #expect(throws: RunError.self) { try RunLock(path: path, runID: "second") }

    #expect(error == .locked(path: path, holder: lock.holder.summary))
    #expect(error?.exitCode == 6)
    #expect("\(try #require(error))".contains(#"run "first", process \#(getpid()) on "#))
    withExtendedLifetime(lock) {}
  }

  @Test("the file holds the data as JSON")
  func contents() throws {
    let lock = try RunLock(path: path, runID: "a \"run\"")

    let data = try Data(contentsOf: URL(fileURLWithPath: path))
    let holder = try JSONDecoder().decode(RunLock.Holder.self, from: data)
    #expect(holder == lock.holder)
    #expect(holder.runID == "a \"run\"")
    #expect(holder.processID == getpid())
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(object.keys.sorted() == ["boot_id", "host", "pid", "run_id", "started"])
  }

  @Test("the lock is free when its object goes away, whatever the file still says")
  func release() throws {
    // A longer name first: nothing of it may be left behind the second.
    for name in ["a-long-name-of-a-run", "b"] {
      let lock = try RunLock(path: path, runID: name)
      let data = try Data(contentsOf: URL(fileURLWithPath: path))
      #expect(try JSONDecoder().decode(RunLock.Holder.self, from: data) == lock.holder)
    }
  }

  @Test("a program that was started meanwhile does not hold it on")
  func notInherited() throws {
    let child = Process()
    child.executableURL = URL(fileURLWithPath: "/bin/sleep")
    child.arguments = ["60"]
    do {
      let lock = try RunLock(path: path, runID: "parent")
      try child.run()
      withExtendedLifetime(lock) {}
    }
    defer { child.terminate() }

    #expect(throws: Never.self) { try RunLock(path: path, runID: "next") }
    #expect(child.isRunning)
  }

  @Test("of many that start at once exactly one wins")
  func race() async throws {
    let path = path
    for _ in 0..<20 {
      let outcomes = await withTaskGroup(of: RunLock?.self) { group in
        for number in 0..<8 {
          group.addTask { try? RunLock(path: path, runID: "run \(number)") }
        }
        return await group.reduce(into: []) { $0.append($1) }
      }
      #expect(outcomes.compactMap(\.self).count == 1)
    }
  }

  @Test("a file that says nothing still names a holder")
  func unnamed() throws {
    let lock = try RunLock(path: path, runID: "x")
    try FileHandle(forWritingTo: URL(fileURLWithPath: path)).truncate(atOffset: 0)

    #expect(throws: RunError.locked(path: path, holder: "an unnamed process")) {
      try RunLock(path: path, runID: "y")
    }
    withExtendedLifetime(lock) {}
  }

  @Test("a link is not followed, and a folder that is missing is an error")
  func badPaths() throws {
    try FileManager.default.createSymbolicLink(
      atPath: path, withDestinationPath: folder.file("elsewhere"))

    #expect(throws: RunError.self) { try RunLock(path: path, runID: "x") }
    #expect(!FileManager.default.fileExists(atPath: folder.file("elsewhere")))
    #expect(throws: RunError.self) { try RunLock(path: folder.file("none/.lock"), runID: "x") }
  }
}
