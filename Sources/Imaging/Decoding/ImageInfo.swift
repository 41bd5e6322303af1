/// What the header of an image file says.
public struct ImageInfo: Sendable, Hashable {
  /// How the file stores colour, by the names of Pillow.
  public enum Mode: String, Sendable, Codable {
    /// Black and white.
    case bilevel = "1"
    /// Grey.
    case gray = "L"
    /// Grey with transparency.
    case grayAlpha = "LA"
    /// Indices into a table of colours.
    case palette = "P"
    /// Red, green, blue.
    case rgb = "RGB"
    /// Red, green, blue with transparency.
    case rgba = "RGBA"
    /// The four printing inks.
    case cmyk = "CMYK"
    /// Grey of 16 bits.
    case gray16 = "I;16"
    /// Anything else: CIE Lab, floating point, 32 bits.
    case other
  }

  /// The file format, by its first bytes.
  public var format: ImageFormat
  /// The size as stored, before the EXIF orientation.
  public var size: Size
  /// How the file stores colour.
  public var mode: Mode
  /// The EXIF orientation, 1 to 8; 1 if the file has none.
  public var orientation: Int
  /// The number of frames or pages, of which the first is read.
  public var frames: Int
}
