/// Builds tar archives byte by byte, honest or not.
struct TarBuilder {
  private(set) var bytes: [UInt8] = []

  /// Appends a member.
  mutating func add(
    _ name: String, _ contents: [UInt8], kind: Character = "0", declaredSize: String? = nil,
    prefix: String = ""
  ) {
    var header = [UInt8](repeating: 0, count: 512)
    func put(_ text: String, at offset: Int, _ limit: Int) {
      for (index, byte) in text.utf8.prefix(limit).enumerated() { header[offset + index] = byte }
    }
    put(name, at: 0, 100)
    put("0000644", at: 100, 8)
    put(declaredSize ?? String(contents.count, radix: 8).leftPadded(to: 11), at: 124, 12)
    header[156] = kind.asciiValue ?? 0
    put("ustar", at: 257, 6)
    put("00", at: 263, 2)
    put(prefix, at: 345, 155)
    add(header: header, contents)
  }

  /// Appends a finished header, after writing its checksum, and contents.
  mutating func add(header: [UInt8], _ contents: [UInt8]) {
    var header = header
    for index in 148..<156 { header[index] = 0x20 }
    let sum = header.reduce(0) { $0 + Int($1) }
    for (index, byte) in String(sum, radix: 8).leftPadded(to: 6).utf8.enumerated() {
      header[148 + index] = byte
    }
    header[154] = 0
    bytes += header + contents
    bytes += [UInt8](repeating: 0, count: (512 - contents.count % 512) % 512)
  }

  /// Appends a pax header with records.
  mutating func addPax(_ records: [(String, String)], kind: Character = "x") {
    var text = ""
    for (key, value) in records {
      let body = " \(key)=\(value)\n"
      var length = body.utf8.count + 1
      while "\(length)\(body)".utf8.count != length { length = "\(length)\(body)".utf8.count }
      text += "\(length)\(body)"
    }
    add("PaxHeaders/x", Array(text.utf8), kind: kind)
  }

  /// The archive with its two closing blocks.
  var finished: [UInt8] { bytes + [UInt8](repeating: 0, count: 1_024) }
}

extension String {
  fileprivate func leftPadded(to length: Int) -> String {
    String(repeating: "0", count: max(0, length - utf8.count)) + self
  }
}

/// Random numbers that are the same in every run (Marsaglia, 2003, "Xorshift RNGs").
struct Xorshift: RandomNumberGenerator {
  private var state: UInt64 = 0x2545_F491_4F6C_DD1D

  mutating func next() -> UInt64 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return state
  }
}
