/// The first frame of a GIF file.
///
/// Read here because libvips shows transparent parts and frames smaller than the screen in other colours than
/// Pillow, which the original sees.
struct GIFSource: ImageSource {
  let encoded: EncodedImage
  private var size: Size
  private var frame = Region(top: 0, left: 0, height: 0, width: 0)
  private var palette: [RGB] = []
  private var transparent: Int?
  private var isInterlaced = false
  private var dataOffset = 0
  private var frames = 1

  /// Reads the blocks up to the pixels of the first frame.
  init(_ encoded: EncodedImage) throws(ImageError) {
    self.encoded = encoded
    var cursor = ByteCursor(encoded, at: 6)
    let width = try cursor.little(2)
    size = Size(height: try cursor.little(2), width: width)
    let flags = try cursor.little(1)
    cursor.position += 2
    if flags & 0x80 != 0 { palette = try GIFSource.colors(&cursor, 2 << (flags & 7)) }
    while true {
      let block = try cursor.byte()
      if block == 0x2C { break }
      guard block != 0x3B else { throw encoded.damaged("is a GIF file without a picture") }
      if block == 0x21 { try readExtension(&cursor) }
    }
    try readFrame(&cursor)
    frames = countFrames(from: dataOffset + 1)
  }

  private static func colors(
    _ cursor: inout ByteCursor, _ count: Int
  ) throws(ImageError) -> [RGB] {
    var colors: [RGB] = []
    for _ in 0..<count {
      colors.append(RGB(try cursor.byte(), try cursor.byte(), try cursor.byte()))
    }
    return colors
  }

  private mutating func readExtension(_ cursor: inout ByteCursor) throws(ImageError) {
    let isControl = try cursor.byte() == 0xF9
    var isFirst = true
    while true {
      let length = try cursor.little(1)
      if length == 0 { return }
      if isControl, isFirst, length >= 4 {
        var control = cursor
        let flags = try control.byte()
        control.position += 2
        transparent = flags & 1 != 0 ? Int(try control.byte()) : transparent
      }
      isFirst = false
      guard cursor.remaining >= length else { throw cursor.endedEarly() }
      cursor.position += length
    }
  }

  private mutating func readFrame(_ cursor: inout ByteCursor) throws(ImageError) {
    frame.left = try cursor.little(2)
    frame.top = try cursor.little(2)
    frame.width = try cursor.little(2)
    frame.height = try cursor.little(2)
    let flags = try cursor.little(1)
    isInterlaced = flags & 0x40 != 0
    if flags & 0x80 != 0 { palette = try GIFSource.colors(&cursor, 2 << (flags & 7)) }
    // A frame beyond the screen makes the screen larger.
    size.height = max(size.height, frame.top + frame.height)
    size.width = max(size.width, frame.left + frame.width)
    dataOffset = cursor.position
  }

  /// Counts this frame and those behind it; stops where the file is damaged.
  private func countFrames(from start: Int) -> Int {
    var cursor = ByteCursor(encoded, at: start)
    var count = 1
    func skipBlocks() {
      while let length = cursor.next(), length > 0 { cursor.position += Int(length) }
    }
    skipBlocks()
    while let block = cursor.next(), block != 0x3B {
      if block == 0x21 {
        cursor.position += 1
        skipBlocks()
      } else if block == 0x2C {
        count += 1
        cursor.position += 8
        guard let flags = cursor.next() else { break }
        cursor.position += (flags & 0x80 != 0 ? 3 * (2 << Int(flags & 7)) : 0) + 1
        skipBlocks()
      }
    }
    return count
  }

  func info() throws(ImageError) -> ImageInfo {
    ImageInfo(format: .gif, size: size, mode: .palette, orientation: 1, frames: frames)
  }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    // Without a table of colours an index is a grey level.
    var colors = palette
    while colors.count < 256 {
      let gray = UInt8(colors.count)
      colors.append(RGB(gray, gray, gray))
    }
    let background = colors[transparent ?? 0]
    var result = try PixelBuffer(size: size, fill: background)
    guard frame.height > 0, frame.width > 0 else { return result }
    let indices = try GIFCodes(encoded, at: dataOffset).decode(count: frame.height * frame.width)
    let rows = isInterlaced ? interlacedRows() : Array(0..<frame.height)
    let (frame, width) = (frame, size.width)
    result.withUnsafeMutableBytes { target in
      for (number, row) in rows.enumerated() {
        for column in 0..<frame.width {
          let index = number * frame.width + column
          guard index < indices.count else { return }
          target.set(
            colors[Int(indices[index])], at: (frame.top + row) * width + frame.left + column)
        }
      }
    }
    return result
  }

  /// The rows in the order of the file: every eighth, those between, and so on.
  private func interlacedRows() -> [Int] {
    [(0, 8), (4, 8), (2, 4), (1, 2)].flatMap { start, step in
      Array(stride(from: start, to: frame.height, by: step))
    }
  }
}
