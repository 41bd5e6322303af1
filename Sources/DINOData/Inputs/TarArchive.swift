/// The index of an uncompressed tar archive: names, places and sizes of its regular files.
///
/// Reads the POSIX forms (ustar, pax) and GNU's (long names, sizes in base 256). Folders, links,
/// devices and sparse files are passed over. A member's name is a label: nothing is ever opened by
/// it.
public struct TarArchive: Sendable {
  /// A regular file inside an archive.
  public struct Member: Sendable, Equatable {
    /// The name, without `./` before it.
    public let name: RawPath
    /// Where the contents begin, in bytes from the start of the archive.
    public let offset: Int
    /// The size of the contents in bytes.
    public let size: Int
  }

  /// The archive's path.
  public let path: RawPath
  /// The regular files in the order of the archive.
  public let members: [Member]

  /// Reads the index of an archive.
  ///
  /// - Parameter path: The archive.
  /// - Throws: ``DataError`` if the file cannot be read, is no tar archive, is compressed,
  ///   truncated, or has headers that contradict each other.
  public init(_ path: RawPath) throws(DataError) {
    self.path = path
    var scanner = TarScanner(file: try InputFile(path))
    members = try scanner.scan()
  }

  /// Reads the contents of a member.
  ///
  /// - Parameters:
  ///   - member: A member of this archive.
  ///   - limit: The largest size to accept, in bytes.
  /// - Returns: The contents.
  /// - Throws: ``DataError`` if the archive cannot be read or was shortened, or if the member is
  ///   larger than the limit.
  public func contents(
    of member: Member, limit: Int = ImageReference.largestFile
  ) throws(DataError) -> [UInt8] {
    try TarArchive.contents(of: member, in: path, limit: limit)
  }

  static func contents(
    of member: Member, in path: RawPath, limit: Int
  ) throws(DataError) -> [UInt8] {
    guard member.size <= limit else {
      throw .tooLarge(
        path.appending(member.name.bytes).displayName, size: member.size, limit: limit)
    }
    let bytes = try InputFile(path).read(at: member.offset, count: member.size)
    guard bytes.count == member.size else {
      throw .refused(
        path: path.displayName,
        problem:
          "ends inside member \(member.name.displayName), which needs \(member.size) bytes at "
          + "offset \(member.offset); the archive was shortened since it was indexed")
    }
    return bytes
  }
}

/// Walks the headers of an archive.
private struct TarScanner {
  static let block = 512
  /// Extended headers and long names beyond this size do not occur in honest archives.
  static let largestHeader = 1 << 20

  let file: InputFile
  var offset = 0
  var members: [TarArchive.Member] = []
  /// What an extended header or GNU long name says about the next member.
  var longName: [UInt8]?
  var longSize: Int?
  var isSparse = false

  init(file: InputFile) { self.file = file }

  mutating func scan() throws(DataError) -> [TarArchive.Member] {
    guard file.size > 0 else { throw refused("is empty; a tar archive was expected") }
    while offset < file.size {
      let header = try file.read(at: offset, count: TarScanner.block)
      guard header.count == TarScanner.block else {
        throw refused("ends inside the header at offset \(offset); the archive is truncated")
      }
      if header.allSatisfy({ $0 == 0 }) { return members }
      try checkSum(of: header)
      try read(TarHeader(header))
    }
    guard longName == nil, longSize == nil else {
      throw refused("ends after an extended header at offset \(offset); the archive is truncated")
    }
    return members
  }

  private mutating func read(_ header: TarHeader) throws(DataError) {
    guard let declared = header.size else {
      throw refused("declares a size that is no number in the header at offset \(offset)")
    }
    switch header.kind {
    case UInt8(ascii: "L"):
      longName = Array(try text(declared).prefix { $0 != 0 })
    case UInt8(ascii: "x"):
      try readExtended(try text(declared))
    case UInt8(ascii: "g"), UInt8(ascii: "K"):
      _ = try text(declared)
    case 0, UInt8(ascii: "0"), UInt8(ascii: "7"):
      try add(header, size: longSize ?? declared)
    case UInt8(ascii: "1")...UInt8(ascii: "6"):
      // Links, devices, folders and pipes carry no contents, whatever size they declare.
      forget()
      try advance(by: 0, of: "header")
    default:
      if header.kind == UInt8(ascii: "S") { try passSparseMaps(header) }
      let size = longSize ?? declared
      forget()
      try advance(by: size, of: "member")
    }
  }

  private mutating func add(_ header: TarHeader, size: Int) throws(DataError) {
    var name = longName ?? header.name
    while name.starts(with: [UInt8(ascii: "."), RawPath.separator]) { name.removeFirst(2) }
    let start = offset + TarScanner.block
    // Before pax, a folder was a file whose name ends in a slash.
    let isFile = !isSparse && !name.isEmpty && name.last != RawPath.separator
    forget()
    try advance(by: size, of: RawPath(bytes: name).displayName)
    if isFile {
      members.append(TarArchive.Member(name: RawPath(bytes: name), offset: start, size: size))
    }
  }

  private mutating func forget() {
    longName = nil
    longSize = nil
    isSparse = false
  }

