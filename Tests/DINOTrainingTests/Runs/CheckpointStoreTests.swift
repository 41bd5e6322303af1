import CheckpointFormats
import DINOTraining
import Foundation
import Testing

@Suite("CheckpointStore")
struct CheckpointStoreTests {
  private let fixture: RunFixture

  init() throws { fixture = try RunFixture() }

  @Test("what is saved comes back to the last bit")
  func roundTrip() throws {
    let saved = try fixture.store().save(Sample.snapshot(1234))

    let newest = try #require(try fixture.reader.newest())
    #expect(try Sample.matches(newest.checkpoint))
    #expect(newest.rejected.isEmpty)
    #expect(newest.checkpoint.origin == RunFixture.origin)
    #expect(saved.iteration == 1234)
    #expect(saved.path == fixture.folder.checkpoints + "/step-000001234")
    #expect(saved.path == newest.checkpoint.path)
    #expect(saved.warnings.isEmpty)
  }

  @Test("the folder has the documented files and no others")
  func layout() throws {
    let saved = try fixture.store().save(Sample.snapshot(7))

    let files = try FileManager.default.contentsOfDirectory(atPath: saved.path).sorted()
    #expect(
      files == ["MANIFEST.json", "shard-00000-of-00001.safetensors", "state-00000-of-00001.json"])
    #expect(try fixture.names() == ["latest", "step-000000007"])
    let latest = try String(
      contentsOfFile: fixture.folder.checkpoints + "/latest", encoding: .utf8)
    #expect(latest == "step-000000007\n")
    let sizes = try files.map { name -> Int in
      let attributes = try FileManager.default.attributesOfItem(atPath: saved.path + "/" + name)
      return try #require(attributes[.size] as? Int)
    }
    #expect(saved.byteCount == sizes.reduce(0, +))
  }

  @Test("every tensor is aligned in the file")
  func alignment() throws {
    try fixture.store().save(Sample.snapshot(7))

    let tensors = try fixture.reader.load(iteration: 7).tensors
    #expect(tensors.names.allSatisfy { tensors[$0]?.isAligned == true })
  }

  @Test("an empty run has no checkpoint to go on from")
  func empty() throws {
    #expect(try fixture.store().resume().map(\.checkpoint.iteration) == nil)
    #expect(try fixture.reader.iterations().isEmpty)
    #expect(
      try CheckpointReader(RunFolder(path: fixture.folder.path + "/none")).newest().map(
        \.checkpoint.iteration) == nil)
  }

  @Test(
    "the newest checkpoints and those of the period stay", arguments: [(2, 0), (3, 0), (2, 20)])
  func rotation(newest: Int, every: Int) throws {
    let store = try fixture.store(newest: newest, every: every)

    for iteration in stride(from: 10, through: 70, by: 10) {
      #expect(try store.save(Sample.snapshot(iteration)).warnings.isEmpty)
    }

    let all = Array(stride(from: 10, through: 70, by: 10))
    let expected = all.filter { iteration in
      all.suffix(newest).contains(iteration) || (every > 0 && iteration % every == 0)
    }
    #expect(try fixture.reader.iterations() == expected)
    #expect(try fixture.names() == ["latest"] + expected.map { "step-0000000\($0)" })
    for iteration in expected {
      #expect(try Sample.matches(fixture.reader.load(iteration: iteration)))
    }
  }

  @Test("fewer than two are never kept")
  func atLeastTwo() throws {
    let store = try fixture.store(newest: 0)

    for iteration in 1...4 { try store.save(Sample.snapshot(iteration)) }

    #expect(try fixture.reader.iterations() == [3, 4])
  }

  @Test("old checkpoints that nobody verified do not displace the verified ones")
  func unverifiedAreNoReplacement() throws {
    let first = try fixture.store(newest: 9)
    for iteration in 1...4 { try first.save(Sample.snapshot(iteration)) }
    let second = try fixture.store(newest: 2)
    _ = try second.resume()  // verifies 4 only

    try second.save(Sample.snapshot(5))

    #expect(try fixture.reader.iterations() == [4, 5])
  }

  @Test("a checkpoint of the same iteration is replaced")
  func replacement() throws {
    let store = try fixture.store()
    try store.save(Sample.snapshot(5, variant: 1))

    let saved = try store.save(Sample.snapshot(5, variant: 2))

    #expect(saved.warnings.isEmpty)
    #expect(try fixture.names() == ["latest", "step-000000005"])
    #expect(try Sample.matches(fixture.reader.load(iteration: 5), variant: 2))
  }

  @Test(
    "values that are not finite are never saved", arguments: [Float.nan, .infinity, -.infinity])
  func notFinite(value: Float) throws {
    let tensors = [("good", try StoredTensor(floats: [1], shape: [1]))]
    let bad = try StoredTensor(floats: [0, value, 1], shape: [3])
    let snapshot = try CheckpointSnapshot(
      iteration: 3, tensors: tensors + [("loss.center", bad)], state: 0)

    let error = #expect(throws: RunError.self) { try fixture.store().save(snapshot) }

    #expect(error?.exitCode == 7)
    #expect(
      "\(try #require(error))" == "\"loss.center\" holds 1 of 3 values that are not finite at "
        + "iteration 3; nothing was saved, the earlier checkpoints are untouched")
    #expect(try fixture.names().isEmpty)
  }

  @Test("a state that is not finite or an iteration below 0 makes no snapshot")
  func badSnapshots() throws {
    #expect(throws: RunError.self) {
      try CheckpointSnapshot(iteration: 1, tensors: [], state: ["loss": Double.nan])
    }
    #expect(throws: RunError.self) { try CheckpointSnapshot(iteration: -1, tensors: [], state: 0) }
  }

  @Test(
    "unusable tensor names are refused", arguments: ["", "a b", "a\"b", "é", "__metadata__", "x"])
  func names(name: String) throws {
    let tensor = try StoredTensor(floats: [1], shape: [1])
    let snapshot = try CheckpointSnapshot(
      iteration: 1, tensors: [("x", tensor), (name, tensor)], state: 0)

    #expect(throws: RunError.self) { try fixture.store().save(snapshot) }
    #expect(try fixture.names().isEmpty)
  }

  @Test("a state of another type is said to be one")
  func otherState() throws {
    try fixture.store().save(Sample.snapshot(1))
    let loaded = try fixture.reader.load(iteration: 1)

    let error = #expect(throws: RunError.self) { try loaded.state(as: [String].self) }

    #expect(try #require(error).description.contains("another kind of state than Array<String>"))
    #expect(!"\(try #require(error))".contains("\n"))
  }

  @Test("the lock of another folder opens nothing")
  func otherLock() throws {
    let other = try RunFixture()

    #expect(throws: RunError.self) {
      try CheckpointStore(folder: fixture.folder, lock: other.lock, origin: RunFixture.origin)
    }
  }

  @Test("a reader that has the old checkpoint mapped keeps it while a new one replaces it")
  func mappedWhileReplaced() throws {
    let store = try fixture.store()
    try store.save(Sample.snapshot(5, variant: 1))
    let loaded = try fixture.reader.load(iteration: 5)

    try store.save(Sample.snapshot(5, variant: 2))

    #expect(try Sample.matches(loaded, variant: 1))
  }
}
