import DINOTestSupport
import Foundation
import Glibc
import Imaging
import Testing

@Suite("Image decoder")
struct ImageDecoderTests {
  private let image: PixelBuffer

  init() throws { image = try ResampleCase.image(seed: 5, Size(height: 12, width: 17)) }

  /// A PNG header that claims a size; its pixels are few bytes.
  private func png(claiming size: Size) throws -> [UInt8] {
    let bytes = try ImageEncoder().encode(image, as: .png)
    var result = bytes
    for (index, side) in [size.width, size.height].enumerated() {
      for byte in 0..<4 {
        result[16 + 4 * index + byte] = UInt8(truncatingIfNeeded: side >> (24 - 8 * byte))
      }
    }
    return result
  }

  @Test("refuses huge images on their header")
  func bombs() throws {
    for size in [
      Size(height: 60_000, width: 60_000), Size(height: 1, width: 70_000),
      Size(height: 65_535, width: 65_535),
    ] {
      let error = #expect(throws: ImageError.self) {
        try ImageDecoder().decode(bytes: png(claiming: size), name: "bomb.png")
      }
      guard case .tooLarge = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test("refuses bombs of formats that are read here")
  func ownBombs() throws {
    let bmp: [UInt8] =
      Array("BM".utf8) + [0, 0, 0, 0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0]
      + [0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 1, 0, 24, 0]
      + [UInt8](repeating: 0, count: 24)
    for bytes in [bmp, Array("P6 999999999 999999999 255\n".utf8), Array("P1 4000000000 1\n".utf8)]
    {
      #expect(throws: ImageError.self) { try ImageDecoder().decode(bytes: bytes) }
    }
  }

  @Test("refuses what is no image, in one line that says what was found")
  func noImage() throws {
    for bytes in [[], Array("hello, world".utf8), [0], [0xFF, 0xD8, 0xFF], Array("GIF89a".utf8)]
      as [[UInt8]]
    {
      let error = #expect(throws: ImageError.self) {
        try ImageDecoder().decode(bytes: bytes, name: "x.jpg")
      }
      #expect(error?.description.hasPrefix("x.jpg: ") == true)
    }
  }

  @Test("refuses folders, pipes and missing files without waiting")
  func notRegular() throws {
    let folder = try TemporaryFolder()
    #expect(mkfifo(folder.file("pipe.png"), 0o600) == 0)
    for path in [folder.path, folder.file("pipe.png"), folder.file("none.png"), "a\0b"] {
      let error = #expect(throws: ImageError.self) { try ImageDecoder().decode(path: path) }
      guard case .file = error else {
        Issue.record("\(String(describing: error))")
        continue
      }
    }
  }

  @Test("the name of a file does not matter, its bytes do")
  func wrongEnding() throws {
    let folder = try TemporaryFolder()
    let path = try folder.write("photo.jpg", ImageEncoder().encode(image, as: .png))

    #expect(try ImageDecoder().decode(path: path) == image)
    #expect(try ImageDecoder().probe(path: path).format == .png)
  }

  @Test("a JPEG without its last two bytes is refused, and read leniently")
  func truncatedJPEG() throws {
    let bytes = try ImageEncoder().encode(image, as: .jpeg)
    let whole = try ImageDecoder().decode(bytes: bytes)
    let short = Array(bytes.dropLast(2))

    #expect(throws: ImageError.self) { try ImageDecoder().decode(bytes: short) }
    #expect(try ImageDecoder(isLenient: true).decode(bytes: short) == whole)
    let half = try ImageDecoder(isLenient: true).decode(
      bytes: Array(bytes.dropLast(bytes.count / 4)))
    #expect(half.size == whole.size)
  }

  @Test("the EXIF orientation is applied only when asked for")
  func orientation() throws {
    let path = try EvaluationImage.golden.sideFile("images/exif_rotated.jpg")
    let info = try ImageDecoder().probe(path: path)
    let stored = try ImageDecoder().decode(path: path)

    let upright = try ImageDecoder(appliesOrientation: true).decode(path: path)

    #expect(info.orientation != 1)
    #expect(try upright == stored.oriented(info.orientation))
    #expect(upright != stored)
  }

  @Test("every orientation has its inverse")
  func inverses() throws {
    let inverse = [1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6]
    for (one, other) in inverse {
      #expect(try image.oriented(one).oriented(other) == image)
    }
  }

  @Test("limits are those of the caller")
  func limits() throws {
    let bytes = try ImageEncoder().encode(image, as: .png)
    var limits = ImageLimits()
    limits.pixels = 12 * 17 - 1
    #expect(throws: ImageError.self) { try ImageDecoder(limits: limits).decode(bytes: bytes) }
    limits.pixels += 1
    limits.encodedBytes = bytes.count
    #expect(try ImageDecoder(limits: limits).decode(bytes: bytes) == image)
    limits.encodedBytes -= 1
    #expect(throws: ImageError.self) { try ImageDecoder(limits: limits).decode(bytes: bytes) }
    limits = ImageLimits()
    limits.side = 16
    #expect(throws: ImageError.self) { try ImageDecoder(limits: limits).decode(bytes: bytes) }
  }

  @Test("portable images of every kind")
  func portable() throws {
    func gray(_ text: String) throws -> [UInt8] {
      let image = try ImageDecoder().decode(bytes: Array(text.utf8))
      return stride(from: 0, to: image.storage.count, by: 3).map { image.storage[$0] }
    }
    #expect(try gray("P1\n# comment\n3 2\n101\n0 1 0\n") == [0, 255, 0, 255, 0, 255])
    #expect(try gray("P2 2 1 4 0 2 ") == [0, 128])
    #expect(try gray("P5 2 1 255\nAz") == [65, 122])
    #expect(try gray("P4 3 1\nA") == [255, 0, 255])
    #expect(
      try ImageDecoder().decode(bytes: Array("P3 1 1 255 1 2 3 ".utf8)).storage == [1, 2, 3])
    #expect(throws: ImageError.self) { try gray("P5 2 1 255\nA") }
    #expect(throws: ImageError.self) { try gray("P2 2 1 4 9 9 ") }
  }
}
