/// A Windows or OS/2 bitmap.
///
/// Read here and not by libvips, whose way to bitmaps is a loader that is not meant for untrusted files.
struct BMPSource: ImageSource {
  enum Compression: Int {
    case none = 0
    case runs8 = 1
    case runs4 = 2
    case bitFields = 3
  }

  let encoded: EncodedImage
  private(set) var size = Size(height: 0, width: 0)
  private(set) var bits = 0
  private(set) var isTopDown = false
  private(set) var compression = Compression.none
  private(set) var masks: [UInt32] = []
  /// The table of colours, filled up with a grey ramp to 256 entries.
  private(set) var palette: [RGB] = []
  private(set) var pixelOffset = 0

  /// Reads the headers of a file.
  init(_ encoded: EncodedImage) throws(ImageError) {
    var cursor = ByteCursor(encoded, at: 10)
    let offset = try cursor.little(4)
    try self.init(bitmap: encoded, headerAt: 14, pixelOffset: offset)
  }

  /// Reads the headers of a bitmap that begins with its information header, as in icons.
  init(bitmap encoded: EncodedImage, headerAt: Int, pixelOffset: Int?) throws(ImageError) {
    self.encoded = encoded
    var cursor = ByteCursor(encoded, at: headerAt)
    let headerSize = try cursor.little(4)
    var colors = 0
    if headerSize == 12 {
      size.width = try cursor.little(2)
      size.height = try cursor.little(2)
      _ = try cursor.little(2)
      bits = try cursor.little(2)
    } else if [16, 40, 52, 56, 64, 108, 124].contains(headerSize) {
      colors = try readInformation(&cursor, headerSize: headerSize, at: headerAt)
    } else {
      throw encoded.unsupported(
        "is a bitmap with a header of \(headerSize) bytes; expected 12, 40, 52, 56, 64, 108 or 124")
    }
    guard [1, 2, 4, 8, 16, 24, 32].contains(bits) else {
      throw encoded.unsupported(
        "is a bitmap of \(bits) bits per pixel; expected 1, 2, 4, 8, 16, 24 or 32")
    }
    try checkCompression()
    if colors == 0, bits <= 8 { colors = 1 << bits }
    let maskBytes = compression == .bitFields && headerSize == 40 ? 12 : 0
    let tableAt = headerAt + headerSize + maskBytes
    let entryBytes = headerSize == 12 ? 3 : 4
    let afterTable = tableAt + (bits <= 8 ? entryBytes * colors : 0)
    // A file may say that pixels follow the header at once although a table stands between.
    let claimed = pixelOffset ?? afterTable
    self.pixelOffset = bits <= 8 && claimed == headerAt + headerSize ? afterTable : claimed
    if bits <= 8 { try readPalette(colors: colors, at: tableAt, entryBytes: entryBytes) }
  }

  /// Reads the picture of an icon, whose height counts the mask below it as well.
  init(icon: EncodedImage) throws(ImageError) {
    try self.init(bitmap: icon, headerAt: 0, pixelOffset: nil)
    size.height /= 2
  }

  /// Reads a Windows header behind its size; returns the number of colours.
  private mutating func readInformation(
    _ cursor: inout ByteCursor, headerSize: Int, at headerAt: Int
  ) throws(ImageError) -> Int {
    size.width = try cursor.little(4)
    let height = try cursor.little(4)
    isTopDown = height >> 24 == 0xFF
    size.height = isTopDown ? (1 << 32) - height : height
    _ = try cursor.little(2)
    bits = try cursor.little(2)
    guard headerSize > 16 else { return 0 }
    let code = try cursor.little(4)
    guard let known = Compression(rawValue: code) else {
      throw encoded.unsupported(
        "is a bitmap with compression \(code); expected none, RLE8, RLE4 or bit fields (0 to 3)")
    }
    compression = known
    cursor.position += 12
    let colors = try cursor.little(4)
    guard compression == .bitFields else { return colors }
    // The masks stand at the same place, inside a long header or behind a short one.
    cursor.position = headerAt + 40
    let count = headerSize >= 56 && headerSize != 64 ? 4 : 3
    for _ in 0..<count { masks.append(UInt32(truncatingIfNeeded: try cursor.little(4))) }
    return colors
  }

  private mutating func checkCompression() throws(ImageError) {
    let fits =
      switch compression {
      case .none: true
      case .runs8: bits == 8
      case .runs4: bits == 4
      case .bitFields: bits >= 16
      }
    guard fits else {
      throw encoded.unsupported("is a bitmap of \(bits) bits per pixel with \(compression)")
    }
    guard compression == .bitFields else {
      if bits == 16 { masks = [0x7C00, 0x03E0, 0x001F] }
      return
    }
    if masks.prefix(3).allSatisfy({ $0 == 0 }) {
      masks = bits == 16 ? [0x7C00, 0x03E0, 0x001F] : [0xFF_0000, 0xFF00, 0xFF]
    }
  }