  /// Moves behind a header and its contents, which fill whole blocks.
  private mutating func advance(by size: Int, of what: String) throws(DataError) {
    let (start, overflow) = offset.addingReportingOverflow(TarScanner.block)
    guard !overflow, size >= 0, start <= file.size, size <= file.size - start else {
      throw refused(
        "\(what) at offset \(offset) needs \(size) bytes, but the archive ends at \(file.size); it is "
          + "truncated or damaged")
    }
    let rest = size % TarScanner.block
    let padding = rest == 0 ? 0 : TarScanner.block - rest
    // The last member's padding may be cut off; its contents are whole.
    offset = min(start + size + padding, file.size)
  }

  /// The contents of a header that holds text, moving behind it.
  private mutating func text(_ size: Int) throws(DataError) -> [UInt8] {
    guard size <= TarScanner.largestHeader else {
      throw refused(
        "has an extended header of \(size) bytes at offset \(offset); at most "
          + "\(TarScanner.largestHeader) are read")
    }
    let start = offset + TarScanner.block
    try advance(by: size, of: "extended header")
    return try file.read(at: start, count: size)
  }

  /// Reads `<length> <key>=<value>\n` records of a pax header.
  private mutating func readExtended(_ text: [UInt8]) throws(DataError) {
    var rest = text[...]
    while let first = rest.first, first != 0 {
      guard let space = rest.firstIndex(of: UInt8(ascii: " ")),
        let length = TarHeader.decimal(rest[..<space]), length > space - rest.startIndex + 1,
        length <= rest.count, rest[rest.startIndex + length - 1] == 0x0A
      else { throw refused("has a damaged pax header before offset \(offset)") }
      let record = rest[(space + 1)..<(rest.startIndex + length - 1)]
      rest = rest[(rest.startIndex + length)...]
      guard let equals = record.firstIndex(of: UInt8(ascii: "=")) else {
        throw refused("has a pax record without a value before offset \(offset)")
      }
      let value = record[(equals + 1)...]
      switch String(decoding: record[..<equals], as: UTF8.self) {
      case "path": longName = Array(value)
      case "size":
        guard let size = TarHeader.decimal(value) else {
          throw refused("declares a size that is no number in the pax header before \(offset)")
        }
        longSize = size
      case let key where key.hasPrefix("GNU.sparse."): isSparse = true
      default: break
      }
    }
  }

  /// Moves behind the further maps of an old GNU sparse file, which stand before its contents.
  private mutating func passSparseMaps(_ header: TarHeader) throws(DataError) {
    var hasMore = header.hasSparseMaps
    while hasMore {
      let map = try file.read(at: offset + TarScanner.block, count: TarScanner.block)
      guard map.count == TarScanner.block else {
        throw refused("ends inside a sparse map at offset \(offset); the archive is truncated")
      }
      hasMore = map[504] == 1
      offset += TarScanner.block
    }
  }

  private func checkSum(of header: [UInt8]) throws(DataError) {
    var sum = 0
    for (index, byte) in header.enumerated() {
      sum += (148..<156).contains(index) ? 0x20 : Int(byte)
    }
    guard TarHeader.number(header[148..<156]) != sum else { return }
    if offset == 0, header.starts(with: [0x1F, 0x8B]) || header.starts(with: [0x28, 0xB5, 0x2F]) {
      throw refused("is compressed; shards are read in place, so unpack it to a plain .tar first")
    }
    throw refused(
      offset == 0
        ? "is no tar archive: the first header's checksum is wrong"
        : "has a header with a wrong checksum at offset \(offset); the archive is damaged")
  }

  private func refused(_ problem: String) -> DataError {
    .refused(path: file.path.displayName, problem: problem)
  }
}

/// The fields of one 512-byte header.
private struct TarHeader {
  let bytes: [UInt8]

  init(_ bytes: [UInt8]) { self.bytes = bytes }

  var kind: UInt8 { bytes[156] }
  var size: Int? { TarHeader.number(bytes[124..<136]) }
  var hasSparseMaps: Bool { bytes[482] == 1 }

  /// The name with ustar's prefix before it.
  var name: [UInt8] {
    let name = Array(bytes[0..<100].prefix { $0 != 0 })
    let isPosix = Array(bytes[257..<263]) == Array("ustar".utf8) + [0]
    let prefix = isPosix ? Array(bytes[345..<500].prefix { $0 != 0 }) : []
    return prefix.isEmpty ? name : prefix + [RawPath.separator] + name
  }

  /// A number in octal digits, or in base 256 if the first bit is set.
  static func number(_ field: ArraySlice<UInt8>) -> Int? {
    guard let first = field.first else { return nil }
    if first & 0x80 != 0 {
      guard first == 0x80 else { return nil }  // negative, or beyond 88 bits
      var value = 0
      for byte in field.dropFirst() {
        guard value <= Int.max >> 8 else { return nil }
        value = value << 8 | Int(byte)
      }
      return value
    }
    var value = 0
    var hasEnded = false
    for byte in field.drop(while: { $0 == 0x20 }) {
      switch byte {
      case 0x30...0x37 where !hasEnded: value = value << 3 | Int(byte - 0x30)
      case 0, 0x20: hasEnded = true
      default: return nil
      }
    }
    return value
  }

  static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
    guard !digits.isEmpty, digits.count <= 18 else { return nil }
    var value = 0
    for digit in digits {
      guard (0x30...0x39).contains(digit) else { return nil }
      value = value * 10 + Int(digit - 0x30)
    }
    return value
  }
}
