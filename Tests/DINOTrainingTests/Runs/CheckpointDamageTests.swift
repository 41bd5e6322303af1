import DINOTestSupport
import DINOTraining
import Foundation
import Testing

@Suite("Damaged checkpoints")
struct CheckpointDamageTests {
  private let fixture: RunFixture

  init() throws {
    fixture = try RunFixture()
    let store = try fixture.store()
    for iteration in [10, 20, 30] { try store.save(Sample.snapshot(iteration)) }
  }

  private func file(_ name: String, of iteration: Int = 30) -> String {
    "\(fixture.folder.checkpoints)/step-0000000\(iteration)/\(name)"
  }

  private static let names = [
    "MANIFEST.json", "shard-00000-of-00001.safetensors", "state-00000-of-00001.json",
  ]

  /// Writes other bytes into a file of the newest checkpoint, looks what a reader says, and restores it.
  private func damaging(
    _ name: String, _ change: (inout Data) -> Void, _ check: (RunError) throws -> Void
  ) throws {
    let url = URL(fileURLWithPath: file(name))
    let whole = try Data(contentsOf: url)
    var damaged = whole
    change(&damaged)
    try damaged.write(to: url)
    let error = #expect(throws: RunError.self) { try fixture.reader.load(iteration: 30) }
    try check(try #require(error))
    let newest = try #require(try fixture.reader.newest())
    #expect(newest.checkpoint.iteration == 20)
    #expect(try Sample.matches(newest.checkpoint))
    #expect(newest.rejected.map(\.iteration) == [30])
    try whole.write(to: url)
  }

  @Test("each flipped bit is noticed, the file is named, and the one before is used")
  func flips() throws {
    var generator = SeededGenerator(state: 1)
    for trial in 0..<200 {
      let name = Self.names[trial % 3]
      try damaging(name) { bytes in
        let bit = Int.random(in: 0..<(8 * bytes.count), using: &generator)
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      } _: { error in
        #expect("\(error)".contains(name), "trial \(trial)")
        #expect(error.exitCode == 3)
      }
    }
  }

  @Test("each byte of the manifest counts")
  func everyManifestByte() throws {
    let url = URL(fileURLWithPath: file("MANIFEST.json"))
    let whole = try Data(contentsOf: url)
    for index in whole.indices {
      var damaged = whole
      damaged[index] ^= 1 << UInt8(index % 8)
      try damaged.write(to: url)
      #expect(throws: RunError.self, "byte \(index)") { try fixture.reader.load(iteration: 30) }
    }
  }

  @Test("files that are cut, lengthened, zeroed or empty are noticed")
  func sizes() throws {
    var generator = SeededGenerator(state: 2)
    for trial in 0..<60 {
      let name = Self.names[trial % 3]
      try damaging(name) { bytes in
        switch trial / 3 % 4 {
        case 0: bytes.removeLast(Int.random(in: 1...bytes.count, using: &generator))
        case 1: bytes.append(contentsOf: [0])
        case 2: bytes = Data(count: bytes.count)
        default: bytes = Data()
        }
      } _: { error in
        #expect("\(error)".contains(name), "trial \(trial)")
      }
    }
  }

  @Test("a missing file is named", arguments: names)
  func missing(name: String) throws {
    try FileManager.default.removeItem(atPath: file(name))

    let error = #expect(throws: RunError.self) { try fixture.reader.load(iteration: 30) }

    #expect("\(try #require(error))".contains(name))
    #expect("\(try #require(error))".contains("missing"))
  }

  @Test("a link in place of a file is no file")
  func link() throws {
    let name = "state-00000-of-00001.json"
    try FileManager.default.moveItem(atPath: file(name), toPath: fixture.temporary.file("x"))
    try FileManager.default.createSymbolicLink(
      atPath: file(name), withDestinationPath: fixture.temporary.file("x"))

    #expect(throws: RunError.self) { try fixture.reader.load(iteration: 30) }
  }

  @Test("a checkpoint under the name of another iteration is noticed")
  func renamed() throws {
    try FileManager.default.moveItem(
      atPath: fixture.folder.checkpoints + "/step-000000030",
      toPath: fixture.folder.checkpoints + "/step-000000031")

    let error = #expect(throws: RunError.self) { try fixture.reader.load(iteration: 31) }

    #expect("\(try #require(error))".contains("is that of iteration 30"))
  }

  @Test("the strict mode stops at the newest")
  func strict() throws {
    try FileManager.default.removeItem(atPath: file("MANIFEST.json"))

    let error = #expect(throws: RunError.self) { try fixture.store().resume(isStrict: true) }

    #expect("\(try #require(error))".contains("step-000000030: MANIFEST.json is missing"))
    #expect(try fixture.reader.iterations() == [10, 20, 30])
  }

  @Test("if none is whole that is an error with every reason, not a new beginning")
  func noneWhole() throws {
    for iteration in [10, 20, 30] {
      try FileManager.default.removeItem(atPath: file("MANIFEST.json", of: iteration))
    }

    let error = #expect(throws: RunError.self) { try fixture.store().resume() }

    guard case .damaged(_, let reasons) = error else {
      Issue.record("\(String(describing: error)) is not damaged")
      return
    }
    #expect(reasons.count == 3)
    #expect(!"\(try #require(error))".contains("\n"))
  }

  @Test("resuming sets damaged ones aside, so that their iterations can be saved again")
  func setAside() throws {
    try FileManager.default.removeItem(atPath: file("state-00000-of-00001.json"))
    let store = try fixture.store()

    let resumed = try #require(try store.resume())
    try store.save(Sample.snapshot(30))

    #expect(resumed.checkpoint.iteration == 20)
    #expect(resumed.rejected.map(\.iteration) == [30])
    #expect(resumed.rejected[0].reason.contains("state-00000-of-00001.json"))
    #expect(try fixture.reader.iterations() == [10, 20, 30])
    #expect(try Sample.matches(fixture.reader.load(iteration: 30)))
    #expect(try fixture.names().filter { $0.hasPrefix("damaged-step-000000030-") }.count == 1)
  }

  @Test("names that only look like a checkpoint's do not count")
  func strangeNames() throws {
    for name in ["step-31", "step-0000000031x", "step--00000031", "step-+00000031", "step-"] {
      try FileManager.default.createDirectory(
        atPath: fixture.folder.checkpoints + "/" + name, withIntermediateDirectories: false)
    }

    #expect(try fixture.reader.iterations() == [10, 20, 30])
  }
}
