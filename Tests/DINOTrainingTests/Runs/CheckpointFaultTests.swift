import DINOTraining
import Foundation
import Glibc
import Testing

@Suite("Checkpoints under faults", .timeLimit(.minutes(5)))
struct CheckpointFaultTests {
  /// A run with checkpoints 10 and 20 whose next save removes 10.
  private func makeRun() throws -> RunFixture {
    let fixture = try RunFixture()
    let store = try fixture.store(newest: 2)
    try store.save(Sample.snapshot(10))
    try store.save(Sample.snapshot(20))
    return fixture
  }

  /// Everything that has the name of a checkpoint is one, and the newest is one of those given.
  private func expectWhole(
    _ fixture: RunFixture, newestIn expected: [Int], _ comment: Comment,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    for iteration in try fixture.reader.iterations() {
      let loaded = try fixture.reader.load(iteration: iteration)
      #expect(try Sample.matches(loaded), comment, sourceLocation: sourceLocation)
    }
    let newest = try fixture.reader.newest(isStrict: true)
    #expect(
      expected.contains(newest?.checkpoint.iteration ?? -1), comment,
      sourceLocation: sourceLocation)
  }

  /// The next start clears up without help and saves.
  private func expectNextStart(_ fixture: RunFixture, _ comment: Comment) throws {
    try fixture.folder.clear(holding: fixture.lock)
    #expect(try !fixture.names().contains { $0.hasPrefix(".") }, comment)
    let store = try fixture.store(newest: 2)
    _ = try store.resume()
    #expect(try store.save(Sample.snapshot(40)).warnings.isEmpty, comment)
    try expectWhole(fixture, newestIn: [40], comment)
  }

  @Test("stopping before any operation leaves the old checkpoint or the new one, whole")
  func stopping() throws {
    var number = 0
    while true {
      let fixture = try makeRun()
      let files = FaultyFiles(.stop(before: number))
      let saved = try? fixture.store(newest: 2, files: files).save(Sample.snapshot(30))
      let comment: Comment = "stopped before \(files.operations.suffix(1)) number \(number)"

      try expectWhole(fixture, newestIn: saved == nil ? [20, 30] : [30], comment)
      try expectNextStart(fixture, comment)
      guard files.hasHappened else { break }
      number += 1
    }
    // Three files of at least five operations each, the folders, the hint and the removal.
    #expect(number > 30)
  }

  @Test("stopping while an iteration is saved again leaves one of both, whole")
  func stoppingReplacement() throws {
    var seen: Set<Int> = []
    var number = 0
    while true {
      let fixture = try RunFixture()
      try fixture.store().save(Sample.snapshot(5, variant: 1))
      let files = FaultyFiles(.stop(before: number))
      _ = try? fixture.store(files: files).save(Sample.snapshot(5, variant: 2))

      let loaded = try #require(try fixture.reader.newest(isStrict: true)).checkpoint
      let variants = try [1, 2].filter { try Sample.matches(loaded, variant: $0) }
      #expect(variants.count == 1, "stopped before operation \(number)")
      seen.formUnion(variants)
      guard files.hasHappened else { break }
      number += 1
    }
    #expect(seen == [1, 2])
  }

  @Test(
    "a failure of any operation leaves the old checkpoints, no litter, and the next save works",
    arguments: [ENOSPC, EIO, EDQUOT, EROFS, EMFILE])
  func failing(code: Int32) throws {
    var number = 0
    var failures = 0
    while true {
      let fixture = try makeRun()
      let files = FaultyFiles(.fail(at: number, code: code))
      let store = try fixture.store(newest: 2, files: files)
      let comment: Comment = "operation \(number) fails with \(code)"
      do {
        let saved = try store.save(Sample.snapshot(30))
        #expect(saved.warnings.isEmpty != files.hasHappened, comment)
        try expectWhole(fixture, newestIn: [30], comment)
      } catch {
        failures += 1
        #expect(try #require(error as? RunError).exitCode == 5, comment)
        #expect("\(error)".contains(fixture.folder.checkpoints), comment)
        #expect(try !fixture.names().contains { $0.hasPrefix(".") }, comment)
        #expect(try fixture.reader.iterations().starts(with: [10, 20]), comment)
        try expectWhole(fixture, newestIn: [20, 30], comment)
      }
      guard files.hasHappened else { break }
      try store.save(Sample.snapshot(40))
      try expectWhole(fixture, newestIn: [40], comment)
      number += 1
    }
    #expect(failures > 20)
  }

  @Test("short writes and interruptions by signals change nothing")
  func shortAndInterrupted() throws {
    for fault in [FaultyFiles.Fault.shortWrites(97), .interruptions] {
      let fixture = try makeRun()

      let saved = try fixture.store(files: FaultyFiles(fault)).save(Sample.snapshot(30))

      #expect(saved.warnings.isEmpty)
      try expectWhole(fixture, newestIn: [30], "\(fault)")
    }
  }

  @Test("a write that takes nothing ends in an error instead of a loop")
  func emptyWrites() throws {
    let fixture = try makeRun()

    #expect(throws: RunError.self) {
      try fixture.store(files: FaultyFiles(.shortWrites(0))).save(Sample.snapshot(30))
    }
    try expectWhole(fixture, newestIn: [20], "writes of 0 bytes")
  }

  @Test("a full disk is told with the bytes that were wanted and are free")
  func fullDisk() throws {
    let fixture = try RunFixture()
    // Folder, flush of its parent, creation of the first file, and then its allocation.
    let files = FaultyFiles(.fail(at: 3, code: ENOSPC))

    let error = #expect(throws: RunError.self) {
      try fixture.store(files: files).save(Sample.snapshot(1))
    }

    #expect(files.operations[3] == "allocate")
    let text = "\(try #require(error))"
    #expect(text.contains("shard-00000-of-00001.safetensors: cannot be written: "))
    #expect(text.contains("(ENOSPC); "))
    let numbers = text.split(separator: "; ").dropFirst().flatMap { part in
      part.split(separator: " ").compactMap { Int($0) }
    }
    #expect(numbers.count == 2 && numbers[0] > 600 * 4 && numbers[1] > 0, "\(text)")
  }

  @Test("a file is flushed before it gets its name, and its folder before that gets its own")
  func order() throws {
    let fixture = try RunFixture()
    let files = FaultyFiles(.stop(before: .max))

    try fixture.store(files: files).save(Sample.snapshot(1))

    let file = ["createFile", "allocate"]
    let end = ["flush", "close", "rename"]
    let writes = files.operations.filter { $0 != "write" }
    #expect(
      writes == ["makeFolder", "flushFolder"] + file + end + file + end + file + end
        + ["flushFolder", "renameNew", "flushFolder"] + file + end + ["flushFolder"])
  }
}
