import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Image encoder")
struct ImageEncoderTests {
  private let image: PixelBuffer
  private let folder: TemporaryFolder

  init() throws {
    image = try ResampleCase.image(seed: 4, Size(height: 31, width: 23))
    folder = try TemporaryFolder()
  }

  @Test("PNG and lossless WebP give every byte back", arguments: ["a.png", "a.PNG", "a.webp"])
  func lossless(name: String) throws {
    try ImageEncoder(quality: 100).write(image, to: folder.file(name))

    #expect(try ImageDecoder().decode(path: folder.file(name)) == image)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path) == [name])
  }

  @Test("JPEG and WebP come close", arguments: ["a.jpg", "a.jpeg", "a.webp"])
  func lossy(name: String) throws {
    let smooth = try image.resized(to: Size(height: 90, width: 120))

    try ImageEncoder(quality: 95).write(smooth, to: folder.file(name))

    let again = try ImageDecoder().decode(path: folder.file(name))
    #expect(again.size == smooth.size)
    #expect(zip(again.channelMeans, smooth.channelMeans).allSatisfy { abs($0 - $1) < 3 })
  }

  @Test("grey of 8 and 16 bits is written as such")
  func gray() throws {
    let size = Size(height: 2, width: 3)
    try ImageEncoder().writeGray(
      [0, 1, 2, 253, 254, 255] as [UInt8], size: size, to: folder.file("8.png"))
    try ImageEncoder().writeGray(
      [0, 1, 255, 256, 1000, 65_535] as [UInt16], size: size, to: folder.file("16.png"))

    #expect(try ImageDecoder().probe(path: folder.file("8.png")).mode == .gray)
    #expect(try ImageDecoder().probe(path: folder.file("16.png")).mode == .gray16)
    let eight = try ImageDecoder().decode(path: folder.file("8.png")).storage
    #expect(stride(from: 0, to: 18, by: 3).map { eight[$0] } == [0, 1, 2, 253, 254, 255])
    let sixteen = try ImageDecoder().decode(path: folder.file("16.png")).storage
    #expect(stride(from: 0, to: 18, by: 3).map { sixteen[$0] } == [0, 1, 255, 255, 255, 255])
  }

  @Test("indices keep their colours")
  func indexed() throws {
    let palette = ColorMap.categoricalTable(count: 3)
    try ImageEncoder().writeIndexed(
      [0, 1, 2, 2, 1, 7], size: Size(height: 3, width: 2), palette: palette,
      to: folder.file("i.png"))

    let image = try ImageDecoder().decode(path: folder.file("i.png"))

    #expect(try ImageDecoder().probe(path: folder.file("i.png")).mode == .palette)
    let colors = (0..<6).map { image.color(row: $0 / 2, column: $0 % 2) }
    #expect(colors == [palette[0], palette[1], palette[2], palette[2], palette[1], .black])
  }

  @Test("an ending that is not written is refused", arguments: ["a.gif", "a", ".png", "a.", "png"])
  func unknownEnding(name: String) throws {
    if name == ".png" {
      // A hidden file without a name is still a PNG.
      try ImageEncoder().write(image, to: folder.file(name))
      return
    }
    let error = #expect(throws: ImageError.self) {
      try ImageEncoder().write(image, to: folder.file(name))
    }
    #expect(error?.description.contains(".png") == true)
  }

  @Test("a folder that is missing is named in the message and nothing is left")
  func unwritable() throws {
    let path = folder.file("missing/a.png")
    let error = #expect(throws: ImageError.self) { try ImageEncoder().write(image, to: path) }
    #expect(error?.description.hasPrefix(path) == true)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path).isEmpty)
  }

  @Test("sizes that do not fit are refused")
  func sizes() throws {
    #expect(throws: ImageError.self) {
      try ImageEncoder().writeGray(
        [1, 2, 3] as [UInt8], size: Size(height: 2, width: 2), to: folder.file("a.png"))
    }
    #expect(throws: ImageError.self) {
      try ImageEncoder().writeGray(
        [1] as [UInt8], size: Size(height: 1, width: 1), to: folder.file("a.jpg"))
    }
  }
}
