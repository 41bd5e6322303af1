/// ImageNet-22k as Meta's code lays it out: one uncompressed tar archive for each class.
///
/// `extra/entries.npy` (or `entries-<SPLIT>.npy`) lists the images as records with `class_index`,
/// `start_offset`, `end_offset` and `filename`: the place of the member in `<root>/<class>.tar`, its
/// header of 512 bytes included. The class is the field `class_id`, otherwise the line of
/// `extra/class-ids.npy`, otherwise the part of the file name before `_`. Without the table all archives
/// below the root are searched. Members that were compressed once more (26 of the original's) are not
/// unpacked; they count as images that cannot be used.
///
/// Source: `dinov2/data/datasets/image_net_22k.py` of the released code.
struct ImageNet22kFolder {
  let root: RawPath
  let extra: RawPath?
  let split: DatasetString.Split

  private static let header = 512

  /// The images in the order of the table, otherwise in the order of the archives.
  ///
  /// - Throws: ``DataError`` if the table is damaged, an archive is, or there is no image.
  func images() throws(DataError) -> [ImageReference] {
    guard let extra else { return try ImageInputs([root]).references }
    for name in ["entries-\(split.rawValue).npy", "entries.npy"] {
      let table = extra.appending(Array(name.utf8))
      guard try table.kind() == .regular else { continue }
      return try images(
        listedBy: RecordTable(table), table.displayName, classes: try classIDs(in: extra))
    }
    return try ImageInputs([root]).references
  }

  private func classIDs(in extra: RawPath) throws(DataError) -> [String] {
    for name in ["class-ids-\(split.rawValue).npy", "class-ids.npy"] {
      let path = extra.appending(Array(name.utf8))
      guard try path.kind() == .regular else { continue }
      let table = try RecordTable(path)
      let field = try table.field("", isText: true)
      var result: [String] = []
      try table.walk { row, _ throws(DataError) in result.append(row.text(field) ?? "") }
      return result
    }
    return []
  }

  private func images(
    listedBy table: RecordTable, _ name: String, classes: [String]
  ) throws(DataError) -> [ImageReference] {
    let index = try table.field("class_index", isText: false)
    let start = try table.field("start_offset", isText: false)
    let end = try table.field("end_offset", isText: false)
    let file = try table.field("filename", isText: true)
    let identifier = table.has("class_id") ? try table.field("class_id", isText: true) : nil
    var references: [ImageReference] = []
    references.reserveCapacity(table.count)
    try table.walk { row, line throws(DataError) in
      guard let classIndex = row.integer(index), let first = row.integer(start),
        let last = row.integer(end), let filename = row.text(file), filename.isPlainName,
        first >= 0, last - first > Self.header
      else {
        throw .refused(
          path: name,
          problem:
            "record \(line) is no place of a file: class_index, start_offset, end_offset and "
            + "filename were expected")
      }
      let listed = classes.indices.contains(classIndex) ? classes[classIndex] : nil
      let classID =
        identifier.flatMap { row.text($0) } ?? listed ?? String(filename.prefix { $0 != "_" })
      guard classID.isPlainName else {
        throw .refused(path: name, problem: "record \(line) has no plain class, such as n00004475")
      }
      let archive = root.appending(Array("\(classID).tar".utf8))
      references.append(
        ImageReference(
          name: archive.appending(Array(filename.utf8)),
          source: .member(
            archive: archive, offset: first + Self.header, size: last - first - Self.header),
          classIndex: classIndex, className: classID))
    }
    guard !references.isEmpty else { throw .unusable(place: name, problem: "lists no images") }
    return references
  }
}
