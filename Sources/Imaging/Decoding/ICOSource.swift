/// The largest picture of a Windows icon: a PNG file, or a bitmap without its file header.
struct ICOSource: ImageSource {
  private let inner: any ImageSource
  private let pictures: Int
  private let isBitmap: Bool

  /// Reads the directory and the header of the largest picture.
  init(_ encoded: EncodedImage) throws(ImageError) {
    var cursor = ByteCursor(encoded, at: 4)
    pictures = try cursor.little(2)
    var best: (area: Int, depth: Int, offset: Int)?
    for index in 0..<pictures {
      var entry = ByteCursor(encoded, at: 6 + 16 * index)
      guard entry.remaining >= 16 else { break }
      let (width, height) = (try entry.little(1), try entry.little(1))
      entry.position += 4
      let depth = try entry.little(2)
      entry.position += 4
      let offset = try entry.little(4)
      // A side of 256 is written as 0.
      let area = (width == 0 ? 256 : width) * (height == 0 ? 256 : height)
      if best.map({ ($0.area, $0.depth) < (area, depth) }) ?? true { best = (area, depth, offset) }
    }
    guard let best, best.offset < encoded.bytes.count else {
      throw encoded.damaged("is an icon file whose directory names no picture inside the file")
    }
    let rest = Array(encoded.bytes[best.offset...])
    let part = EncodedImage(
      bytes: rest, file: encoded.file, format: .ico, limits: encoded.limits,
      isLenient: encoded.isLenient)
    isBitmap = ImageFormat.detect(rest) != .png
    if isBitmap {
      inner = try BMPSource(icon: part)
    } else {
      inner = try PNGSource(part.named(.png))
    }
  }

  func info() throws(ImageError) -> ImageInfo {
    var info = try inner.info()
    info.format = .ico
    info.frames = max(pictures, 1)
    return info
  }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer { try inner.decode(info) }
}

extension EncodedImage {
  /// The same bytes as another format.
  func named(_ format: ImageFormat) -> EncodedImage {
    EncodedImage(bytes: bytes, file: file, format: format, limits: limits, isLenient: isLenient)
  }
}
