internal import CVips

/// An image that libvips reads.
final class VipsSource: ImageSource {
  private let encoded: EncodedImage
  private let header: vc_header
  private let image: UnsafeMutablePointer<VipsImage>
  /// The bytes that `image` reads from; freed after it.
  private let bytes: UnsafeMutableRawBufferPointer

  /// Opens the image and reads its header.
  init(_ encoded: EncodedImage) throws(ImageError) {
    try VipsLibrary.start(file: encoded.file)
    self.encoded = encoded
    if encoded.format == .jpeg { try JPEGStructure(encoded).check() }
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: encoded.bytes.count, alignment: 16)
    bytes.copyBytes(from: encoded.bytes)
    guard
      let image = vc_open(
        encoded.format.loader, bytes.baseAddress, bytes.count, encoded.failOn)
    else {
      bytes.deallocate()
      throw encoded.damaged("cannot be read as \(encoded.format): \(VipsLibrary.takeError())")
    }
    self.bytes = bytes
    self.image = image
    header = vc_read_header(image)
  }

  deinit {
    vc_release(image)
    bytes.deallocate()
  }

  func info() throws(ImageError) -> ImageInfo {
    ImageInfo(
      format: encoded.format,
      size: Size(height: Int(header.height), width: Int(header.width)), mode: mode,
      orientation: (1...8).contains(header.orientation) ? Int(header.orientation) : 1,
      frames: max(Int(header.pages), 1))
  }

  private var mode: ImageInfo.Mode {
    if header.has_palette != 0 { return .palette }
    let interpretation = VipsInterpretation(header.interpretation)
    if interpretation == VIPS_INTERPRETATION_CMYK { return .cmyk }
    if interpretation == VIPS_INTERPRETATION_LAB { return .other }
    switch (header.bands, isSixteenBit) {
    case (1, true): return .gray16
    case (1, false): return .gray
    case (2, _): return .grayAlpha
    case (3, _): return .rgb
    case (4, _): return .rgba
    default: return .other
    }
  }

  private var isSixteenBit: Bool {
    VipsBandFormat(header.band_format) == VIPS_FORMAT_USHORT
  }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    let convert = try PixelConversion(header: header, encoded: encoded)
    guard let region = vc_region(image) else { throw unreadable() }
    defer { vc_release(region) }
    let (height, width) = (info.size.height, info.size.width)
    let result = try PixelBuffer(making: info.size) { target throws(ImageError) in
      // Rows that one call decodes: a multiple of what every loader makes at once.
      let step = 16
      var top = 0
      while top < height {
        let count = min(step, height - top)
        var stride = 0
        guard let rows = vc_rows(region, Int32(width), Int32(top), Int32(count), &stride) else {
          throw unreadable()
        }
        for row in 0..<count {
          convert.row(
            rows + row * stride,
            into: UnsafeMutableBufferPointer(
              rebasing: target[3 * width * (top + row)..<3 * width * (top + row + 1)]))
        }
        top += count
      }
    }
    return result
  }

  private func unreadable() -> ImageError {
    encoded.damaged("cannot be decoded as \(encoded.format): \(VipsLibrary.takeError())")
  }
}

extension ImageFormat {
  fileprivate var loader: Int32 {
    switch self {
    case .jpeg: Int32(vc_jpeg)
    case .png: Int32(vc_png)
    case .webp: Int32(vc_webp)
    case .tiff: Int32(vc_tiff)
    case .gif: Int32(vc_gif)
    case .avif, .heif: Int32(vc_heif)
    case .jpeg2000: Int32(vc_jp2k)
    case .bmp, .pnm, .qoi, .ico: -1
    }
  }
}

extension EncodedImage {
  /// How strict libvips is: a file that is cut short is an error, a mere warning is not, as in Pillow.
  fileprivate var failOn: Int32 {
    Int32((isLenient ? VIPS_FAIL_ON_NONE : VIPS_FAIL_ON_TRUNCATED).rawValue)
  }
}
