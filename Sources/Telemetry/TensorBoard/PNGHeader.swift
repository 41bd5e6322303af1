/// The first bytes of a PNG file.
enum PNGHeader {
  private static let signature: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]

  /// The size that the header says.
  ///
  /// Source: W3C, Portable Network Graphics, sections 5.2 and 11.2.1: after the signature comes the chunk
  /// `IHDR`, which begins with the width and the height, four bytes each, the highest first.
  static func size(of bytes: [UInt8]) -> (height: Int, width: Int)? {
    guard bytes.count >= 24, bytes.starts(with: signature),
      bytes[12..<16].elementsEqual("IHDR".utf8)
    else { return nil }
    let width = bytes[16..<20].reduce(0) { $0 << 8 | Int($1) }
    let height = bytes[20..<24].reduce(0) { $0 << 8 | Int($1) }
    return width > 0 && height > 0 ? (height, width) : nil
  }
}
