internal import CVips

/// A PNG of indices into a table of colours, which keeps the indices exact.
struct IndexedPNG {
  let indices: [UInt8]
  let size: Size
  let palette: [RGB]

  func encoded(name: String) throws(ImageError) -> [UInt8] {
    var rows: [UInt8] = []
    rows.reserveCapacity((size.width + 1) * size.height)
    for row in 0..<size.height {
      rows.append(0)  // no filter: best for indices
      rows.append(contentsOf: indices[row * size.width..<(row + 1) * size.width])
    }
    var capacity = compressBound(uLong(rows.count))
    var packed = [UInt8](repeating: 0, count: Int(capacity))
    guard compress2(&packed, &capacity, rows, uLong(rows.count), 6) == Z_OK else {
      throw .unwritable(file: name, problem: "cannot be compressed; too little memory")
    }
    // Every index needs a colour; readers refuse those beyond the table.
    let highest = Int(indices.max() ?? 0)
    var colors = Array(palette.prefix(256))
    while colors.count <= highest { colors.append(.black) }

    var file: [UInt8] = [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]
    let header = UInt32(size.width).bigEndianBytes + UInt32(size.height).bigEndianBytes
    append("IHDR", header + [8, 3, 0, 0, 0], to: &file)
    append("PLTE", colors.flatMap { [$0.red, $0.green, $0.blue] }, to: &file)
    append("IDAT", Array(packed.prefix(Int(capacity))), to: &file)
    append("IEND", [], to: &file)
    return file
  }

  private func append(_ kind: String, _ data: [UInt8], to file: inout [UInt8]) {
    let body = Array(kind.utf8) + data
    file += UInt32(data.count).bigEndianBytes
    file += body
    file += UInt32(truncatingIfNeeded: crc32(0, body, uInt(body.count))).bigEndianBytes
  }
}

extension UInt32 {
  var bigEndianBytes: [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: self >> (24 - 8 * $0)) } }
}
