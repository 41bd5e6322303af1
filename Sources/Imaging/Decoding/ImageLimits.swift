/// What an image may take, checked on its header, before memory for pixels is taken.
public struct ImageLimits: Sendable, Hashable {
  /// The most pixels.
  ///
  /// The default is where Pillow, and so the original, refuses.
  public var pixels = 178_956_970
  /// The longest side.
  public var side = 65_535
  /// The most bytes of an encoded file.
  public var encodedBytes = 512 << 20
  /// The most scans of a progressive JPEG; a crafted file can hold thousands, each as slow as the image.
  public var jpegScans = 500

  /// The limits for files of one's own: those of the original.
  public init() {}

  /// The limits for data sets and the command line: those of the original.
  public static let standard = ImageLimits()

  /// Tighter limits, for images that strangers send to a server.
  public static let server: ImageLimits = {
    var limits = ImageLimits()
    limits.pixels = 50_000_000
    limits.side = 16_384
    limits.encodedBytes = 20 << 20
    limits.jpegScans = 100
    return limits
  }()

  /// Refuses a size beyond the limits.
  func check(_ size: Size, file: String) throws(ImageError) {
    guard size.height > 0, size.width > 0 else {
      throw .damaged(
        file: file, problem: "says that its size is \(size); both sides must be positive")
    }
    guard size.height <= side, size.width <= side else {
      throw .tooLarge(
        file: file, problem: "is \(size) pixels; a side may have at most \(side), raise limits.side"
      )
    }
    guard let found = size.pixels, found <= pixels else {
      throw .tooLarge(
        file: file,
        problem: "is \(size) pixels; at most \(pixels) are allowed in total, raise limits.pixels")
    }
  }
}
