internal import CVips
internal import Glibc

/// Turns rows as libvips decodes them into RGB, as Pillow's `convert("RGB")` does.
struct PixelConversion {
  private enum Kind {
    case rgb
    case gray
    case gray16
    case rgb16
    case cmyk
    case lab
    /// Other numbers, clipped to 0 to 255 as Pillow's modes `I` and `F` are.
    case clipped(VipsBandFormat)
  }

  private let kind: Kind
  private let bands: Int
  private let clipsGray16: Bool
  private var isInverted = false

  init(header: vc_header, encoded: EncodedImage, clipsGray16: Bool) throws(ImageError) {
    self.clipsGray16 = clipsGray16
    bands = Int(header.bands)
    let interpretation = VipsInterpretation(header.interpretation)
    switch (VipsBandFormat(header.band_format), bands) {
    case (VIPS_FORMAT_UCHAR, 4...) where interpretation == VIPS_INTERPRETATION_CMYK: kind = .cmyk
    case (VIPS_FORMAT_CHAR, 3...) where interpretation == VIPS_INTERPRETATION_LAB: kind = .lab
    case (VIPS_FORMAT_UCHAR, 3...) where interpretation == VIPS_INTERPRETATION_LAB: kind = .lab
    // Signed bytes are read as they are.
    case (VIPS_FORMAT_UCHAR, 3...), (VIPS_FORMAT_CHAR, 3...): kind = .rgb
    case (VIPS_FORMAT_UCHAR, 1...), (VIPS_FORMAT_CHAR, 1...): kind = .gray
    case (VIPS_FORMAT_USHORT, 3...): kind = .rgb16
    case (VIPS_FORMAT_USHORT, 1...): kind = .gray16
    case (VIPS_FORMAT_SHORT, 1...), (VIPS_FORMAT_INT, 1...), (VIPS_FORMAT_UINT, 1...),
      (VIPS_FORMAT_FLOAT, 1...), (VIPS_FORMAT_DOUBLE, 1...):
      kind = .clipped(VipsBandFormat(header.band_format))
    default:
      throw encoded.unsupported(
        "has pixels of a kind that is not read (libvips band format \(header.band_format), "
          + "\(header.bands) channels); convert it to 8 or 16 bits per channel")
    }
  }

  /// For rows of libjpeg.
  init(jpegChannels: Int, isInverted: Bool) {
    bands = jpegChannels
    kind = jpegChannels == 4 ? .cmyk : jpegChannels == 3 ? .rgb : .gray
    clipsGray16 = false
    self.isInverted = isInverted
  }

  /// Converts one row.
  func row(_ source: UnsafeRawPointer, into target: UnsafeMutableBufferPointer<UInt8>) {
    switch kind {
    case .rgb: rgb(source.assumingMemoryBound(to: UInt8.self), target)
    case .gray: gray(source.assumingMemoryBound(to: UInt8.self), target)
    case .gray16: gray16(source.assumingMemoryBound(to: UInt16.self), target)
    case .rgb16: rgb16(source.assumingMemoryBound(to: UInt16.self), target)
    case .cmyk: cmyk(source.assumingMemoryBound(to: UInt8.self), target)
    case .lab: lab(source.assumingMemoryBound(to: UInt8.self), target)
    case .clipped(VIPS_FORMAT_SHORT): clipped(source, Int16.self, target)
    case .clipped(VIPS_FORMAT_INT): clipped(source, Int32.self, target)
    case .clipped(VIPS_FORMAT_UINT): clipped(source, UInt32.self, target)
    case .clipped(VIPS_FORMAT_FLOAT): clippedReal(source, Float.self, target)
    case .clipped: clippedReal(source, Double.self, target)
    }
  }

  private func rgb(
    _ source: UnsafePointer<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    guard bands > 3 else {
      _ = target.update(fromContentsOf: UnsafeBufferPointer(start: source, count: target.count))
      return
    }
    var from = source
    for index in stride(from: 0, to: target.count, by: 3) {
      target[index] = from[0]
      target[index + 1] = from[1]
      target[index + 2] = from[2]
      from += bands
    }
  }

  private func gray(
    _ source: UnsafePointer<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    var from = source
    for index in stride(from: 0, to: target.count, by: 3) {
      let value = from[0]
      target[index] = value
      target[index + 1] = value
      target[index + 2] = value
      from += bands
    }
  }

