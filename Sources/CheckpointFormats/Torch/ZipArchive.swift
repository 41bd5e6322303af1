/// The directory of a zip file in the form in which `torch.save` writes it: stored members only.
///
/// A zip file can be read in several ways, from its central directory or from its local headers, and
/// malware lives in the difference. Here both must agree, members must not overlap, and nothing may
/// stand before the first member or after the directory.
struct ZipArchive {
  /// One stored file.
  struct Member {
    let name: String
    let data: ByteRegion
    let checksum: UInt32
  }

  private struct DirectoryEnd {
    let count: Int
    let size: Int
    let offset: Int
  }

  private struct Central {
    var name = ""
    var flags: UInt16 = 0
    var checksum: UInt32 = 0
    var size: UInt64 = 0
    var offset: UInt64 = 0
  }

  /// The largest number of members.
  static let maximumMembers = 100_000

  /// The members in the order of the central directory, names as stored.
  private(set) var members: [Member] = []
  private let region: ByteRegion

  /// Reads and checks the directory; no member's checksum is looked at yet.
  init(_ region: ByteRegion) throws(CheckpointError) {
    self.region = region
    let end = try directoryEnd()
    try readMembers(end)
  }

  /// Fails unless a member's bytes have the checksum that the directory states.
  func verify(_ member: Member) throws(CheckpointError) {
    let found = unsafe CRC32.checksum(of: member.data.bytes)
    guard found == member.checksum else {
      throw error(
        "member \(member.name.quoted)",
        "its checksum is \(hex(found)), the directory says \(hex(member.checksum)); the file is "
          + "damaged: fetch it again, or ignore checksums if it was written without them")
    }
  }

  private func error(_ place: String, _ problem: String) -> CheckpointError {
    .structure(path: region.file.path, place: place, problem: problem)
  }

  private func hex(_ value: UInt32) -> String { "0x" + String(value, radix: 16) }

  private func directoryEnd() throws(CheckpointError) -> DirectoryEnd {
    let start = region.count - 22
    guard region.integer(start, as: UInt32.self) == 0x0605_4B50,
      let disk = region.integer(start + 4, as: UInt16.self),
      let directoryDisk = region.integer(start + 6, as: UInt16.self),
      let here = region.integer(start + 8, as: UInt16.self),
      let total = region.integer(start + 10, as: UInt16.self),
      let size = region.integer(start + 12, as: UInt32.self),
      let offset = region.integer(start + 16, as: UInt32.self),
      region.integer(start + 20, as: UInt16.self) == 0
    else {
      throw error(
        "end of file",
        "the zip directory does not end the file; it is cut off or has bytes appended: fetch it again"
      )
    }
    guard disk == 0, directoryDisk == 0, here == total else {
      throw error("zip directory", "the archive is split over several files")
    }
    var result = DirectoryEnd(count: Int(total), size: Int(size), offset: Int(offset))
    var limit = start
    if region.integer(start - 20, as: UInt32.self) == 0x0706_4B50 {
      (result, limit) = try largeDirectoryEnd(locator: start - 20, small: result)
    }
    guard result.count <= ZipArchive.maximumMembers else {
      throw .limit(
        path: region.file.path, place: "zip directory",
        problem: "\(result.count) members; at most \(ZipArchive.maximumMembers) are read")
    }
    guard result.offset.checkedSum(result.size) == limit else {
      throw error(
        "zip directory",
        "it is said to span \(result.size) bytes from \(result.offset), but it must end at \(limit)"
      )
    }
    return result
  }

  /// Reads the zip64 record, with 64-bit numbers where the plain ones are saturated.
  private func largeDirectoryEnd(
    locator: Int, small: DirectoryEnd
  ) throws(CheckpointError) -> (DirectoryEnd, limit: Int) {
    let record = locator - 56
    guard region.integer(locator + 4, as: UInt32.self) == 0,
      region.integer(locator + 8, as: UInt64.self) == UInt64(exactly: record),
      region.integer(locator + 16, as: UInt32.self) == 1,
      region.integer(record, as: UInt32.self) == 0x0606_4B50,
      region.integer(record + 4, as: UInt64.self) == 44,
      region.integer(record + 16, as: UInt64.self) == 0,
      let here = region.integer(record + 24, as: UInt64.self),
      let total = region.integer(record + 32, as: UInt64.self), here == total,
      let count = Int(exactly: total),
      let size = region.integer(record + 40, as: UInt64.self).flatMap({ Int(exactly: $0) }),
      let offset = region.integer(record + 48, as: UInt64.self).flatMap({ Int(exactly: $0) })
    else {
      throw error("zip64 directory", "the record is damaged or not where its locator says")
    }
    guard small.count == 0xFFFF || small.count == count,
      small.size == 0xFFFF_FFFF || small.size == size,
      small.offset == 0xFFFF_FFFF || small.offset == offset
    else {
      throw error("zip64 directory", "it contradicts the plain directory end")
    }
    return (DirectoryEnd(count: count, size: size, offset: offset), record)
  }

