/// A portable bitmap, greymap or pixmap, as text (P1 to P3) or binary (P4 to P6).
struct PNMSource: ImageSource {
  private let encoded: EncodedImage
  private let kind: UInt8
  private let size: Size
  private let largest: Int
  private let pixelOffset: Int

  /// Reads the header.
  init(_ encoded: EncodedImage) throws(ImageError) {
    self.encoded = encoded
    var cursor = ByteCursor(encoded, at: 1)
    kind = try cursor.byte() - UInt8(ascii: "0")
    let width = try PNMSource.number(&cursor)
    let height = try PNMSource.number(&cursor)
    size = Size(height: height, width: width)
    largest = kind == 1 || kind == 4 ? 1 : try PNMSource.number(&cursor)
    guard largest > 0, largest < 65_536 else {
      throw encoded.damaged("says that its largest value is \(largest); expected 1 to 65535")
    }
    pixelOffset = cursor.position
  }

  private var isText: Bool { kind <= 3 }
  private var channels: Int { kind == 3 || kind == 6 ? 3 : 1 }

  /// The next decimal number; eats the one byte behind it.
  private static func number(_ cursor: inout ByteCursor) throws(ImageError) -> Int {
    var value = 0
    var digits = 0
    while let byte = cursor.next() {
      if byte == UInt8(ascii: "#") {
        while let rest = cursor.next(), rest != 10, rest != 13 {}
        if digits > 0 { return value }
      } else if byte.isPNMSpace {
        if digits > 0 { return value }
      } else if (0x30...0x39).contains(byte), digits < 10 {
        value = value * 10 + Int(byte - 0x30)
        digits += 1
      } else {
        throw cursor.encoded.damaged(
          "has byte \([byte].hexadecimal) where a number of at most ten digits was expected, "
            + "at offset \(cursor.position - 1)")
      }
    }
    guard digits > 0 else { throw cursor.endedEarly() }
    return value
  }

  func info() throws(ImageError) -> ImageInfo {
    let mode: ImageInfo.Mode =
      if channels == 3 { .rgb } else if largest == 1, kind == 1 || kind == 4 { .bilevel } else {
        largest > 255 ? .gray16 : .gray
      }
    return ImageInfo(format: .pnm, size: size, mode: mode, orientation: 1, frames: 1)
  }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    var cursor = ByteCursor(encoded, at: pixelOffset)
    try checkLength()
    return try PixelBuffer(making: size) { target throws(ImageError) in
      var bitRow: [UInt8] = []
      for row in 0..<size.height {
        if kind == 4 { bitRow = row4(row) }
        for column in 0..<size.width {
          let pixel = row * size.width + column
          if kind == 4 {
            let black = bitRow[column / 8] >> UInt8(7 - column % 8) & 1 != 0
            target.set(black ? .black : .white, at: pixel)
          } else if channels == 3 {
            let (red, green, blue) = (try sample(&cursor), try sample(&cursor), try sample(&cursor))
            target.set(RGB(red, green, blue), at: pixel)
          } else {
            let gray = try sample(&cursor)
            target.set(RGB(gray, gray, gray), at: pixel)
          }
        }
      }
    }
  }

  /// The bytes of one row of a binary bitmap; missing ones are white.
  private func row4(_ row: Int) -> [UInt8] {
    let count = (size.width + 7) / 8
    let start = pixelOffset + row * count
    let end = min(start + count, encoded.bytes.count)
    var bytes = start < end ? Array(encoded.bytes[start..<end]) : []
    while bytes.count < count { bytes.append(0) }
    return bytes
  }

  /// Refuses a binary file that is too short before memory is taken.
  private func checkLength() throws(ImageError) {
    let found = encoded.bytes.count - pixelOffset
    // Sizes were checked against the limits: no product overflows.
    let pixels = size.height * size.width
    let expected =
      switch kind {
      case 4: size.height * ((size.width + 7) / 8)
      case 5, 6: pixels * channels * (largest > 255 ? 2 : 1)
      default: pixels * channels
      }
    guard found >= expected || encoded.isLenient else {
      throw encoded.damaged(
        "is a portable image of \(size) that is cut short: at least \(expected) bytes of pixels "
          + "were expected, \(found) found")
    }
  }

  /// The next value, stretched to 0 to 255.
  private func sample(_ cursor: inout ByteCursor) throws(ImageError) -> UInt8 {
    if encoded.isLenient, cursor.remaining == 0 { return 0 }
    if kind == 1 {
      // Digits of a bitmap need no space between them.
      while let byte = cursor.next() {
        if byte == 0x30 { return 255 }
        if byte == 0x31 { return 0 }
        if byte == UInt8(ascii: "#") {
          while let rest = cursor.next(), rest != 10, rest != 13 {}
        } else if !byte.isPNMSpace {
          throw encoded.damaged("has byte \([byte].hexadecimal) where 0 or 1 was expected")
        }
      }
      throw cursor.endedEarly()
    }
    let value =
      isText ? try PNMSource.number(&cursor) : try cursor.big(largest > 255 ? 2 : 1)
    guard value <= largest || !isText else {
      throw encoded.damaged("has the value \(value); its header allows at most \(largest)")
    }
    if largest == 255 { return UInt8(min(value, 255)) }
    // Grey of more than 8 bits counts in 65536 steps and is clipped at 255, as everywhere.
    let top = channels == 1 && largest > 255 ? 65_535.0 : 255.0
    let scaled = (Double(value) / Double(largest) * top).rounded(.toNearestOrEven)
    return UInt8(min(scaled, 255))
  }
}