  /// Grey of 16 bits is clipped at 255, not scaled; with alpha its high byte is taken.
  ///
  /// Both as in Pillow.
  private func gray16(
    _ source: UnsafePointer<UInt16>, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    var from = source
    for index in stride(from: 0, to: target.count, by: 3) {
      let value = bands == 1 || clipsGray16 ? UInt8(min(from[0], 255)) : UInt8(from[0] >> 8)
      target[index] = value
      target[index + 1] = value
      target[index + 2] = value
      from += bands
    }
  }

  private func rgb16(
    _ source: UnsafePointer<UInt16>, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    var from = source
    for index in stride(from: 0, to: target.count, by: 3) {
      target[index] = UInt8(from[0] >> 8)
      target[index + 1] = UInt8(from[1] >> 8)
      target[index + 2] = UInt8(from[2] >> 8)
      from += bands
    }
  }

  /// Inks to light: with k = 255 - K, a channel is k - C * k / 255, the quotient rounded.
  private func cmyk(
    _ source: UnsafePointer<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    var from = source
    for index in stride(from: 0, to: target.count, by: 3) {
      let flip: UInt8 = isInverted ? 255 : 0
      let k = 255 - Int(from[3] ^ flip)
      for channel in 0..<3 {
        let product = Int(from[channel] ^ flip) * k + 128
        let quotient = (product + product >> 8) >> 8
        target[index + channel] = UInt8(max(k - quotient, 0))
      }
      from += bands
    }
  }

  private func clipped<Number: BinaryInteger>(
    _ source: UnsafeRawPointer, _ type: Number.Type, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    let numbers = source.assumingMemoryBound(to: type)
    for index in target.indices {
      let (pixel, channel) = (index / 3, bands >= 3 ? index % 3 : 0)
      target[index] = UInt8(clamping: numbers[pixel * bands + channel])
    }
  }

  private func clippedReal<Number: BinaryFloatingPoint>(
    _ source: UnsafeRawPointer, _ type: Number.Type, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    let numbers = source.assumingMemoryBound(to: type)
    for index in target.indices {
      let (pixel, channel) = (index / 3, bands >= 3 ? index % 3 : 0)
      let value = numbers[pixel * bands + channel]
      // Rounded down; not a number is black.
      target[index] = value > 0 ? (value >= 255 ? 255 : UInt8(value)) : 0
    }
  }

  /// CIE Lab of 8 bits (white of D50) to sRGB.
  private func lab(
    _ source: UnsafePointer<UInt8>, _ target: UnsafeMutableBufferPointer<UInt8>
  ) {
    var from = source
    for index in stride(from: 0, to: target.count, by: 3) {
      let color = CIELab(
        lightness: Double(from[0]) / 2.55, a: Double(Int8(bitPattern: from[1])),
        b: Double(Int8(bitPattern: from[2])))
      (target[index], target[index + 1], target[index + 2]) = color.sRGB
      from += bands
    }
  }
}

/// A colour of CIE Lab, relative to the white of D50.
struct CIELab {
  let lightness: Double
  let a: Double
  let b: Double

  /// The nearest colour of sRGB.
  var sRGB: (UInt8, UInt8, UInt8) {
    func unfold(_ t: Double) -> Double {
      t > 6.0 / 29 ? t * t * t : 3 * (6.0 / 29) * (6.0 / 29) * (t - 4.0 / 29)
    }
    func byte(_ linear: Double) -> UInt8 {
      let value = min(max(linear, 0), 1)
      let encoded = value <= 0.003_130_8 ? 12.92 * value : 1.055 * pow(value, 1 / 2.4) - 0.055
      return UInt8((encoded * 255).rounded())
    }
    let middle = (lightness + 16) / 116
    let x = 0.96422 * unfold(middle + a / 500)
    let y = unfold(middle)
    let z = 0.82521 * unfold(middle - b / 200)
    // Bradford adaptation from D50 to D65, then the primaries of sRGB.
    return (
      byte(3.133_856_1 * x - 1.616_866_7 * y - 0.490_614_6 * z),
      byte(-0.978_768_4 * x + 1.916_141_5 * y + 0.033_454_0 * z),
      byte(0.071_945_3 * x - 0.228_991_4 * y + 1.405_242_7 * z)
    )
  }
}
