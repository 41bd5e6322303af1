/// Tells images from other files by name or by leading bytes.
enum ImageKind {
  /// Extensions of image files, in lower case.
  static let extensions: Set<[UInt8]> = Set(
    [
      "jpg", "jpeg", "jfif", "png", "webp", "tif", "tiff", "gif", "bmp", "ppm", "pgm", "pbm",
      "pnm", "avif", "heic", "heif",
    ].map { Array($0.utf8) })

  /// Whether the name has an extension of an image file.
  static func hasImageExtension(_ path: RawPath) -> Bool {
    path.fileExtension.map { extensions.contains($0) } ?? false
  }

  /// The number of leading bytes that ``isImage(leading:)`` looks at.
  static let leadingBytes = 16

  /// Whether a file that begins with these bytes is an image of a format above.
  static func isImage(leading bytes: [UInt8]) -> Bool {
    func begins(_ magic: [UInt8], at offset: Int = 0) -> Bool {
      bytes.count >= offset + magic.count && Array(bytes[offset..<offset + magic.count]) == magic
    }
    func begins(_ magic: String, at offset: Int = 0) -> Bool {
      begins(Array(magic.utf8), at: offset)
    }
    if begins([0xFF, 0xD8, 0xFF]) || begins([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      return true
    }
    if begins("GIF87a") || begins("GIF89a") || begins("BM") { return true }
    if begins("RIFF") && begins("WEBP", at: 8) { return true }
    if begins([0x49, 0x49, 0x2A, 0]) || begins([0x4D, 0x4D, 0, 0x2A]) { return true }
    if begins("ftyp", at: 4) {
      return ["avif", "avis", "heic", "heix", "mif1", "msf1"].contains { begins($0, at: 8) }
    }
    guard bytes.count >= 3, bytes[0] == UInt8(ascii: "P") else { return false }
    return (UInt8(ascii: "1")...UInt8(ascii: "6")).contains(bytes[1])
      && [0x0A, 0x0D, 0x20, 0x09].contains(bytes[2])
  }
}
