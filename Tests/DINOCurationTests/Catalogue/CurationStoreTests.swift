import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Foundation
import Testing
import Torch

/// Stores made of rows, which need no model.
@Suite("CurationStore")
struct CurationStoreTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Writes a matrix and the names of its rows.
  private func matrix(
    _ rows: [[Float]], names: [String]? = nil, file: String = "rows.npy"
  ) throws -> String {
    let path = folder.file(file)
    try Npy.write(
      StoredTensor(floats: rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0]),
      to: path)
    if let names {
      try folder.write(file + ".names.txt", Array(names.map { $0 + "\n" }.joined().utf8))
    }
    return path
  }

  private func makeImport(_ shardImages: Int = 3) -> StoreImport {
    var job = StoreImport(origin: "planted")
    job.shardImages = shardImages
    return job
  }

  private var rows: [[Float]] { (0..<8).map { [Float($0), 1, -0.5] } }

  @Test("reads back rows and names, in shards, and finds nothing to do again")
  func roundTrip() async throws {
    let file = try matrix(rows, names: (0..<8).map { "image \($0)" })
    let report = try await makeImport()(file, into: folder.file("store"))

    #expect((report.images, report.rows, report.added) == (8, 8, 8))
    let store = try CurationStore(folder.file("store"))
    #expect(try store.matrix.block(0..<8).floats() == rows.flatMap { $0 })
    #expect(store.imageOfRow == Array(0..<8))
    #expect((0..<8).map { store.name(of: $0) } == (0..<8).map { "image \($0)" })
    #expect(try EmbeddingStore(folder.file("store")).names.count == 8)
    let again = try await makeImport()(file, into: folder.file("store"))
    #expect((again.added, again.rows, again.doneElsewhere) == (0, 8, 8))
    #expect(try CurationStore(folder.file("store")).digest == store.digest)
  }

  @Test("leaves out rows that are not finite and names them")
  func nonFinite() async throws {
    var rows = rows
    rows[2][1] = .nan
    rows[5][0] = -.infinity
    let file = try matrix(rows, names: (0..<8).map { "r\($0)" })
    let report = try await makeImport()(file, into: folder.file("store"))

    #expect(report.rows == 6)
    #expect(report.failures.map(\.name) == ["r2", "r5"])
    #expect(report.failures.allSatisfy { $0.problem.kind == .row })
    let store = try CurationStore(folder.file("store"))
    #expect(store.imageOfRow == [0, 1, 3, 4, 6, 7])
    let list = try String(contentsOfFile: folder.file("store/bad-images.tsv"), encoding: .utf8)
    #expect(list.split(separator: "\n").count == 2 && list.hasPrefix("r2\trow\t"))
  }

  @Test("keeps float16 rows to their precision and refuses what is beyond it")
  func float16() async throws {
    let file = try matrix([[1, 0.333_333_34], [70_000, 1]], names: ["a", "b"])
    var job = makeImport()
    job.precision = .float16
    let report = try await job(file, into: folder.file("store"))
    #expect(report.failures.map(\.name) == ["b"])
    let values = try CurationStore(folder.file("store")).matrix.block(0..<1).floats()
    #expect(values == [1, Float(Float16(0.333_333_34))])
  }

  @Test("adds images after those that are there")
  func adds() async throws {
    let first = try matrix(rows, names: (0..<8).map { "r\($0)" })
    _ = try await makeImport()(first, into: folder.file("store"))
    let second = try matrix(
      [[9, 9, 9], [3, 1, -0.5]], names: ["new", "r3"], file: "more.npy")
    let report = try await makeImport()(second, into: folder.file("store"))
    #expect((report.added, report.rows) == (1, 9))
    let store = try CurationStore(folder.file("store"))
    #expect(store.name(of: 8) == "new")
    #expect(try store.matrix.rows([8]).floats() == [9, 9, 9])
  }

  @Test("names that are not UTF-8 or hold line breaks come back byte for byte")
  func oddNames() async throws {
    let names = ["plain", "line\\x0abreak", "bytes \\xff\\xfe", "back\\\\slash", "ümläut"]
    let file = try matrix(Array(rows.prefix(5)), names: names)
    _ = try await makeImport()(file, into: folder.file("store"))
    let store = try CurationStore(folder.file("store"))
    #expect((0..<5).map { store.name(of: $0) } == names)
    try store.writeList(of: [0, 1, 2], to: folder.file("list"))
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("list")))
    #expect(Array(bytes) == Array("plain\0line\nbreak\0bytes ".utf8) + [0xFF, 0xFE, 0])
  }

  @Test("refuses other widths, origins, double names and files that are no matrix")
  func refusals() async throws {
    let file = try matrix(rows, names: (0..<8).map { "r\($0)" })
    _ = try await makeImport()(file, into: folder.file("store"))
    let wide = try matrix([[1, 2, 3, 4]], names: ["w"], file: "wide.npy")
    await #expect(throws: StoreError.self) {
      try await makeImport()(wide, into: folder.file("store"))
    }
    let other = try matrix([[1, 2, 3]], names: ["w"], file: "other.npy")
    await #expect(throws: StoreError.self) {
      try await StoreImport(origin: "another model")(other, into: folder.file("store"))
    }
    let double = try matrix([[1, 2], [3, 4]], names: ["a", "a"], file: "double.npy")
    await #expect(throws: StoreError.self) {
      try await makeImport()(double, into: folder.file("double"))
    }
    let few = try matrix([[1, 2], [3, 4]], names: ["a"], file: "few.npy")
    await #expect(throws: StoreError.self) { try await makeImport()(few, into: folder.file("few")) }
    try folder.write("vector.npy", Array("no array".utf8))
    await #expect(throws: StoreError.self) {
      try await makeImport()(folder.file("vector.npy"), into: folder.file("vector"))
    }
    #expect(throws: StoreError.self) { try CurationStore(folder.file("nothing")) }
  }

  @Test(
    "names a damaged file, and takes it out so that it comes back",
    arguments: [
      "shard-00001.npy", "shard-00001.records.tsv", "shard-00001.names.txt", "images-00000.tsv",
      "store.json", "catalogue.sqlite",
    ])
  func damage(name: String) async throws {
    let file = try matrix(rows, names: (0..<8).map { "r\($0)" })
    let path = folder.file("store")
    _ = try await makeImport()(file, into: path)
    let digest = try CurationStore(path).digest
    #expect(try StoreCheck(path, repairs: false).findings.isEmpty)

    var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")))
    bytes[bytes.count / 2 + 3] ^= 0x41
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))

    if name != "catalogue.sqlite" {
      #expect(throws: StoreError.self) { try CurationStore(path) }
    }
    let found = try StoreCheck(path, repairs: false).findings
    #expect(found.contains { $0.path == "\(path)/\(name)" && $0.repair == nil }, "\(found)")
    let repaired = try StoreCheck(path, repairs: true).findings
    #expect(repaired.allSatisfy { $0.repair != nil })
    _ = try await makeImport()(file, into: path)
    #expect(try CurationStore(path).digest == digest)
    #expect(try StoreCheck(path, repairs: false).findings.isEmpty)
  }

  @Test("goes on after a stop with the same bytes, whatever was half written")
  func resumes() async throws {
    let file = try matrix(rows, names: (0..<8).map { "r\($0)" })
    _ = try await makeImport()(file, into: folder.file("whole"))
    let path = folder.file("store")
    var options = StoreEmbedding.Options()
    options.shouldStop = { true }
    await #expect(throws: StoreError.self) {
      try await makeImport()(file, into: path, options: options)
    }
    // What a kill at bad moments leaves: a cut line, a row too many, temporary files.
    let journal = "\(path)/shard-00000.journal"
    let partial = "\(path)/shard-00000.npy.partial"
    var text = Array(try Data(contentsOf: URL(fileURLWithPath: journal)))
    text += Array("12\thalf".utf8)
    try Data(text).write(to: URL(fileURLWithPath: journal))
    var rows = Array(try Data(contentsOf: URL(fileURLWithPath: partial)))
    rows += [1, 2, 3, 4, 5]
    try Data(rows).write(to: URL(fileURLWithPath: partial))
    for name in [".shard-00000.names.txt.abc.tmp", ".images-00000.tsv.x.tmp"] {
      try Data([1]).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    }
    _ = try await makeImport()(file, into: path)
    // A kill between the last two steps of a shard leaves its journal.
    try Data([1]).write(to: URL(fileURLWithPath: "\(path)/shard-00001.journal"))
    _ = try await makeImport()(file, into: path)

    let names = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    #expect(
      try names == FileManager.default.contentsOfDirectory(atPath: folder.file("whole")).sorted())
    for name in names where name != ".shards.lock" {
      let one = try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)"))
      let other = try Data(contentsOf: URL(fileURLWithPath: folder.file("whole/\(name)")))
      #expect(one == other, "\(name)")
    }
  }
}
