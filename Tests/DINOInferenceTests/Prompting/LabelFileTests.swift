import CheckpointFormats
import DINOData
import DINOInference
import DINOTestSupport
import Imaging
import Testing

@Suite("LabelFile")
struct LabelFileTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("writes 8 bits where they do, else 16, and reads both back")
  func roundTrip() throws {
    for (values, largest) in [([0, 7, 255, 3, 0, 1], 255), ([0, 7, 256, 65_535, 0, 1], 65_535)] {
      let labels = try ValueImage(
        values.map { UInt16($0) }, size: Size(height: 2, width: 3))
      let path = folder.file("labels\(largest).npy")

      try LabelFile.write(labels, to: path)

      #expect(try LabelFile.read(path).values == labels.values)
      let array = try NpyArray.read(path)
      #expect(array.shape == [2, 3])
      #expect(array.element.byteCount == (largest > 255 ? 2 : 1))
    }
  }

  @Test("reads PNG files of indices and of grey")
  func png() throws {
    let size = Size(height: 1, width: 3)
    try ImageEncoder().writeIndexed(
      [0, 9, 2], size: size, palette: [.black], to: folder.file("i.png"))
    try ImageEncoder().writeGray([0, 300, 2] as [UInt16], size: size, to: folder.file("g.png"))

    #expect(try LabelFile.read(folder.file("i.png")).values == [0, 9, 2])
    #expect(try LabelFile.read(folder.file("g.png")).values == [0, 300, 2])
  }

  @Test("refuses other files in one line")
  func refusals() throws {
    try Npy.write(StoredTensor(floats: [1, 2], shape: [1, 2]), to: folder.file("f.npy"))
    try Npy.write(StoredTensor(integers: [1, 2], shape: [2]), to: folder.file("flat.npy"))
    try Npy.write(StoredTensor(integers: [-1, 2], shape: [1, 2]), to: folder.file("minus.npy"))
    try Npy.write(StoredTensor(integers: [70_000], shape: [1, 1]), to: folder.file("big.npy"))
    try Npy.write(StoredTensor(integers: [], shape: [0, 3]), to: folder.file("none.npy"))
    try folder.write("text.npy", Array("labels".utf8))
    try folder.write("text.png", Array("labels".utf8))
    try ImageEncoder().write(
      PixelBuffer(size: Size(height: 2, width: 2), fill: RGB(1, 2, 3)), to: folder.file("rgb.png"))
    for name in [
      "f.npy", "flat.npy", "minus.npy", "big.npy", "none.npy", "text.npy", "text.png", "rgb.png",
      "missing.npy", "missing.png",
    ] {
      let error = #expect(throws: InferenceError.self) { try LabelFile.read(folder.file(name)) }
      let message = error.map { "\($0)" } ?? ""
      #expect(message.contains(name) && !message.contains("\n"), "\(name): \(message)")
    }
  }

  @Test("counts pixels of labels and enlarges without mixing them")
  func labels() throws {
    let labels = try ValueImage([5, 0, 9, 5], size: Size(height: 2, width: 2))

    #expect(labels.labels == [5, 9])
    #expect(labels.areas(of: [5, 9, 1]) == [5: 2, 9: 1, 1: 0])
    let large = try labels.resizedToNearest(Size(height: 2, width: 4))
    #expect(large.values == [5, 5, 0, 0, 9, 9, 5, 5])
    #expect(try large.resizedToNearest(Size(height: 2, width: 2)) == labels)
  }
}
