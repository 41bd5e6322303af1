import DINOTestSupport
import DINOTraining
import Foundation
import Synchronization
import Testing

@Suite("Checkpoints after a loss of power", .timeLimit(.minutes(5)))
struct PowerLossTests {
  /// What a trial found.
  private struct Findings {
    var states = 0
    var newest: [Int: Int] = [:]
    var problems: [String] = []
  }

  /// Saves with a model of a disk beside, and looks at states that a loss of power after each operation
  /// may leave.
  private func findings(
    _ fixture: RunFixture, statesPerOperation: Int, seed: UInt64, accepted: Set<Int>,
    save: (any FileOperations) throws -> Void
  ) throws -> Findings {
    let findings = Mutex((Findings(), SeededGenerator(state: seed)))
    let model = try DiskModel(rootPath: fixture.folder.path)
    let files = RecordingFiles(model) { model in
      findings.withLock { state in
        for _ in 0..<statesPerOperation {
          state.0.states += 1
          do {
            try Self.look(at: model, accepted: accepted, &state.0, &state.1)
          } catch {
            state.0.problems.append("\(error)")
          }
        }
      }
    }
    try save(files)
    return findings.withLock { $0.0 }
  }

  private static func look(
    at model: DiskModel, accepted: Set<Int>, _ findings: inout Findings,
    _ generator: inout SeededGenerator
  ) throws {
    let temporary = try TemporaryFolder()
    try model.losePower(into: temporary.path, using: &generator)
    let reader = CheckpointReader(RunFolder(path: temporary.path))
    // Strict: nothing that has the name of a checkpoint may be damaged, ever.
    for iteration in try reader.iterations() {
      let loaded = try reader.load(iteration: iteration)
      let isWhole = try [0, 1, 2].contains { try Sample.matches(loaded, variant: $0) }
      if !isWhole { findings.problems.append("iteration \(iteration) is a mix") }
    }
    let newest = try reader.newest(isStrict: true)?.checkpoint.iteration ?? -1
    findings.newest[newest, default: 0] += 1
    if !accepted.contains(newest) { findings.problems.append("the newest is \(newest)") }
  }

  @Test("leave the old checkpoint or the new one, whole, in every state of the disk")
  func saving() throws {
    let fixture = try RunFixture()
    let store = try fixture.store(newest: 2)
    for iteration in [10, 20] { try store.save(Sample.snapshot(iteration)) }

    let findings = try findings(
      fixture, statesPerOperation: 13, seed: 3, accepted: [20, 30]
    ) { files in
      try fixture.store(newest: 2, files: files).save(Sample.snapshot(30))
    }

    #expect(findings.problems.isEmpty)
    #expect(findings.states >= 500)
    // The model is worth something only if it shows both.
    #expect(findings.newest[20, default: 0] > 50)
    #expect(findings.newest[30, default: 0] > 50)
  }

  @Test("an acknowledged checkpoint is in every state that follows")
  func acknowledged() throws {
    let fixture = try RunFixture()
    let store = try fixture.store(newest: 2)
    for iteration in [10, 20, 30] { try store.save(Sample.snapshot(iteration)) }

    let findings = try findings(
      fixture, statesPerOperation: 6, seed: 4, accepted: [30, 40]
    ) { files in
      let store = try fixture.store(newest: 2, files: files)
      _ = try store.resume()
      try store.save(Sample.snapshot(40))
    }

    #expect(findings.problems.isEmpty)
    #expect(findings.newest[40, default: 0] > 20)
  }

  @Test("saving an iteration again leaves one of both versions")
  func replacing() throws {
    let fixture = try RunFixture()
    try fixture.store().save(Sample.snapshot(5, variant: 1))

    let findings = try findings(
      fixture, statesPerOperation: 8, seed: 5, accepted: [5]
    ) { files in
      try fixture.store(files: files).save(Sample.snapshot(5, variant: 2))
    }

    #expect(findings.problems.isEmpty)
    #expect(findings.states >= 200)
  }

  @Test("the model does lose what was not flushed")
  func modelLoses() throws {
    let fixture = try RunFixture()
    let lost = Mutex(0)
    let model = try DiskModel(rootPath: fixture.folder.path)
    let files = RecordingFiles(model) { model in
      var generator = SeededGenerator(state: 6)
      for _ in 0..<20 {
        guard let temporary = try? TemporaryFolder() else { continue }
        try? model.losePower(into: temporary.path, using: &generator)
        let bytes = FileManager.default.contents(atPath: temporary.file("ckpt/file"))
        if bytes != Data([1, 2, 3]) { lost.withLock { $0 += 1 } }
      }
    }

    let path = fixture.folder.checkpoints + "/file"
    let descriptor = try files.createFile(path)
    _ = try [UInt8]([1, 2, 3]).withUnsafeBytes { bytes in
      Result { try files.write(descriptor, bytes, at: 0) }
    }.get()
    #expect(lost.withLock { $0 } > 20)
    try files.flush(descriptor)
    lost.withLock { $0 = 0 }
    try files.flushFolder(fixture.folder.checkpoints)

    #expect(lost.withLock { $0 } == 0)
    try files.close(descriptor)
  }
}
