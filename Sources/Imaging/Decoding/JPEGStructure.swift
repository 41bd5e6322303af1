/// The chain of markers of a JPEG file, checked before the file is decoded.
///
/// libjpeg is content when it has all rows; Pillow also wants the end marker, and refuses a file that
/// lacks its last two bytes. Progressive files with very many scans are refused.
struct JPEGStructure {
  private let encoded: EncodedImage

  init(_ encoded: EncodedImage) { self.encoded = encoded }

  /// Walks through the markers.
  func check() throws(ImageError) {
    let bytes = encoded.bytes
    var position = 2
    var scans = 0
    var ended = false
    bytes.withUnsafeBufferPointer { bytes in
      while let marker = JPEGStructure.nextMarker(bytes, &position) {
        if marker == 0xD9 {
          ended = true
          break
        }
        // Start of image, restart and TEM markers stand alone; every other one has a length.
        if marker == 0x01 || (0xD0...0xD8).contains(marker) { continue }
        guard position + 2 <= bytes.count else { break }
        let length = Int(bytes[position]) << 8 | Int(bytes[position + 1])
        if marker == 0xDA {
          scans += 1
          if scans > encoded.limits.jpegScans { break }
        }
        position += max(length, 2)
      }
    }
    guard scans <= encoded.limits.jpegScans else {
      throw .tooLarge(
        file: encoded.file,
        problem: "is a progressive JPEG of more than \(encoded.limits.jpegScans) scans; "
          + "raise limits.jpegScans or save it again")
    }
    guard ended || encoded.isLenient else {
      throw encoded.damaged(
        "is a JPEG that is cut short: the end marker is missing after \(bytes.count) bytes; "
          + "decode leniently to take what there is")
    }
  }

  /// The next marker from a position on, which then stands behind it.
  private static func nextMarker(
    _ bytes: UnsafeBufferPointer<UInt8>, _ position: inout Int
  ) -> UInt8? {
    while position < bytes.count {
      if bytes[position] != 0xFF {
        position += 1
        continue
      }
      while position < bytes.count, bytes[position] == 0xFF { position += 1 }
      guard position < bytes.count else { return nil }
      let marker = bytes[position]
      position += 1
      if marker != 0 { return marker }
    }
    return nil
  }
}
