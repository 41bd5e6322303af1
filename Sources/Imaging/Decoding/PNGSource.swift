internal import CVips

/// A PNG file.
///
/// libvips decodes it. What libpng refuses but Pillow reads (a wrong check sum of pixel data, chunks in an
/// odd order) is decoded by ``PNGPixels``, with every access checked.
struct PNGSource: ImageSource {
  let encoded: EncodedImage
  private(set) var size = Size(height: 0, width: 0)
  private(set) var depth = 0
  private(set) var colorType = 0
  private(set) var isInterlaced = false
  private(set) var palette: [RGB] = []
  /// Where the pieces of the compressed pixels lie in the file.
  private(set) var pixelChunks: [Range<Int>] = []
  private(set) var frames = 1

  /// The channels per pixel by colour type.
  private static let channelCounts = [0: 1, 2: 3, 3: 1, 4: 2, 6: 4]
  /// The most chunks besides those of pixels.
  private static let mostChunks = 100_000

  var channels: Int { PNGSource.channelCounts[colorType] ?? 1 }

  /// Reads the chunks' headers.
  init(_ encoded: EncodedImage) throws(ImageError) {
    self.encoded = encoded
    var cursor = ByteCursor(encoded, at: 8)
    var others = 0
    while cursor.remaining >= 8 {
      let length = try cursor.big(4)
      let kind = try cursor.letters()
      let start = cursor.position
      let end = start + min(length, max(encoded.bytes.count - start, 0))
      switch kind {
      case "IHDR": try readHeader(at: start)
      case "PLTE": readPalette(start..<end)
      case "IDAT": pixelChunks.append(start..<end)
      case "acTL":
        var count = ByteCursor(encoded, at: start)
        frames = max((try? count.big(4)) ?? 1, 1)
      default: others += 1
      }
      cursor.position = end + 4
      if kind == "IEND" || others > PNGSource.mostChunks { break }
    }
    guard depth > 0 else { throw encoded.damaged("is a PNG file without its header (IHDR)") }
    guard !pixelChunks.isEmpty else { throw encoded.damaged("is a PNG file without pixels (IDAT)") }
  }

  private mutating func readHeader(at start: Int) throws(ImageError) {
    guard depth == 0 else { return }
    var cursor = ByteCursor(encoded, at: start)
    size.width = try cursor.big(4)
    size.height = try cursor.big(4)
    depth = try cursor.big(1)
    colorType = try cursor.big(1)
    // The bytes for compression and row filter have one legal value, which no reader needs.
    cursor.position += 2
    let interlace = try cursor.big(1)
    let depths: [Int: [Int]] = [
      0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16],
    ]
    guard depths[colorType]?.contains(depth) == true, interlace < 2
    else {
      throw encoded.damaged(
        "is a PNG file with colour type \(colorType), depth \(depth) "
          + "and interlacing \(interlace), which do not exist together")
    }
    isInterlaced = interlace == 1
  }

  private mutating func readPalette(_ range: Range<Int>) {
    palette = (0..<range.count / 3).prefix(256).map { index in
      let at = range.lowerBound + 3 * index
      return RGB(encoded.bytes[at], encoded.bytes[at + 1], encoded.bytes[at + 2])
    }
  }

  private var mode: ImageInfo.Mode {
    switch colorType {
    case 0: depth == 1 ? .bilevel : depth == 16 ? .gray16 : .gray
    case 2: .rgb
    case 3: .palette
    case 4: .grayAlpha
    default: .rgba
    }
  }

  func info() throws(ImageError) -> ImageInfo {
    let orientation = (try? VipsSource(encoded).info().orientation) ?? 1
    return ImageInfo(
      format: .png, size: size, mode: mode, orientation: orientation, frames: frames)
  }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    do {
      // Grey of 16 bits is clipped, also where a colour counts as transparent: then libvips adds alpha.
      return try VipsSource(encoded, clipsGray16: colorType == 0).decode(info)
    } catch {
      // Only if libvips, which is faster, cannot.
      return try PNGPixels(self).decode()
    }
  }
}
