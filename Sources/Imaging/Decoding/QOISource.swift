/// A QOI file ("Quite OK Image").
struct QOISource: ImageSource {
  private let encoded: EncodedImage
  private let size: Size
  private let channels: Int

  /// Reads the header.
  init(_ encoded: EncodedImage) throws(ImageError) {
    self.encoded = encoded
    var cursor = ByteCursor(encoded, at: 4)
    let width = try cursor.big(4)
    size = Size(height: try cursor.big(4), width: width)
    channels = try cursor.big(1)
    guard channels == 3 || channels == 4 else {
      throw encoded.damaged("is a QOI file of \(channels) channels; expected 3 or 4")
    }
  }

  func info() throws(ImageError) -> ImageInfo {
    ImageInfo(
      format: .qoi, size: size, mode: channels == 3 ? .rgb : .rgba, orientation: 1, frames: 1)
  }

  /// A pixel with transparency, which takes part in the hash.
  private struct Pixel {
    var (red, green, blue, alpha): (UInt8, UInt8, UInt8, UInt8) = (0, 0, 0, 0)

    var hash: Int { (Int(red) * 3 + Int(green) * 5 + Int(blue) * 7 + Int(alpha) * 11) % 64 }
  }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    var cursor = ByteCursor(encoded, at: 14)
    let total = size.height * size.width
    return try PixelBuffer(making: size) { target throws(ImageError) in
      target.update(repeating: 0)
      var seen = [Pixel](repeating: Pixel(), count: 64)
      var pixel = Pixel(red: 0, green: 0, blue: 0, alpha: 255)
      var position = 0
      while position < total {
        guard let tag = cursor.next() else {
          if encoded.isLenient { return }
          throw cursor.endedEarly()
        }
        var count = 1
        if tag >= 0xFE {
          (pixel.red, pixel.green, pixel.blue) = (
            try cursor.byte(), try cursor.byte(), try cursor.byte()
          )
          if tag == 0xFF { pixel.alpha = try cursor.byte() }
        } else if tag >> 6 == 0 {
          pixel = seen[Int(tag)]
        } else if tag >> 6 == 1 {
          pixel.red &+= (tag >> 4 & 3) &- 2
          pixel.green &+= (tag >> 2 & 3) &- 2
          pixel.blue &+= (tag & 3) &- 2
        } else if tag >> 6 == 2 {
          let second = try cursor.byte()
          let green = (tag & 63) &- 32
          pixel.green &+= green
          pixel.red &+= green &- 8 &+ second >> 4
          pixel.blue &+= green &- 8 &+ (second & 15)
        } else {
          count = Int(tag & 63) + 1
        }
        seen[pixel.hash] = pixel
        for _ in 0..<min(count, total - position) {
          target.set(RGB(pixel.red, pixel.green, pixel.blue), at: position)
          position += 1
        }
      }
    }
  }
}
