/// A TIFF file, decoded by libvips.
///
/// Where a plane of transparency is damaged, which is dropped in any case, the file is read without it, as
/// Pillow does.
struct TIFFSource: ImageSource {
  private let encoded: EncodedImage
  private let vips: VipsSource

  init(_ encoded: EncodedImage) throws(ImageError) {
    self.encoded = encoded
    vips = try VipsSource(encoded)
  }

  func info() throws(ImageError) -> ImageInfo { try vips.info() }

  func decode(_ info: ImageInfo) throws(ImageError) -> PixelBuffer {
    do {
      return try vips.decode(info)
    } catch {
      guard let colors = withoutExtraPlanes() else { throw error }
      return try VipsSource(colors).decode(info)
    }
  }

  /// The numbers of the fields that matter here.
  private enum Field {
    static let photometric = 262
    static let samplesPerPixel = 277
    static let planarConfiguration = 284
    static let extraSamples = 338
    /// No field of the standard.
    static let unused = 65_000
  }

  /// The same file with only its planes of colour, or nil if it has no separate planes beside them.
  private func withoutExtraPlanes() -> EncodedImage? {
    var bytes = encoded.bytes
    guard bytes.count >= 8 else { return nil }
    let isLittle = bytes[0] == 0x49
    func number(_ position: Int, _ count: Int) -> Int {
      guard position >= 0, position + count <= bytes.count else { return -1 }
      let part = bytes[position..<position + count]
      return isLittle
        ? part.reversed().reduce(0) { $0 << 8 | Int($1) } : part.reduce(0) { $0 << 8 | Int($1) }
    }
    func set(_ position: Int, _ value: Int) {
      let (low, high) = (UInt8(value & 255), UInt8(value >> 8 & 255))
      (bytes[position], bytes[position + 1]) = isLittle ? (low, high) : (high, low)
    }
    guard number(2, 2) == 42 else { return nil }
    let directory = number(4, 4)
    var places: [Int: Int] = [:]
    for index in 0..<max(number(directory, 2), 0) {
      let entry = directory + 2 + 12 * index
      guard entry + 12 <= bytes.count else { return nil }
      places[number(entry, 2)] = entry
    }
    func value(_ field: Int) -> Int? { places[field].map { number($0 + 8, 2) } }
    guard value(Field.planarConfiguration) == 2, let samples = places[Field.samplesPerPixel],
      let extra = places[Field.extraSamples], let photometric = value(Field.photometric)
    else { return nil }
    let colors = photometric == 2 || photometric == 6 || photometric == 8 ? 3 : 1
    guard number(samples + 8, 2) > colors else { return nil }
    set(samples + 8, colors)
    set(extra, Field.unused)
    return EncodedImage(
      bytes: bytes, file: encoded.file, format: .tiff, limits: encoded.limits,
      isLenient: encoded.isLenient)
  }
}