  private mutating func readMembers(_ end: DirectoryEnd) throws(CheckpointError) {
    var position = end.offset
    var names: Set<String> = []
    var spans: [(start: Int, end: Int, name: String)] = []
    for _ in 0..<end.count {
      let central = try readCentral(&position, limit: end.offset + end.size)
      guard names.insert(central.name.lowercased()).inserted else {
        throw error(
          "member \(central.name.quoted)", "the name occurs twice, perhaps in another case")
      }
      let (member, spanEnd) = try readLocal(central, limit: end.offset)
      members.append(member)
      spans.append((Int(central.offset), spanEnd, central.name))
    }
    guard position == end.offset + end.size else {
      throw error("zip directory", "it has bytes after its \(end.count) entries")
    }
    spans.sort { $0.start < $1.start }
    var previous = 0
    for (index, span) in spans.enumerated() {
      guard index > 0 || span.start == 0 else {
        throw error("byte 0", "\(span.start) bytes stand before the first member")
      }
      guard span.start >= previous else {
        throw error("member \(span.name.quoted)", "it overlaps another member")
      }
      previous = span.end
    }
  }

  private func readCentral(
    _ position: inout Int, limit: Int
  ) throws(CheckpointError) -> Central {
    let start = position
    guard region.integer(start, as: UInt32.self) == 0x0201_4B50, start + 46 <= limit,
      let flags = region.integer(start + 8, as: UInt16.self),
      let method = region.integer(start + 10, as: UInt16.self),
      let checksum = region.integer(start + 16, as: UInt32.self),
      let packed = region.integer(start + 20, as: UInt32.self),
      let size = region.integer(start + 24, as: UInt32.self),
      let nameLength = region.integer(start + 28, as: UInt16.self),
      let extraLength = region.integer(start + 30, as: UInt16.self),
      let commentLength = region.integer(start + 32, as: UInt16.self),
      let disk = region.integer(start + 34, as: UInt16.self),
      let offset = region.integer(start + 42, as: UInt32.self)
    else {
      throw error("zip directory at byte \(start)", "an entry is damaged or missing")
    }
    position = start + 46 + Int(nameLength) + Int(extraLength) + Int(commentLength)
    guard position <= limit, let name = region.text(start + 46, Int(nameLength)) else {
      throw error("zip directory at byte \(start)", "a name is cut off or is not valid UTF-8")
    }
    let place = "member \(name.quoted)"
    try checkName(name)
    guard flags & ~0x808 == 0 else {
      throw error(place, "flags \(hex(UInt32(flags))): it is encrypted or of an unknown kind")
    }
    try refuseForeign(name)
    guard method == 0 else {
      throw error(
        place, "compression method \(method); PyTorch stores members uncompressed (method 0)")
    }
    guard disk == 0, commentLength == 0 else {
      throw error(place, "it has a comment or lies on another disk")
    }
    var result = Central(
      name: name, flags: flags, checksum: checksum, size: UInt64(size), offset: UInt64(offset))
    var packedSize = UInt64(packed)
    let extra = region.slice(start + 46 + Int(nameLength), Int(extraLength))
    try widen(&result, &packedSize, extra, place: place)
    guard packedSize == result.size else {
      throw error(place, "its stored size \(packedSize) differs from its size \(result.size)")
    }
    return result
  }

  /// Replaces saturated 32-bit numbers by those of the zip64 extra field.
  private func widen(
    _ central: inout Central, _ packed: inout UInt64, _ extra: ByteRegion?, place: String
  ) throws(CheckpointError) {
    let saturated: UInt64 = 0xFFFF_FFFF
    guard central.size == saturated || packed == saturated || central.offset == saturated else {
      return
    }
    guard let extra, let field = ZipArchive.extraField(1, in: extra) else { return }
    var next = 0
    func wide() throws(CheckpointError) -> UInt64 {
      guard let value = field.integer(next, as: UInt64.self) else {
        throw error(place, "its zip64 field is too short")
      }
      next += 8
      return value
    }
    if central.size == saturated { central.size = try wide() }
    if packed == saturated { packed = try wide() }
    if central.offset == saturated { central.offset = try wide() }
  }

