internal import CVips

/// Decodes the pixels of a PNG file that libpng refuses.
struct PNGPixels {
  private let source: PNGSource
  private let bitsPerPixel: Int

  init(_ source: PNGSource) {
    self.source = source
    bitsPerPixel = source.channels * source.depth
  }

  /// One of the seven passes of an interlaced image, or the only one.
  private struct Pass {
    let row: Int
    let column: Int
    let rowStep: Int
    let columnStep: Int

    func size(in size: Size) -> Size {
      Size(
        height: size.height > row ? (size.height - row + rowStep - 1) / rowStep : 0,
        width: size.width > column ? (size.width - column + columnStep - 1) / columnStep : 0)
    }
  }

  private var passes: [Pass] {
    guard source.isInterlaced else { return [Pass(row: 0, column: 0, rowStep: 1, columnStep: 1)] }
    return [
      Pass(row: 0, column: 0, rowStep: 8, columnStep: 8),
      Pass(row: 0, column: 4, rowStep: 8, columnStep: 8),
      Pass(row: 4, column: 0, rowStep: 8, columnStep: 4),
      Pass(row: 0, column: 2, rowStep: 4, columnStep: 4),
      Pass(row: 2, column: 0, rowStep: 4, columnStep: 2),
      Pass(row: 0, column: 1, rowStep: 2, columnStep: 2),
      Pass(row: 1, column: 0, rowStep: 2, columnStep: 1),
    ]
  }

  func decode() throws(ImageError) -> PixelBuffer {
    try PixelBuffer(making: source.size) { target throws(ImageError) in
      target.update(repeating: 0)
      try forEachRow { line, pixels in
        for (column, pixel) in pixels.enumerated() { target.set(color(line, column), at: pixel) }
      }
    }
  }

  /// The stored numbers of a PNG of indices or of grey without alpha, neither coloured nor scaled.
  func values() throws(ImageError) -> [UInt16] {
    let bits = source.depth
    var values = [UInt16](repeating: 0, count: source.size.height * source.size.width)
    try forEachRow { line, pixels in
      for (column, pixel) in pixels.enumerated() {
        values[pixel] =
          bits == 16
          ? UInt16(line[1 + 2 * column]) << 8 | UInt16(line[2 + 2 * column])
          : UInt16(small(line, column, bits))
      }
    }
    return values
  }

  /// Calls a closure with each row, its filter undone and one byte in front, and the places of its
  /// pixels.
  private func forEachRow(
    _ body: ([UInt8], StrideTo<Int>) throws(ImageError) -> Void
  ) throws(ImageError) {
    let inflater = try Inflater(source.encoded, source.pixelChunks)
    let width = source.size.width
    for pass in passes {
      let part = pass.size(in: source.size)
      guard part.height > 0, part.width > 0 else { continue }
      let rowBytes = (part.width * bitsPerPixel + 7) / 8
      var previous = [UInt8](repeating: 0, count: rowBytes)
      var line = [UInt8](repeating: 0, count: rowBytes + 1)
      for row in 0..<part.height {
        guard try inflater.read(into: &line) else {
          if source.encoded.isLenient { return }
          throw source.encoded.damaged(
            "is a PNG file that is cut short: its pixels end in row \(row) of \(part.height)")
        }
        try unfilter(&line, previous)
        let first = (pass.row + row * pass.rowStep) * width
        try body(line, stride(from: first + pass.column, to: first + width, by: pass.columnStep))
        previous.replaceSubrange(0..., with: line[1...])
      }
    }
  }

