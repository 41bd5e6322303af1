import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Testing
import Torch

@Suite("EmbeddingMatrix")
struct EmbeddingMatrixTests {
  @Test("reads blocks and single rows, also across parts")
  func blocks() throws {
    let values = Planted.values(rows: 10, columns: 3)
    let parts = try [0..<4, 4..<4, 4..<9, 9..<10].map { rows in
      try StoredTensor(
        floats: Array(values[(rows.lowerBound * 3)..<(rows.upperBound * 3)]),
        shape: [rows.count, 3])
    }
    let matrix = try EmbeddingMatrix(parts: parts)

    #expect(matrix.rowCount == 10)
    #expect(try matrix.block(0..<10).floats() == values)
    #expect(try matrix.block(3..<6).floats() == Array(values[9..<18]))
    #expect(try matrix.block(5..<5).shape == [0, 3])
    let (first, last) = (Array(values[..<3]), Array(values[27...]))
    #expect(try matrix.rows([9, 0, 9]).floats() == [last, first, last].flatMap { $0 })
    #expect(try matrix.selecting([4]).block(0..<1).floats() == Array(values[12..<15]))
  }

  @Test("scales rows to length 1, however short or long, and leaves zero at zero")
  func normalizes() throws {
    let tiny: Float = 0x1p-140  // its reciprocal is beyond float32
    let matrix = try EmbeddingMatrix(
      [3, 4, 0, 0, 3 * tiny, 4 * tiny, -3e38, 0], columns: 2
    ).normalized()

    #expect(try matrix.block(0..<4).floats() == [0.6, 0.8, 0, 0, 0.6, 0.8, -1, 0])
    #expect(try matrix.rows([3]).floats() == [-1, 0])
  }

  @Test("maps the files of dinov2 embed")
  func readsFiles() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.npy")
    let writer = try NpyRowWriter.create(path, columns: 3)
    try writer.append([1, 2, 3, 4, 5, 6])
    try writer.finish()
    #expect(try EmbeddingFile(path: path).names == nil)
    try folder.write("x.npy.names.txt", Array("a/1.png\nb 2.png\n".utf8))

    let file = try EmbeddingFile(path: path)

    #expect(file.names == ["a/1.png", "b 2.png"])
    #expect(try file.matrix.block(1..<2).floats() == [4, 5, 6])
    try folder.write("x.npy.names.txt", Array("a/1.png\n".utf8))
    #expect(throws: CurationError.self) { try EmbeddingFile(path: path) }
  }

  @Test("maps safetensors, other float types and column-major arrays")
  func readsOtherForms() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("x.safetensors")
    try Safetensors.write(
      [(name: "embeddings", tensor: StoredTensor(doubles: [1, 2, 3, 4], shape: [2, 2]))], to: path)
    let halves: [UInt16] = [0x3C00, 0xC000]  // 1 and -2
    let half = try halves.withUnsafeBytes {
      try StoredTensor(copying: $0, as: .float16, shape: [1, 2])
    }
    let magic = "\u{93}NUMPY\u{1}\u{0}".unicodeScalars.map { UInt8($0.value) }
    let header = "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 2), }".utf8
    let bytes = [1, 3, 2, 4].flatMap { value in
      withUnsafeBytes(of: Float(value).bitPattern.littleEndian) { Array($0) }
    }
    let padding = 128 - 10 - header.count - 1
    try folder.write(
      "f.npy",
      magic + [118, 0] + Array(header) + [UInt8](repeating: 0x20, count: padding) + [10] + bytes)

    #expect(try EmbeddingFile(path: path).matrix.block(1..<2).floats() == [3, 4])
    #expect(try EmbeddingMatrix(half).block(0..<1).floats() == [1, -2])
    #expect(try EmbeddingMatrix(half).rows([0]).floats() == [1, -2])
    #expect(try EmbeddingFile(path: folder.file("f.npy")).matrix.rows([1]).floats() == [3, 4])
  }

  @Test("names the row that is not finite", arguments: [Float.nan, .infinity, -.infinity])
  func refusesNonFinite(value: Float) throws {
    var values = Planted.values(rows: 5000, columns: 4)
    values[4 * 4321 + 2] = value

    let error = #expect(throws: CurationError.self) {
      try EmbeddingMatrix(values, columns: 4, source: "pool.npy")
    }
    #expect(error == .notFinite(source: "pool.npy", row: 4321))
    #expect(error?.description.contains("row 4321") == true)
  }

  @Test("refuses what is no matrix")
  func refusesOtherShapes() throws {
    #expect(throws: CurationError.self) { try EmbeddingMatrix([1, 2, 3], columns: 2) }
    #expect(throws: CurationError.self) { try EmbeddingMatrix([], columns: 0) }
    #expect(throws: CurationError.self) { try EmbeddingMatrix(parts: []) }
    #expect(throws: CurationError.self) {
      try EmbeddingMatrix(StoredTensor(integers: [1, 2], shape: [1, 2]))
    }
    #expect(throws: CurationError.self) {
      try EmbeddingMatrix(StoredTensor(floats: [1, 2], shape: [2]))
    }
    let matrix = try EmbeddingMatrix([1, 2], columns: 2)
    #expect(throws: CurationError.self) { try matrix.block(0..<2) }
    #expect(throws: CurationError.self) { try matrix.rows([1]) }
    #expect(throws: CurationError.self) { try matrix.rows([-1]) }
    #expect(throws: CurationError.self) { try matrix.rows([.max]) }
    #expect(throws: CurationError.self) {
      try matrix.joined(with: EmbeddingMatrix([1, 2, 3], columns: 3))
    }
    #expect(try EmbeddingMatrix([], columns: 3).rowCount == 0)
  }
}
