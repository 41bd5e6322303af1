/// The run-length codes of bitmaps, RLE8 and RLE4.
struct BMPRuns {
  private let source: BMPSource
  private let width: Int
  private let total: Int
  private var indices: [UInt8] = []
  private var column = 0

  init(_ source: BMPSource) {
    self.source = source
    width = source.size.width
    total = source.size.height * source.size.width
  }

  /// The indices of all pixels, rows in the order of the file.
  consuming func decode() throws(ImageError) -> [UInt8] {
    var cursor = ByteCursor(source.encoded, at: source.pixelOffset)
    indices.reserveCapacity(total)
    while indices.count < total, let count = cursor.next(), let value = cursor.next() {
      if count > 0 {
        run(of: Int(count), value)
      } else if value == 0 {
        if column > 0 || indices.count % width != 0 {
          skip((width - indices.count % width) % width)
        }
        column = 0
      } else if value == 1 {
        // End of the bitmap: what was not drawn has index 0.
        skip(total - indices.count)
      } else if value == 2 {
        guard let right = cursor.next(), let up = cursor.next() else { break }
        skip(Int(right) + Int(up) * width)
        column = indices.count % width
      } else {
        guard literal(Int(value), &cursor) else { break }
      }
    }
    guard indices.count >= total || source.encoded.isLenient else {
      throw source.encoded.damaged(
        "is a run-length coded bitmap that is cut short: \(total) pixels were expected, "
          + "\(indices.count) found")
    }
    skip(total - indices.count)
    return Array(indices.prefix(total))
  }

  private mutating func skip(_ count: Int) {
    for _ in 0..<max(min(count, total - indices.count), 0) { indices.append(0) }
  }

  /// A repeated value; what goes beyond the row is dropped.
  private mutating func run(of count: Int, _ value: UInt8) {
    let fitting = max(min(count, width - column), 0)
    for index in 0..<fitting {
      if source.compression == .runs4 {
        indices.append(index % 2 == 0 ? value >> 4 : value & 15)
      } else {
        indices.append(value)
      }
    }
    column += fitting
  }

  /// Values one by one, padded to an even number of bytes; false at the end of the file.
  private mutating func literal(_ count: Int, _ cursor: inout ByteCursor) -> Bool {
    let isHalf = source.compression == .runs4
    let byteCount = isHalf ? (count + 1) / 2 : count
    for index in 0..<byteCount {
      guard let byte = cursor.next() else { return false }
      if isHalf {
        indices.append(byte >> 4)
        if 2 * index + 1 < count { indices.append(byte & 15) }
      } else {
        indices.append(byte)
      }
    }
    column += count
    if byteCount % 2 != 0 { cursor.position += 1 }
    return true
  }
}
