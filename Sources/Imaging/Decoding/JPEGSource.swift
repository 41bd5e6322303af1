internal import CVips

/// A JPEG file.
///
/// libvips decodes it. Damaged files on which it gives up because of many warnings, but which Pillow reads, go to
/// libjpeg directly: the same library, the same pixels.
struct JPEGSource: ImageSource {
  private let encoded: EncodedImage
  private let vips: VipsSource

  init(_ encoded: EncodedImage) throws(ImageError) {
    try JPEGStructure(encoded).check()
    self.encoded = encoded
    vips = try VipsSource(encoded)
  }

  func info() throws(ImageError) -> ImageInfo { try vips.info() }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    do {
      return try vips.decode(info)
    } catch {
      return try decodeDirectly(info.size, 1)
    }
  }

  func decode(
    _ info: ImageInfo, reducedBy reduction: Int
  ) throws(ImageError) -> PixelBuffer {
    guard reduction > 1 else { return try decode(info) }
    // libvips would drop the last row and column of sides that cannot be divided.
    return try decodeDirectly(info.size.reduced(by: reduction), reduction)
  }

  private func decodeDirectly(
    _ size: Size, _ reduction: Int
  ) throws(ImageError) -> PixelBuffer {
    let shrink = Int32(reduction)
    var result = vc_jpeg_result()
    let bytes = encoded.bytes
    guard
      bytes.withUnsafeBytes({
        vc_jpeg_decode($0.baseAddress, $0.count, shrink, nil, 0, &result)
      }) == 0, result.width == size.width, result.height == size.height
    else { throw failure(&result) }
    let (rowBytes, width) = (size.width * Int(result.channels), size.width)
    var status: Int32 = -1
    let samples = [UInt8](unsafeUninitializedCapacity: rowBytes * size.height) {
      target, count in
      status = bytes.withUnsafeBytes {
        vc_jpeg_decode(
          $0.baseAddress, $0.count, shrink, target.baseAddress, target.count, &result)
      }
      count = status == 0 ? rowBytes * size.height : 0
    }
    guard status == 0 else { throw failure(&result) }
    let convert = PixelConversion(
      jpegChannels: Int(result.channels), isInverted: result.is_inverted != 0)
    return try PixelBuffer(making: size) { target throws(ImageError) in
      samples.withUnsafeBytes { samples in
        guard let base = samples.baseAddress else { return }
        for row in 0..<size.height {
          convert.row(
            base + row * rowBytes,
            into: UnsafeMutableBufferPointer(
              rebasing: target[3 * width * row..<3 * width * (row + 1)]))
        }
      }
    }
  }

  private func failure(_ result: inout vc_jpeg_result) -> ImageError {
    let text = withUnsafeBytes(of: &result.error) { bytes in
      String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }
    return encoded.damaged("cannot be decoded as jpeg: \(text)")
  }
}
