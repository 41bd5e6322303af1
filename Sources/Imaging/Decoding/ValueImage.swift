/// An image of whole numbers: indices of classes, or depth in millimetres.
public struct ValueImage: Sendable, Equatable {
  /// The size.
  public let size: Size
  /// The numbers, `[height, width]`, row by row.
  public let values: [UInt16]
  /// The largest number that a pixel of the file can hold.
  public let largest: UInt16

  /// Puts numbers together.
  ///
  /// - Parameters:
  ///   - values: The numbers, `[height, width]`.
  ///   - size: The size.
  ///   - largest: The largest number that a pixel of the file can hold.
  /// - Throws: ``ImageError/usage(problem:)`` if the number of values does not fit the size.
  public init(_ values: [UInt16], size: Size, largest: UInt16 = .max) throws(ImageError) {
    guard size.pixels == values.count, size.height > 0, size.width > 0 else {
      throw .usage(problem: "an image of \(size) does not have \(values.count) values")
    }
    self.size = size
    self.values = values
    self.largest = largest
  }
}

extension ImageDecoder {
  /// Reads the numbers of a PNG file as they are stored: indices without their colours, grey of 1 to 16
  /// bits without scaling or clipping.
  ///
  /// - Parameters:
  ///   - bytes: The contents of the file.
  ///   - name: What messages call the image.
  /// - Returns: The numbers.
  /// - Throws: ``ImageError`` if it is no PNG file of indices or grey, damaged or too large.
  public func decodeValues(
    bytes: [UInt8], name: String = "image"
  ) throws(ImageError) -> ValueImage {
    guard bytes.count <= limits.encodedBytes else {
      throw .tooLarge(
        file: name, problem: "has \(bytes.count) bytes; at most \(limits.encodedBytes) are read")
    }
    guard !bytes.isEmpty else { throw .damaged(file: name, problem: "is empty") }
    let format = ImageFormat.detect(bytes)
    guard format == .png else {
      throw .unsupported(
        file: name,
        problem:
          "is \(format.map { "a \($0.rawValue) file" } ?? "no image"); numbers per pixel are "
          + "read from PNG files of indices or grey, which keep them exact")
    }
    let source = try PNGSource(
      EncodedImage(
        bytes: bytes, file: name, format: .png, limits: limits, isLenient: isLenient))
    guard source.colorType == 0 || source.colorType == 3 else {
      throw .unsupported(
        file: name,
        problem: "stores colours (PNG colour type \(source.colorType)); expected one number per "
          + "pixel: indices with a palette, or grey of 8 or 16 bits")
    }
    try limits.check(source.size, file: name)
    return try ValueImage(
      PNGPixels(source).values(), size: source.size,
      largest: UInt16((1 << source.depth) - 1))
  }
}
