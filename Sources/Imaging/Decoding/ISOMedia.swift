/// What an AVIF file says about turning and mirroring the picture.
///
/// libheif turns the picture; Pillow does not (it hands the orientation on). So the turns are read from the
/// file, to be undone.
struct ISOMedia {
  /// A box at the top level that says that it reaches to the end of the file: its size and where to write it.
  ///
  /// Older versions of libheif do not understand such a box.
  private(set) var openEnded: (offset: Int, size: UInt32)?
  /// The turns of the primary picture, as EXIF orientations, in the order in which they are applied.
  private(set) var turns: [Int] = []

  private let bytes: [UInt8]

  /// A box: its four letters and where its contents lie.
  private struct Box {
    let kind: String
    let range: Range<Int>
  }

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    let top = boxes(in: 0..<bytes.count, recordsOpenEnd: true)
    guard let meta = top.first(where: { $0.kind == "meta" }) else { return }
    let inner = boxes(in: dropping(4, of: meta.range))
    guard let primary = primaryItem(inner),
      let properties = inner.first(where: { $0.kind == "iprp" })
    else { return }
    let parts = boxes(in: properties.range)
    guard let container = parts.first(where: { $0.kind == "ipco" }),
      let associations = parts.first(where: { $0.kind == "ipma" })
    else { return }
    let list = boxes(in: container.range)
    for index in propertyIndices(of: primary, associations.range)
    where index >= 1 && index <= list.count {
      let property = list[index - 1]
      if property.kind == "irot" {
        // Quarter turns against the clock.
        turns.append([1, 8, 3, 6][number(property.range.lowerBound, 1) & 3])
      } else if property.kind == "imir" {
        // 0 exchanges top and bottom, 1 left and right.
        turns.append(number(property.range.lowerBound, 1) & 1 == 0 ? 4 : 2)
      }
    }
  }

  /// All turns together as one EXIF orientation; 1 if there are none.
  var orientation: Int {
    // Each orientation is told apart by where it puts the six pixels of a small picture.
    guard !turns.isEmpty,
      let start = try? PixelBuffer(
        size: Size(height: 2, width: 3), storage: (0..<18).map { UInt8($0) })
    else { return 1 }
    var turned = start
    for turn in turns { turned = (try? turned.oriented(turn)) ?? turned }
    return (1...8).first { (try? start.oriented($0)) == turned } ?? 1
  }

  /// What undoes the turns.
  var inverseTurns: [Int] {
    turns.reversed().map { $0 == 6 ? 8 : $0 == 8 ? 6 : $0 }.filter { $0 != 1 }
  }

  private func number(_ position: Int, _ count: Int) -> Int {
    guard position >= 0, position + count <= bytes.count else { return 0 }
    return bytes[position..<position + count].reduce(0) { $0 << 8 | Int($1) }
  }

  private func letters(_ position: Int) -> String {
    String(decoding: bytes[position..<position + 4], as: UTF8.self)
  }

  private func dropping(_ count: Int, of range: Range<Int>) -> Range<Int> {
    min(range.lowerBound + count, range.upperBound)..<range.upperBound
  }

  private mutating func boxes(in range: Range<Int>, recordsOpenEnd: Bool) -> [Box] {
    let result = boxes(in: range)
    var position = range.lowerBound
    for box in result {
      if number(position, 4) == 0, let size = UInt32(exactly: range.upperBound - position) {
        openEnded = (position, size)
      }
      position = box.range.upperBound
    }
    return result
  }

  /// The boxes that lie one behind the other in a range, at most 1000.
  private func boxes(in range: Range<Int>) -> [Box] {
    var result: [Box] = []
    var position = range.lowerBound
    while position + 8 <= range.upperBound, result.count < 1000 {
      var size = number(position, 4)
      var header = 8
      if size == 1 {
        header = 16
        guard position + 16 <= range.upperBound, number(position + 8, 4) == 0 else { break }
        size = number(position + 12, 4)
      } else if size == 0 {
        size = range.upperBound - position
      }
      guard size >= header, size <= range.upperBound - position else { break }
      result.append(Box(kind: letters(position + 4), range: position + header..<position + size))
      position += size
    }
    return result
  }

  private func primaryItem(_ boxes: [Box]) -> Int? {
    guard let box = boxes.first(where: { $0.kind == "pitm" }) else { return nil }
    return number(box.range.lowerBound + 4, number(box.range.lowerBound, 1) == 0 ? 2 : 4)
  }

  /// The numbers of an item's properties, from 1.
  private func propertyIndices(of item: Int, _ range: Range<Int>) -> [Int] {
    let version = number(range.lowerBound, 1)
    let isWide = number(range.lowerBound + 3, 1) & 1 == 1
    let count = number(range.lowerBound + 4, 4)
    var position = range.lowerBound + 8
    for _ in 0..<min(count, 10_000) {
      let idBytes = version < 1 ? 2 : 4
      guard position + idBytes < range.upperBound else { return [] }
      let id = number(position, idBytes)
      let properties = number(position + idBytes, 1)
      position += idBytes + 1
      let step = isWide ? 2 : 1
      if id == item {
        return (0..<properties).map {
          number(position + step * $0, step) & (isWide ? 0x7FFF : 0x7F)
        }
      }
      position += properties * step
    }
    return []
  }
}
