internal import CVips

/// Writes image files: PNG, JPEG and WebP, by the ending of the name.
///
/// A file appears under its name only when it is complete; a file of that name is replaced.
public struct ImageEncoder: Sendable, Hashable {
  /// The formats that are written.
  public enum Format: String, Sendable, CaseIterable {
    /// PNG, without loss.
    case png
    /// JPEG.
    case jpeg
    /// WebP.
    case webp

    /// The format that the ending of a file name asks for.
    ///
    /// - Parameter path: The path of a file.
    /// - Throws: ``ImageError/unwritable(file:problem:)`` if the ending is missing or unknown.
    public init(path: String) throws(ImageError) {
      let name = path.split(separator: "/").last ?? ""
      let ending = name.contains(".") ? name.split(separator: ".").last?.lowercased() ?? "" : ""
      switch ending {
      case "png": self = .png
      case "jpg", "jpeg": self = .jpeg
      case "webp": self = .webp
      default:
        throw .unwritable(
          file: path,
          problem: "has the ending \"\(ending)\"; images are written as .png, .jpg, .jpeg or .webp")
      }
    }

    fileprivate var code: Int32 {
      switch self {
      case .png: Int32(vc_png)
      case .jpeg: Int32(vc_jpeg)
      case .webp: Int32(vc_webp)
      }
    }
  }

  /// The quality of JPEG and WebP, 1 to 100; WebP with 100 is without loss.
  public var quality: Int

  /// Creates an encoder.
  ///
  /// - Parameter quality: The quality of JPEG and WebP, 1 to 100.
  public init(quality: Int = 92) { self.quality = quality }

  /// Writes an image.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - path: The path, whose ending names the format.
  /// - Throws: ``ImageError/unwritable(file:problem:)`` if the ending is unknown or the file cannot be
  ///   written.
  public func write(_ image: PixelBuffer, to path: String) throws(ImageError) {
    let format = try Format(path: path)
    try AtomicImageFile.write(encode(image, as: format, name: path), to: path)
  }

  /// Encodes an image.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - format: The format.
  ///   - name: What messages call the image.
  /// - Returns: The contents of a file.
  /// - Throws: ``ImageError/unwritable(file:problem:)`` if the encoder refuses.
  public func encode(
    _ image: PixelBuffer, as format: Format, name: String = "image"
  ) throws(ImageError) -> [UInt8] {
    try image.storage.withUnsafeBufferPointer { bytes throws(ImageError) in
      try encode(
        Samples(bytes: UnsafeRawBufferPointer(bytes), size: image.size, bands: 3, width: 1),
        as: format, name: name)
    }
  }

  /// Writes a grey image of 8 bits as PNG, for example a mask.
  ///
  /// - Parameters:
  ///   - values: The values, `[height, width]`.
  ///   - size: The size.
  ///   - path: The path, which must end in `.png`.
  /// - Throws: ``ImageError`` if the size does not fit or the file cannot be written.
  public func writeGray(_ values: [UInt8], size: Size, to path: String) throws(ImageError) {
    try write(gray: values.count, size, path) { encoder throws(ImageError) in
      try values.withUnsafeBufferPointer { bytes throws(ImageError) in
        try encoder.encode(
          Samples(bytes: UnsafeRawBufferPointer(bytes), size: size, bands: 1, width: 1), as: .png,
          name: path)
      }
    }
  }

  /// Writes a grey image of 16 bits as PNG, for example depth in millimetres.
  ///
  /// - Parameters:
  ///   - values: The values, `[height, width]`.
  ///   - size: The size.
  ///   - path: The path, which must end in `.png`.
  /// - Throws: ``ImageError`` if the size does not fit or the file cannot be written.
  public func writeGray(_ values: [UInt16], size: Size, to path: String) throws(ImageError) {
    try write(gray: values.count, size, path) { encoder throws(ImageError) in
      try values.withUnsafeBufferPointer { bytes throws(ImageError) in
        try encoder.encode(
          Samples(bytes: UnsafeRawBufferPointer(bytes), size: size, bands: 1, width: 2), as: .png,
          name: path)
      }
    }
  }

  /// Writes indices with a table of colours as PNG, for example a segmentation.
  ///
  /// - Parameters:
  ///   - indices: The indices, `[height, width]`.
  ///   - size: The size.
  ///   - palette: The colours of the indices from 0 on, at most 256; the rest is black.
  ///   - path: The path, which must end in `.png`.
  /// - Throws: ``ImageError`` if the size does not fit or the file cannot be written.
  public func writeIndexed(
    _ indices: [UInt8], size: Size, palette: [RGB], to path: String
  ) throws(ImageError) {
    try write(gray: indices.count, size, path) { _ throws(ImageError) in
      try IndexedPNG(indices: indices, size: size, palette: palette).encoded(name: path)
    }
  }

  private func write(
    gray count: Int, _ size: Size, _ path: String,
    _ encode: (ImageEncoder) throws(ImageError) -> [UInt8]
  ) throws(ImageError) {
    guard try Format(path: path) == .png else {
      throw .unwritable(file: path, problem: "cannot hold exact values; use the ending .png")
    }
    guard try PixelBuffer.byteCount(of: size) == 3 * count else {
      throw .usage(problem: "an image of \(size) does not have \(count) values")
    }
    try AtomicImageFile.write(encode(self), to: path)
  }

  private struct Samples {
    let bytes: UnsafeRawBufferPointer
    let size: Size
    let bands: Int32
    let width: Int32
  }

  private func encode(
    _ samples: Samples, as format: Format, name: String
  ) throws(ImageError) -> [UInt8] {
    try VipsLibrary.start(file: name)
    let largest = format == .webp ? 16_383 : format == .jpeg ? 65_500 : 1 << 24
    guard samples.size.height <= largest, samples.size.width <= largest else {
      throw .unwritable(
        file: name,
        problem: "is \(samples.size); a side of \(format) is at most \(largest), use .png")
    }
    var buffer: UnsafeMutableRawPointer?
    var count = 0
    let status = vc_encode(
      format.code, samples.bytes.baseAddress, Int32(samples.size.width),
      Int32(samples.size.height), samples.bands, samples.width, Int32(min(max(quality, 1), 100)),
      &buffer, &count)
    guard status == 0, let buffer else {
      throw .unwritable(
        file: name, problem: "cannot be encoded as \(format): \(VipsLibrary.takeError())")
    }
    defer { vc_free(buffer) }
    return [UInt8](UnsafeRawBufferPointer(start: buffer, count: count))
  }
}
