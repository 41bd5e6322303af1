/// Reads numbers from untrusted bytes; every access is checked.
struct ByteCursor {
  let encoded: EncodedImage
  var position: Int

  init(_ encoded: EncodedImage, at position: Int = 0) {
    self.encoded = encoded
    self.position = position
  }

  var remaining: Int { max(encoded.bytes.count - position, 0) }

  /// The next byte, or nil at the end.
  mutating func next() -> UInt8? {
    guard position >= 0, position < encoded.bytes.count else { return nil }
    defer { position += 1 }
    return encoded.bytes[position]
  }

  /// The next bytes as a little-endian number.
  mutating func little(_ count: Int) throws(ImageError) -> Int {
    var value = 0
    for index in 0..<count { value |= Int(try byte()) << (8 * index) }
    return value
  }

  /// The next bytes as a big-endian number.
  mutating func big(_ count: Int) throws(ImageError) -> Int {
    var value = 0
    for _ in 0..<count { value = value << 8 | Int(try byte()) }
    return value
  }

  /// The next four bytes as letters.
  mutating func letters() throws(ImageError) -> String {
    String(decoding: [try byte(), try byte(), try byte(), try byte()], as: UTF8.self)
  }

  /// The next byte.
  mutating func byte() throws(ImageError) -> UInt8 {
    guard let value = next() else { throw endedEarly() }
    return value
  }

  /// The error of a file that ends too soon.
  func endedEarly() -> ImageError {
    encoded.damaged(
      "is a \(encoded.format) file that is cut short: it ends after \(encoded.bytes.count) bytes")
  }
}
