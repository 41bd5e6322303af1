import DINOTestSupport
import DINOTraining
import Foundation
import Glibc
import Testing

@Suite("RunFolder")
struct RunFolderTests {
  private let temporary: TemporaryFolder

  init() throws { temporary = try TemporaryFolder() }

  private func names(_ path: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: path).sorted()
  }

  @Test("paths lie where the design says")
  func paths() {
    let folder = RunFolder(path: "runs/x/")

    #expect(folder.path == "runs/x")
    #expect(folder.configuration == "runs/x/config.yaml")
    #expect(folder.metrics == "runs/x/metrics.jsonl")
    #expect(folder.log == "runs/x/log.txt")
    #expect(folder.checkpoints == "runs/x/ckpt")
    #expect(folder.model == "runs/x/model")
    #expect(folder.samples == "runs/x/samples")
    #expect(folder.badImages == "runs/x/bad-images.jsonl")
    #expect(folder.lock == "runs/x/.lock")
    #expect(RunFolder(path: "").path == ".")
    #expect(RunFolder(path: "/").lock == "/.lock")
  }

  @Test("preparing makes the folders and leaves no probe behind; a second time changes nothing")
  func preparing() throws {
    let folder = RunFolder(path: temporary.file("a/b/run"))

    for _ in 0..<2 { try folder.prepare(estimatedCheckpointBytes: 1 << 20) }

    #expect(try names(folder.path) == ["ckpt", "samples"])
  }

  @Test("too little room for three checkpoints is told before the run begins")
  func room() throws {
    let folder = RunFolder(path: temporary.file("run"))

    #expect(throws: RunError.noRoom(path: folder.path, needed: 3000, free: 2999)) {
      try folder.prepare(estimatedCheckpointBytes: 1000, files: FaultyFiles(.room(2999)))
    }
    #expect(throws: Never.self) {
      try folder.prepare(estimatedCheckpointBytes: 1000, files: FaultyFiles(.room(3000)))
    }
    #expect(throws: RunError.self) { try folder.prepare(estimatedCheckpointBytes: .max) }
  }

  @Test("a probe that fails at any operation is an error with exit code 5 and leaves nothing")
  func probeFailures() throws {
    var number = 0
    while true {
      let folder = RunFolder(path: temporary.file("run-\(number)"))
      let files = FaultyFiles(.fail(at: number, code: EROFS))
      do throws(RunError) {
        try folder.prepare(estimatedCheckpointBytes: 1, files: files)
      } catch {
        #expect(error.exitCode == 5)
        #expect("\(error)".contains("(EROFS)"))
        #expect("\(error)".contains(folder.path))
        // The removal itself is what failed last.
        if files.operations.last != "removeFile" { #expect(try names(folder.path).isEmpty) }
      }
      guard files.hasHappened else { break }
      number += 1
    }
    #expect(number >= 6)
  }

  @Test("a file in the way, or a place where nothing can be made, is an error")
  func unusable() throws {
    let file = try temporary.write("file", [1])

    for path in [file, file + "/run", "/proc/none/run"] {
      #expect(throws: RunError.self) {
        try RunFolder(path: path).prepare(estimatedCheckpointBytes: 1)
      }
    }
  }

  @Test("what crashed processes left is cleared, everything else stays")
  func clearing() throws {
    let fixture = try RunFixture()
    let root = fixture.folder.path
    try fixture.store().save(Sample.snapshot(1))
    for name in [
      "ckpt/.tmp-step-000000002-x/shard-00000-of-00001.safetensors.part",
      "ckpt/.trash-step-000000000-y/MANIFEST.json", "ckpt/.tmp-latest-z", ".tmp-probe-1",
      ".config.yaml.abc.tmp", ".model.def.tmp/config.json", "metrics.jsonl", "model/config.json",
      "ckpt/damaged-step-000000003-q/MANIFEST.json", ".hidden",
    ] {
      try fixture.temporary.write("run/" + name, [1])
    }

    let removed = try fixture.folder.clear(holding: fixture.lock)

    #expect(
      removed.sorted() == [
        ".config.yaml.abc.tmp", ".model.def.tmp", ".tmp-latest-z", ".tmp-probe-1",
        ".tmp-step-000000002-x", ".trash-step-000000000-y",
      ])
    #expect(
      try names(root) == [".hidden", ".lock", "ckpt", "metrics.jsonl", "model", "samples"])
    #expect(
      try fixture.names() == ["damaged-step-000000003-q", "latest", "step-000000001"])
  }

  @Test("what a left-over link points to stays")
  func links() throws {
    let fixture = try RunFixture()
    let precious = try fixture.temporary.write("precious/file", [1])
    try FileManager.default.createSymbolicLink(
      atPath: fixture.folder.path + "/.tmp-link",
      withDestinationPath: fixture.temporary.file("precious"))

    try fixture.folder.clear(holding: fixture.lock)

    #expect(FileManager.default.fileExists(atPath: precious))
    #expect(try !names(fixture.folder.path).contains(".tmp-link"))
  }

  @Test("the lock of another folder clears nothing")
  func otherLock() throws {
    let fixture = try RunFixture()
    let other = try RunFixture()
    try fixture.temporary.write("run/.tmp-x", [1])

    #expect(throws: RunError.self) { try fixture.folder.clear(holding: other.lock) }
    #expect(try names(fixture.folder.path).contains(".tmp-x"))
  }
}
