import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Whole numbers from PNG files")
struct ValueImageTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ path: String) throws -> ValueImage {
    try ImageDecoder().decodeValues(
      bytes: [UInt8](Data(contentsOf: URL(fileURLWithPath: path))), name: path)
  }

  @Test("indices come back without their colours")
  func indices() throws {
    let size = Size(height: 5, width: 7)
    let values = (0..<35).map { UInt8($0 * 7 % 256) }
    // Two indices of one colour stay apart.
    let palette = [RGB](repeating: RGB(9, 9, 9), count: 256)
    let path = folder.file("mask.png")
    try ImageEncoder().writeIndexed(values, size: size, palette: palette, to: path)

    let found = try read(path)

    #expect(found.size == size && found.values == values.map(UInt16.init) && found.largest == 255)
  }

  @Test("grey of 8 and 16 bits is neither scaled nor clipped")
  func grey() throws {
    let size = Size(height: 3, width: 40)
    let bytes = (0..<120).map { UInt8($0 * 2) }
    let words = (0..<120).map { UInt16($0 * 546) }
    try ImageEncoder().writeGray(bytes, size: size, to: folder.file("8.png"))
    try ImageEncoder().writeGray(words, size: size, to: folder.file("16.png"))

    #expect(try read(folder.file("8.png")).values == bytes.map(UInt16.init))
    let wide = try read(folder.file("16.png"))
    #expect(wide.values == words && wide.largest == .max)
  }

  /// A PNG file whose pixels are not compressed; check sums are left out, which is how we read it.
  private func png(_ size: Size, depth: UInt8, color: UInt8, rows: [[UInt8]]) -> [UInt8] {
    func big(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(value >> (24 - 8 * $0) & 255) } }
    func chunk(_ kind: String, _ data: [UInt8]) -> [UInt8] {
      big(data.count) + Array(kind.utf8) + data + [0, 0, 0, 0]
    }
    let raw: [UInt8] = rows.flatMap { [0] + $0 }
    let count = [UInt8(raw.count & 255), UInt8(raw.count >> 8)]
    var (a, b) = (1, 0)
    for byte in raw { (a, b) = ((a + Int(byte)) % 65_521, (b + (a + Int(byte)) % 65_521) % 65_521) }
    let packed = [0x78, 1, 1] + count + count.map { ~$0 } + raw + big(b << 16 | a)
    return [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
      + chunk("IHDR", big(size.width) + big(size.height) + [depth, color, 0, 0, 0])
      + (color == 3 ? chunk("PLTE", [1, 2, 3, 4, 5, 6]) : [])
      + chunk("IDAT", packed) + chunk("IEND", [])
  }

  @Test("several pixels in a byte are taken apart", arguments: [1, 2, 4])
  func packed(depth: Int) throws {
    let size = Size(height: 2, width: 9)
    let values = (0..<18).map { UInt16($0 % (1 << depth)) }
    let rows = (0..<2).map { row -> [UInt8] in
      var bytes = [UInt8](repeating: 0, count: (9 * depth + 7) / 8)
      for column in 0..<9 {
        let bit = column * depth
        bytes[bit / 8] |= UInt8(values[9 * row + column]) << UInt8(8 - depth - bit % 8)
      }
      return bytes
    }

    for color in [UInt8(0), 3] {
      let found = try ImageDecoder().decodeValues(
        bytes: png(size, depth: UInt8(depth), color: color, rows: rows))
      #expect(found.values == values && found.largest == UInt16((1 << depth) - 1))
    }
  }

  @Test("colours, other formats, damage and size are refused in one line")
  func refusals() throws {
    let image = try PixelBuffer(size: Size(height: 4, width: 4), fill: RGB(1, 2, 3))
    let jpeg = try ImageEncoder().encode(image, as: .jpeg)
    let rgb = try ImageEncoder().encode(image, as: .png)
    let good = png(Size(height: 2, width: 2), depth: 8, color: 0, rows: [[1, 2], [3, 4]])
    let huge = png(Size(height: 60_000, width: 60_000), depth: 8, color: 0, rows: [[1]])
    func complaint(_ bytes: [UInt8]) -> String {
      let error = #expect(throws: ImageError.self) {
        try ImageDecoder().decodeValues(bytes: bytes, name: "mask")
      }
      return error.map { "\($0)" } ?? ""
    }

    #expect(try ImageDecoder().decodeValues(bytes: good).values == [1, 2, 3, 4])
    #expect(complaint(jpeg).contains("jpeg") && complaint(rgb).contains("colour type"))
    #expect(complaint([]).contains("empty") && complaint(Array("text".utf8)).contains("no image"))
    #expect(complaint(Array(good.prefix(good.count - 30))).hasPrefix("mask"))
    #expect(complaint(huge).contains("60000x60000"))
  }
}
