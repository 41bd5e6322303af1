extension PathPattern {
  /// The paths of existing files and folders that match a pattern, sorted byte by byte.
  ///
  /// `*` and `?` match within one name and not a leading dot, `[a-z]` and `[!a-z]` one byte; `**`
  /// as a whole name stands for any number of folders.
  package static func matches(_ pattern: RawPath) throws(DataError) -> [RawPath] {
    var parts = pattern.bytes.split(separator: RawPath.separator).map { Array($0) }
    let isAbsolute = pattern.bytes.first == RawPath.separator
    // The part before the first wildcard is a plain folder.
    var base: [[UInt8]] = []
    while let part = parts.first, !hasWildcard(RawPath(bytes: part)) {
      base.append(part)
      parts.removeFirst()
    }
    let prefix = RawPath(
      bytes: (isAbsolute ? [RawPath.separator] : [])
        + Array(base.joined(separator: [RawPath.separator])))
    let root: RawPath = prefix.bytes.isEmpty ? "." : prefix
    guard try root.kind() == .folder else { return [] }
    var found: Set<RawPath> = []
    // Folders still to be listed, with the number of pattern parts behind them.
    var waiting: [(relative: RawPath, part: Int)] = [("", 0)]
    var seen: Set<Place> = []
    while let (relative, part) = waiting.popLast() {
      guard seen.insert(Place(relative: relative, part: part)).inserted else { continue }
      let folder = relative.bytes.isEmpty ? root : root.appending(relative.bytes)
      let isDeep = parts[part] == Array("**".utf8)
      if isDeep, part + 1 < parts.count { waiting.append((relative, part + 1)) }
      for name in try FolderListing(folder).entries().map(\.name) {
        let child = relative.appending(name)
        let isVisible = name.first != UInt8(ascii: ".") || parts[part].first == UInt8(ascii: ".")
        guard isVisible, isDeep || matches(name, parts[part]) else { continue }
        let isLast = part + 1 == parts.count
        if isLast { found.insert(child) }
        guard isDeep || !isLast else { continue }
        let path = root.appending(child.bytes)
        // `**` does not pass through links, so that a loop of links ends.
        guard try path.kind() == .folder, !isDeep || !path.isLink() else { continue }
        waiting.append((child, isDeep ? part : part + 1))
      }
    }
    return found.sorted().map { prefix.bytes.isEmpty ? $0 : prefix.appending($0.bytes) }
  }

  private struct Place: Hashable {
    let relative: RawPath
    let part: Int
  }

  /// Whether a name matches a pattern without slashes; takes time linear in the product of the
  /// lengths.
  package static func matches(_ name: [UInt8], _ pattern: [UInt8]) -> Bool {
    var position = 0
    var part = 0
    var retry: (part: Int, position: Int)?
    while position < name.count {
      if part < pattern.count, pattern[part] == UInt8(ascii: "*") {
        retry = (part + 1, position)
        part += 1
      } else if part < pattern.count, let next = step(name[position], pattern, part) {
        part = next
        position += 1
      } else if let star = retry {
        retry = (star.part, star.position + 1)
        (part, position) = (star.part, star.position + 1)
      } else {
        return false
      }
    }
    return pattern[part...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// Matches one byte against the element at `part`; the position behind the element, or nil.
  private static func step(_ byte: UInt8, _ pattern: [UInt8], _ part: Int) -> Int? {
    switch pattern[part] {
    case UInt8(ascii: "?"): return part + 1
    case UInt8(ascii: "\\") where part + 1 < pattern.count:
      return pattern[part + 1] == byte ? part + 2 : nil
    case UInt8(ascii: "["):
      var index = part + 1
      let isNegated = index < pattern.count && [0x21, 0x5E].contains(pattern[index])
      if isNegated { index += 1 }
      let first = index
      var isMember = false
      while index < pattern.count, pattern[index] != UInt8(ascii: "]") || index == first {
        if index + 2 < pattern.count, pattern[index + 1] == UInt8(ascii: "-"),
          pattern[index + 2] != UInt8(ascii: "]")
        {
          isMember = isMember || (pattern[index] <= byte && byte <= pattern[index + 2])
          index += 3
        } else {
          isMember = isMember || pattern[index] == byte
          index += 1
        }
      }
      // Without a closing bracket, `[` stands for itself.
      guard index < pattern.count else { return byte == pattern[part] ? part + 1 : nil }
      return isMember != isNegated ? index + 1 : nil
    default: return pattern[part] == byte ? part + 1 : nil
    }
  }
}
