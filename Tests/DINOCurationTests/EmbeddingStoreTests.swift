import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("EmbeddingStore")
struct EmbeddingStoreTests {
  private func write(
    _ rows: Range<Int>, to folder: String, _ precision: EmbeddingStore.Precision = .float32
  ) throws {
    let writer = try EmbeddingStore.Writer(
      folder, columns: 2, precision: precision, shardRows: 3)
    for row in rows { try writer.append([Float(row), 0.5], name: "image \(row)") }
    try writer.flush()
  }

  @Test("reads back what was written", arguments: EmbeddingStore.Precision.allCases)
  func roundTrip(precision: EmbeddingStore.Precision) throws {
    let folder = try TemporaryFolder()
    try write(0..<7, to: folder.file("store"), precision)
    let store = try EmbeddingStore(folder.file("store"))

    #expect(store.names == (0..<7).map { "image \($0)" })
    #expect(try store.matrix.block(2..<4).floats() == [2, 0.5, 3, 0.5])
    #expect(try store.matrix.rows([6]).floats() == [6, 0.5])
  }

  @Test("goes on after whole shards")
  func resumes() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store")
    do {
      let writer = try EmbeddingStore.Writer(path, columns: 2, shardRows: 3)
      for row in 0..<5 { try writer.append([Float(row), 0.5], name: "image \(row)") }
      #expect(writer.rowCount == 3)
    }
    // The two rows after the first shard are lost, names without rows do not count.
    try folder.write("store/shard-00001.names.txt", Array("half".utf8))
    let writer = try EmbeddingStore.Writer(path, columns: 2, shardRows: 3)
    #expect(writer.rowCount == 3)
    try write(3..<8, to: path)

    let store = try EmbeddingStore(path)
    #expect(store.names == (0..<8).map { "image \($0)" })
    #expect(try store.matrix.block(0..<8).floats() == (0..<8).flatMap { [Float($0), 0.5] })
  }

  @Test("refuses rows and folders that do not fit")
  func refusals() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store")
    #expect(throws: CurationError.self) { try EmbeddingStore(path) }
    let writer = try EmbeddingStore.Writer(path, columns: 2, precision: .float16)
    #expect(throws: CurationError.self) { try writer.append([1], name: "a") }
    #expect(throws: CurationError.self) { try writer.append([1, .nan], name: "a") }
    #expect(throws: CurationError.self) { try writer.append([1, 1e6], name: "a") }
    #expect(throws: CurationError.self) { try writer.append([1, 2], name: "a\nb") }
    try writer.append([1, 2], name: "a")
    try writer.flush()
    #expect(throws: CurationError.self) { try EmbeddingStore.Writer(path, columns: 3) }
    #expect(throws: CurationError.self) { try EmbeddingStore.Writer(path, columns: 0) }
    #expect(throws: CurationError.self) {
      try EmbeddingStore.Writer(path + "/shard-00000.npy", columns: 2)
    }
    try FileManager.default.removeItem(atPath: path + "/shard-00000.names.txt")
    #expect(throws: CurationError.self) { try EmbeddingStore(path) }
  }
}
