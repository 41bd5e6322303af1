/// The chain of markers of a JPEG file, checked before the file is decoded.
///
/// libjpeg is content when it has all rows; Pillow also wants the end marker, and refuses a file that
/// lacks its last two bytes. Progressive files with very many scans are refused.
struct JPEGStructure {
  private let encoded: EncodedImage

  init(_ encoded: EncodedImage) { self.encoded = encoded }

  /// Refuses a file without end marker and one of very many scans.
  func check() throws(ImageError) {
    let (scans, ended) = encoded.bytes.withUnsafeBufferPointer { bytes in
      var (scans, ended) = (0, false)
      // Inside compressed data 0xFF is followed by 0: what looks like a marker is one. A thumbnail, which
      // has markers of its own, lies in a segment before the first scan.
      var position = JPEGStructure.firstScan(bytes)
      while position + 1 < bytes.count {
        if bytes[position] == 0xFF {
          if bytes[position + 1] == 0xDA { scans += 1 }
          if bytes[position + 1] == 0xD9 { ended = true }
        }
        if ended || scans > encoded.limits.jpegScans { break }
        position += 1
      }
      return (scans, ended)
    }
    guard scans <= encoded.limits.jpegScans else {
      throw .tooLarge(
        file: encoded.file,
        problem: "is a progressive JPEG of more than \(encoded.limits.jpegScans) scans; "
          + "raise limits.jpegScans or save it again")
    }
    guard ended || encoded.isLenient else {
      throw encoded.damaged(
        "is a JPEG that is cut short: the end marker is missing after \(encoded.bytes.count) bytes; "
          + "decode leniently to take what there is")
    }
  }

  /// Where the first scan begins, or the end of the file.
  private static func firstScan(_ bytes: UnsafeBufferPointer<UInt8>) -> Int {
    var position = 2
    while position + 3 < bytes.count {
      guard bytes[position] == 0xFF else {
        position += 1
        continue
      }
      let marker = bytes[position + 1]
      if marker == 0xDA { return position }
      if marker == 0xFF {
        position += 1
      } else if marker == 0 || marker == 0x01 || (0xD0...0xD9).contains(marker) {
        position += 2
      } else {
        position += 2 + max(Int(bytes[position + 2]) << 8 | Int(bytes[position + 3]), 2)
      }
    }
    return bytes.count
  }
}
