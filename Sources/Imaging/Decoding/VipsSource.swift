internal import CVips

/// An image that libvips reads.
final class VipsSource: ImageSource {
  private let encoded: EncodedImage
  private let header: vc_header
  private let image: UnsafeMutablePointer<VipsImage>
  /// The bytes that `image` reads from; freed after it.
  private let bytes: UnsafeMutableRawBufferPointer

  /// Whether grey of 16 bits is clipped although libvips made it grey with alpha.
  private let clipsGray16: Bool
  /// How the decoded pixels must be turned to be those that Pillow sees.
  private let turns: [Int]
  /// The orientation by which the pixels are meant to be turned, 1 to 8.
  private let orientation: Int

  /// Opens the image and reads its header.
  init(_ encoded: EncodedImage, clipsGray16: Bool = false) throws(ImageError) {
    try VipsLibrary.start(file: encoded.file)
    self.encoded = encoded
    self.clipsGray16 = clipsGray16
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: encoded.bytes.count, alignment: 16)
    bytes.copyBytes(from: encoded.bytes)
    var (turns, mediaOrientation): ([Int], Int?) = ([], nil)
    if encoded.format == .avif {
      let media = ISOMedia(encoded.bytes)
      if let field = media.openEnded {
        bytes.storeBytes(of: field.size.bigEndian, toByteOffset: field.offset, as: UInt32.self)
      }
      turns = media.inverseTurns
      mediaOrientation = media.orientation
    }
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
    // Pillow turns TIFF files as their orientation says, and no others.
    if encoded.format == .tiff { turns = [Int(header.orientation)] }
    self.turns = turns
    let known = (1...8).contains(header.orientation) && encoded.format != .tiff
    orientation = mediaOrientation ?? (known ? Int(header.orientation) : 1)
  }

  deinit {
    vc_release(image)
    bytes.deallocate()
  }

  func info() throws(ImageError) -> ImageInfo {
    let swapsSides = turns.filter { (5...8).contains($0) }.count % 2 == 1
    let size = storedSize
    return ImageInfo(
      format: encoded.format,
      size: swapsSides ? Size(height: size.width, width: size.height) : size, mode: mode,
      orientation: orientation, frames: max(Int(header.pages), 1))
  }

  /// The size before turning.
  private var storedSize: Size { Size(height: Int(header.height), width: Int(header.width)) }

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
    let convert = try PixelConversion(
      header: header, encoded: encoded, clipsGray16: clipsGray16)
    guard let region = vc_region(image) else { throw unreadable() }
    defer { vc_release(region) }
    let (height, width) = (storedSize.height, storedSize.width)
    var result = try PixelBuffer(making: storedSize) { target throws(ImageError) in
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
    // Warnings of a file that could be read must not turn up in a later message.
    VipsLibrary.clearError()
    for turn in turns { result = try result.oriented(turn) }
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
  ///
  /// Whether a JPEG is cut short ``JPEGStructure`` finds; damage inside it Pillow passes over.
  fileprivate var failOn: Int32 {
    Int32((isLenient || format == .jpeg ? VIPS_FAIL_ON_NONE : VIPS_FAIL_ON_TRUNCATED).rawValue)
  }
}
