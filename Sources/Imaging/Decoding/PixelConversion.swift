internal import CVips

/// Turns rows as libvips decodes them into RGB, as Pillow's `convert("RGB")` does.
struct PixelConversion {
  private enum Kind {
    case rgb
    case gray
    case gray16
    case rgb16
    case cmyk
  }

  private let kind: Kind
  private let bands: Int

  init(header: vc_header, encoded: EncodedImage) throws(ImageError) {
    bands = Int(header.bands)
    let interpretation = VipsInterpretation(header.interpretation)
    switch (VipsBandFormat(header.band_format), bands) {
    case (VIPS_FORMAT_UCHAR, 4...) where interpretation == VIPS_INTERPRETATION_CMYK: kind = .cmyk
    case (VIPS_FORMAT_UCHAR, 3...): kind = .rgb
    case (VIPS_FORMAT_UCHAR, 1...): kind = .gray
    case (VIPS_FORMAT_USHORT, 3...): kind = .rgb16
    case (VIPS_FORMAT_USHORT, 1...): kind = .gray16
    default:
      throw encoded.unsupported(
        "has pixels of a kind that is not read (libvips band format \(header.band_format), "
          + "\(header.bands) channels); convert it to 8 or 16 bits per channel")
    }
  }

  /// Converts one row.
  func row(_ source: UnsafeRawPointer, into target: UnsafeMutableBufferPointer<UInt8>) {
    switch kind {
    case .rgb: rgb(source.assumingMemoryBound(to: UInt8.self), target)
    case .gray: gray(source.assumingMemoryBound(to: UInt8.self), target)
    case .gray16: gray16(source.assumingMemoryBound(to: UInt16.self), target)
    case .rgb16: rgb16(source.assumingMemoryBound(to: UInt16.self), target)
    case .cmyk: cmyk(source.assumingMemoryBound(to: UInt8.self), target)
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
      let value = bands == 1 ? UInt8(min(from[0], 255)) : UInt8(from[0] >> 8)
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
      let k = 255 - Int(from[3])
      for channel in 0..<3 {
        let product = Int(from[channel]) * k + 128
        let quotient = (product + product >> 8) >> 8
        target[index + channel] = UInt8(max(k - quotient, 0))
      }
      from += bands
    }
  }
}
