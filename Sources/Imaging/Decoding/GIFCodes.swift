/// The compressed indices of a GIF frame (LZW with codes of 3 to 12 bits).
struct GIFCodes {
  private var cursor: ByteCursor
  private let minimum: Int
  /// What is left of the current block of at most 255 bytes.
  private var blockLeft = 0
  private var bits: UInt32 = 0
  private var bitCount = 0
  /// For each code the one before it, its last index and its length.
  private var prefixes = [Int16](repeating: 0, count: 4096)
  private var suffixes = [UInt8](repeating: 0, count: 4096)
  private var lengths = [Int](repeating: 1, count: 4096)

  init(_ encoded: EncodedImage, at position: Int) throws(ImageError) {
    cursor = ByteCursor(encoded, at: position)
    minimum = try cursor.little(1)
    guard (1...11).contains(minimum) else {
      throw encoded.damaged("has GIF codes of \(minimum) bits; expected 1 to 11")
    }
    for code in 0..<min(1 << minimum, 4096) { suffixes[code] = UInt8(truncatingIfNeeded: code) }
  }

  /// The next code, or nil where the data end.
  private mutating func code(of width: Int) -> Int? {
    while bitCount < width {
      while blockLeft == 0 {
        guard let length = cursor.next(), length > 0 else { return nil }
        blockLeft = Int(length)
      }
      guard let byte = cursor.next() else { return nil }
      blockLeft -= 1
      bits |= UInt32(byte) << UInt32(bitCount)
      bitCount += 8
    }
    defer {
      bits >>= UInt32(width)
      bitCount -= width
    }
    return Int(bits & (1 << UInt32(width) - 1))
  }

  /// Decodes a number of indices; fewer if the data say that they end.
  consuming func decode(count: Int) throws(ImageError) -> [UInt8] {
    let (clear, end) = (1 << minimum, 1 << minimum + 1)
    var (next, width) = (clear + 2, minimum + 1)
    var previous: Int?
    var indices: [UInt8] = []
    indices.reserveCapacity(count)
    while indices.count < count {
      guard let code = code(of: width) else {
        guard cursor.encoded.isLenient else {
          throw cursor.encoded.damaged(
            "is a GIF file that is cut short: \(count) pixels were expected, \(indices.count) found"
          )
        }
        break
      }
      if code == end { break }
      if code == clear {
        (next, width, previous) = (clear + 2, minimum + 1, nil)
        continue
      }
      guard code < next || (code == next && previous != nil), code < 4096 else {
        throw cursor.encoded.damaged("has the GIF code \(code) where at most \(next) was expected")
      }
      if let previous, next < 4096 {
        // A code that is about to be defined repeats the first index of the one before it.
        suffixes[next] = firstIndex(of: code == next ? previous : code)
        prefixes[next] = Int16(previous)
        lengths[next] = lengths[previous] + 1
        next += 1
        if next == 1 << width, width < 12 { width += 1 }
      }
      append(code, to: &indices)
      previous = code
    }
    return indices.count > count ? Array(indices.prefix(count)) : indices
  }

  private func firstIndex(of code: Int) -> UInt8 {
    var code = code
    while lengths[code] > 1 { code = Int(prefixes[code]) }
    return suffixes[code]
  }

  private func append(_ code: Int, to indices: inout [UInt8]) {
    let (start, length) = (indices.count, lengths[code])
    for _ in 0..<length { indices.append(0) }
    var code = code
    for offset in stride(from: length - 1, through: 0, by: -1) {
      indices[start + offset] = suffixes[code]
      code = Int(prefixes[code])
    }
  }
}