  /// Undoes the filter of a row, whose kind is its first byte.
  private func unfilter(_ line: inout [UInt8], _ above: [UInt8]) throws(ImageError) {
    let distance = max(bitsPerPixel / 8, 1)
    let kind = line[0]
    guard kind <= 4 else {
      throw source.encoded.damaged("is a PNG file with the row filter \(kind); expected 0 to 4")
    }
    if kind == 0 { return }
    for index in 0..<above.count {
      let left = index >= distance ? Int(line[index + 1 - distance]) : 0
      let up = Int(above[index])
      let corner = index >= distance ? Int(above[index - distance]) : 0
      let guess =
        switch kind {
        case 1: left
        case 2: up
        case 3: (left + up) / 2
        default: PNGPixels.paeth(left, up, corner)
        }
      line[index + 1] &+= UInt8(truncatingIfNeeded: guess)
    }
  }

  /// Whichever of three neighbours is nearest to `left + up - corner`.
  private static func paeth(_ left: Int, _ up: Int, _ corner: Int) -> Int {
    let (a, b, c) = (abs(up - corner), abs(left - corner), abs(left + up - 2 * corner))
    return a <= b && a <= c ? left : b <= c ? up : corner
  }

  /// The colour of a pixel of a row whose filter is undone.
  private func color(_ line: [UInt8], _ column: Int) -> RGB {
    let at = 1 + column * bitsPerPixel / 8
    switch (source.colorType, source.depth) {
    case (3, let depth):
      let index = small(line, column, depth)
      return index < source.palette.count ? source.palette[index] : .black
    case (0, 16):
      let value = line[at] > 0 ? 255 : line[at + 1]
      return RGB(value, value, value)
    case (0, let depth):
      let value = UInt8(small(line, column, depth) * 255 / ((1 << depth) - 1))
      return RGB(value, value, value)
    case (4, _): return RGB(line[at], line[at], line[at])
    case (_, let depth):
      let step = depth / 8
      return RGB(line[at], line[at + step], line[at + 2 * step])
    }
  }

  /// A sample of at most eight bits.
  private func small(_ line: [UInt8], _ column: Int, _ depth: Int) -> Int {
    let bit = column * depth
    return Int(line[1 + bit / 8]) >> (8 - depth - bit % 8) & ((1 << depth) - 1)
  }
}

/// Decompresses pieces of a file as one zlib stream.
private final class Inflater {
  private let encoded: EncodedImage
  private var chunks: ArraySlice<Range<Int>>
  private var stream = z_stream()
  private var isAtEnd = false

  init(_ encoded: EncodedImage, _ chunks: [Range<Int>]) throws(ImageError) {
    self.encoded = encoded
    self.chunks = chunks[...]
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw encoded.damaged("cannot be decompressed: too little memory")
    }
  }

  deinit { inflateEnd(&stream) }

  /// Fills a row; false if the stream ends before.
  func read(into line: inout [UInt8]) throws(ImageError) -> Bool {
    var done = 0
    while done < line.count {
      guard !isAtEnd, let chunk = chunks.first else { return false }
      let piece = chunk.prefix(1 << 20)
      var (status, taken) = (Z_OK, 0)
      encoded.bytes.withUnsafeBufferPointer { input in
        line.withUnsafeMutableBufferPointer { output in
          // zlib does not write to its input; its C interface merely lacks the const.
          stream.next_in = UnsafeMutablePointer(
            mutating: input.baseAddress.map { $0 + piece.lowerBound })
          stream.avail_in = uInt(piece.count)
          stream.next_out = output.baseAddress.map { $0 + done }
          stream.avail_out = uInt(output.count - done)
          status = inflate(&stream, Z_NO_FLUSH)
          taken = piece.count - Int(stream.avail_in)
          done = output.count - Int(stream.avail_out)
        }
      }
      if status == Z_STREAM_END {
        isAtEnd = true
      } else if status != Z_OK, status != Z_BUF_ERROR {
        throw encoded.damaged("has pixels that cannot be decompressed (zlib status \(status))")
      }
      let rest = chunk.dropFirst(taken)
      chunks = rest.isEmpty ? chunks.dropFirst() : [rest] + chunks.dropFirst()
    }
    return true
  }
}