  /// The contents of an extra field with a tag.
  private static func extraField(_ tag: UInt16, in extra: ByteRegion) -> ByteRegion? {
    var position = 0
    while let found = extra.integer(position, as: UInt16.self),
      let length = extra.integer(position + 2, as: UInt16.self)
    {
      if found == tag { return extra.slice(position + 4, Int(length)) }
      position += 4 + Int(length)
    }
    return nil
  }

  /// Says what an archive is that other programs write; their members may be compressed.
  private func refuseForeign(_ name: String) throws(CheckpointError) {
    let inside = name.firstIndex(of: "/").map { name[name.index(after: $0)...] } ?? ""
    if inside == "constants.pkl" || inside.hasPrefix("code/") {
      throw .container(
        path: region.file.path, problem: "is a TorchScript archive (a program), not a weight file",
        advice: "load it in PyTorch and save its state_dict() with torch.save")
    }
    if name.hasSuffix(".npy") {
      throw .container(
        path: region.file.path, problem: "is an archive of numpy arrays, not a weight file",
        advice: "save the weights as safetensors or with torch.save")
    }
  }

  private func checkName(_ name: String) throws(CheckpointError) {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard !name.isEmpty, name.utf8.count <= 1024, !parts.contains(""), !parts.contains(".."),
      !parts.contains("."), !name.utf8.contains(0x5C), !name.utf8.contains(where: { $0 < 0x20 })
    else {
      throw error("member \(name.quoted)", "the name is not a plain relative path")
    }
  }

  /// Checks a local header against the directory and finds the member's bytes.
  private func readLocal(
    _ central: Central, limit: Int
  ) throws(CheckpointError) -> (Member, spanEnd: Int) {
    let place = "member \(central.name.quoted)"
    guard let start = Int(exactly: central.offset), start < limit,
      let size = Int(exactly: central.size),
      region.integer(start, as: UInt32.self) == 0x0403_4B50,
      let flags = region.integer(start + 6, as: UInt16.self),
      let method = region.integer(start + 8, as: UInt16.self),
      let checksum = region.integer(start + 14, as: UInt32.self),
      let packed = region.integer(start + 18, as: UInt32.self),
      let plain = region.integer(start + 22, as: UInt32.self),
      let nameLength = region.integer(start + 26, as: UInt16.self),
      let extraLength = region.integer(start + 28, as: UInt16.self)
    else {
      throw error(place, "there is no local header at byte \(central.offset)")
    }
    let isDeferred = flags & 8 != 0
    let stated = UInt32(exactly: central.size) ?? 0xFFFF_FFFF
    func agrees(_ local: UInt32, _ expected: UInt32) -> Bool {
      local == expected || (isDeferred && local == 0) || (local == 0xFFFF_FFFF && size > 0)
    }
    guard flags == central.flags, method == 0,
      region.has(Array(central.name.utf8), at: start + 30),
      Int(nameLength) == central.name.utf8.count, agrees(packed, stated), agrees(plain, stated),
      checksum == central.checksum || (isDeferred && checksum == 0)
    else {
      throw error(
        place, "its local header contradicts the directory (name, flags, size or checksum)")
    }
    let dataStart = start + 30 + Int(nameLength) + Int(extraLength)
    guard dataStart <= limit, size <= limit - dataStart, let data = region.slice(dataStart, size)
    else {
      throw error(place, "its \(size) bytes from byte \(dataStart) do not fit before byte \(limit)")
    }
    let spanEnd =
      isDeferred ? try descriptorEnd(dataStart + size, central, limit: limit) : dataStart + size
    return (Member(name: central.name, data: data, checksum: central.checksum), spanEnd)
  }

  /// Checks the record after a member whose local header left sizes and checksum open.
  private func descriptorEnd(
    _ start: Int, _ central: Central, limit: Int
  ) throws(CheckpointError) -> Int {
    if region.integer(start, as: UInt32.self) == 0x0807_4B50,
      region.integer(start + 4, as: UInt32.self) == central.checksum
    {
      if let size = UInt32(exactly: central.size), start + 16 <= limit,
        region.integer(start + 8, as: UInt32.self) == size,
        region.integer(start + 12, as: UInt32.self) == size
      {
        return start + 16
      }
      if start + 24 <= limit, region.integer(start + 8, as: UInt64.self) == central.size,
        region.integer(start + 16, as: UInt64.self) == central.size
      {
        return start + 24
      }
    }
    throw error(
      "member \(central.name.quoted)", "the record after its bytes contradicts the directory")
  }
}