  private mutating func readPalette(
    colors: Int, at position: Int, entryBytes: Int
  ) throws(ImageError) {
    guard colors > 0, colors <= 65_536 else {
      throw encoded.damaged("is a bitmap whose table has \(colors) colours; expected 1 to 256")
    }
    palette = (0...255).map { RGB($0, $0, $0) }
    var cursor = ByteCursor(encoded, at: position)
    for index in 0..<min(colors, 256) {
      guard cursor.remaining >= entryBytes else { throw cursor.endedEarly() }
      let (blue, green, red) = (try cursor.byte(), try cursor.byte(), try cursor.byte())
      palette[index] = RGB(red, green, blue)
      cursor.position += entryBytes - 3
    }
  }

  func info() throws(ImageError) -> ImageInfo {
    ImageInfo(
      format: encoded.format, size: size, mode: bits <= 8 ? .palette : .rgb, orientation: 1,
      frames: 1)
  }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    if compression == .runs8 || compression == .runs4 {
      let indices = try BMPRuns(self).decode()
      return try PixelBuffer(making: size) { target throws(ImageError) in
        for (index, value) in indices.enumerated() {
          let row = isTopDown ? index / size.width : size.height - 1 - index / size.width
          target.set(palette[Int(value)], at: row * size.width + index % size.width)
        }
      }
    }
    return try decodeRows()
  }

  /// Decodes uncompressed rows, each padded to four bytes.
  private func decodeRows() throws(ImageError) -> PixelBuffer {
    let rowBytes = (size.width * bits + 31) / 32 * 4
    let (needed, overflow) = rowBytes.multipliedReportingOverflow(by: size.height)
    let available = max(encoded.bytes.count - pixelOffset, 0)
    // The padding of the last row may be missing.
    let unpadded = needed - rowBytes + (size.width * bits + 7) / 8
    guard !overflow, available >= unpadded || encoded.isLenient else {
      throw encoded.damaged(
        "is a bitmap of \(size) that is cut short: \(needed) bytes of pixels were expected, "
          + "\(available) found")
    }
    let fields = masks.prefix(3).map { BitField(mask: $0) }
    return try PixelBuffer(making: size) { target throws(ImageError) in
      target.update(repeating: 0)
      for row in 0..<size.height {
        let line = isTopDown ? row : size.height - 1 - row
        let start = pixelOffset + line * rowBytes
        // With `isLenient`, rows that are missing stay black.
        guard start + (size.width * bits + 7) / 8 <= encoded.bytes.count else { continue }
        encoded.bytes.withUnsafeBufferPointer { bytes in
          decodeRow(
            UnsafeBufferPointer(rebasing: bytes[start...]), into: target, at: row * size.width,
            fields: fields)
        }
      }
    }
  }

  private func decodeRow(
    _ line: UnsafeBufferPointer<UInt8>, into target: UnsafeMutableBufferPointer<UInt8>,
    at first: Int, fields: [BitField]
  ) {
    for column in 0..<size.width {
      switch bits {
      case 1, 2, 4, 8:
        let bit = column * bits
        let index = Int(line[bit / 8]) >> (8 - bits - bit % 8) & ((1 << bits) - 1)
        target.set(palette[index], at: first + column)
      case 16:
        let word = UInt32(line[2 * column]) | UInt32(line[2 * column + 1]) << 8
        target.set(fields.color(word), at: first + column)
      case 24:
        let at = 3 * column
        target.set(RGB(line[at + 2], line[at + 1], line[at]), at: first + column)
      default:
        let at = 4 * column
        guard !fields.isEmpty else {
          target.set(RGB(line[at + 2], line[at + 1], line[at]), at: first + column)
          continue
        }
        let word =
          UInt32(line[at]) | UInt32(line[at + 1]) << 8 | UInt32(line[at + 2]) << 16
          | UInt32(line[at + 3]) << 24
        target.set(fields.color(word), at: first + column)
      }
    }
  }
}

/// A group of bits of a pixel that holds one channel.
private struct BitField {
  let mask: UInt32
  let shift: Int
  let largest: Int

  init(mask: UInt32) {
    self.mask = mask
    shift = mask == 0 ? 0 : mask.trailingZeroBitCount
    largest = Int(mask >> UInt32(shift))
  }

  /// The channel, stretched to 0 to 255 and rounded down.
  func value(_ word: UInt32) -> UInt8 {
    guard largest > 0 else { return 0 }
    return UInt8(Int((word & mask) >> UInt32(shift)) * 255 / largest)
  }
}

extension [BitField] {
  fileprivate func color(_ word: UInt32) -> RGB {
    RGB(self[0].value(word), self[1].value(word), self[2].value(word))
  }
}

extension UnsafeMutableBufferPointer<UInt8> {
  /// Sets a pixel by its number.
  func set(_ color: RGB, at pixel: Int) {
    self[3 * pixel] = color.red
    self[3 * pixel + 1] = color.green
    self[3 * pixel + 2] = color.blue
  }
}
