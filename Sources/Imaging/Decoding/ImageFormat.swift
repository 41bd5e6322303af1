/// The file formats that are read.
public enum ImageFormat: String, Sendable, CaseIterable, Codable {
  /// JPEG, also with several pictures (MPO); the first is read.
  case jpeg
  /// PNG, also animated; the still picture is read.
  case png
  /// WebP; of an animation the first frame.
  case webp
  /// TIFF; the first page.
  case tiff
  /// GIF; the first frame.
  case gif
  /// Windows and OS/2 bitmaps.
  case bmp
  /// Portable bitmaps, greymaps and pixmaps (PBM, PGM, PPM).
  case pnm
  /// AVIF.
  case avif
  /// HEIC and HEIF.
  case heif
  /// JPEG 2000.
  case jpeg2000
  /// The Quite OK Image format.
  case qoi
  /// Windows icons; the largest picture is read.
  case ico

  /// The format that the first bytes name, whatever the file is called.
  ///
  /// - Parameter bytes: At least the first 32 bytes of the file, or all if it is shorter.
  /// - Returns: The format, or nil if the bytes are of no format that is read here.
  public static func detect(_ bytes: some Collection<UInt8>) -> ImageFormat? {
    let head = Array(bytes.prefix(32))
    func starts(_ signature: [UInt8], at offset: Int = 0) -> Bool {
      head.count >= offset + signature.count
        && head[offset..<offset + signature.count].elementsEqual(signature)
    }
    if starts([0xFF, 0xD8, 0xFF]) { return .jpeg }
    if starts([0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) { return .png }
    if starts(Array("RIFF".utf8)), starts(Array("WEBP".utf8), at: 8) { return .webp }
    if starts(Array("GIF87a".utf8)) || starts(Array("GIF89a".utf8)) { return .gif }
    let tiffHeads: [[UInt8]] = [
      [0x49, 0x49, 42, 0], [0x4D, 0x4D, 0, 42], [0x49, 0x49, 43, 0], [0x4D, 0x4D, 0, 43],
      [0x49, 0x49, 0, 42], [0x4D, 0x4D, 42, 0],
    ]
    if tiffHeads.contains(where: { starts($0) }) { return .tiff }
    if starts(Array("BM".utf8)) { return .bmp }
    if starts(Array("qoif".utf8)) { return .qoi }
    if starts([0, 0, 1, 0]), head.count >= 6, head[4] != 0 || head[5] != 0 { return .ico }
    if starts([0, 0, 0, 12, 0x6A, 0x50, 0x20, 0x20, 0x0D, 0x0A, 0x87, 0x0A])
      || starts([0xFF, 0x4F, 0xFF, 0x51])
    {
      return .jpeg2000
    }
    if starts(Array("ftyp".utf8), at: 4), head.count >= 12 { return brand(head) }
    if head.count >= 3, head[0] == 0x50, (0x31...0x36).contains(head[1]), head[2].isPNMSpace {
      return .pnm
    }
    return nil
  }

  /// AVIF or HEIF by the brands of an ISO media file.
  private static func brand(_ head: [UInt8]) -> ImageFormat? {
    let brands = stride(from: 8, to: head.count - 3, by: 4).filter { $0 != 12 }
      .map { String(decoding: head[$0..<$0 + 4], as: UTF8.self) }
    guard let major = brands.first else { return nil }
    if ["avif", "avis"].contains(major) { return .avif }
    if ["heic", "heix", "heim", "heis", "hevc", "hevx"].contains(major) { return .heif }
    guard ["mif1", "msf1", "mif2"].contains(major) else { return nil }
    return brands.contains("avif") || brands.contains("avis") ? .avif : .heif
  }
}

extension UInt8 {
  /// Whether the byte separates numbers in a portable bitmap.
  var isPNMSpace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}
