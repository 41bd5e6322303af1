/// ImageNet as Meta's code lays it out: a root with images, and tables beside it.
///
/// Files are `train/<class>/<class>_<number>.JPEG`, `val/<class>/ILSVRC2012_val_<number>.JPEG` or
/// `val/ILSVRC2012_val_<number>.JPEG`, and `test/ILSVRC2012_test_<number>.JPEG`, numbers of val and test
/// with 8 digits. `extra/entries-<SPLIT>.npy` lists them as records with `actual_index`, `class_index`
/// and `class_id`. Without that file the folder of the split is searched. The number of images may be
/// any.
///
/// Source: `dinov2/data/datasets/image_net.py` of the released code.
struct ImageNetFolder {
  let root: RawPath
  let extra: RawPath?
  let split: DatasetString.Split

  /// The images in the order of the table, otherwise in byte order of their paths.
  ///
  /// - Throws: ``DataError`` if the table is damaged, the folder is missing, or it holds no image.
  func images() throws(DataError) -> [ImageReference] {
    let folder = root.appending(Array(split.folder.utf8))
    guard let table = extra?.appending(Array("entries-\(split.rawValue).npy".utf8)),
      try table.kind() == .regular
    else { return try ImageInputs([folder]).references }
    return try images(in: folder, listedBy: RecordTable(table), table.displayName)
  }

  private func images(
    in folder: RawPath, listedBy table: RecordTable, _ name: String
  ) throws(DataError) -> [ImageReference] {
    let number = try table.field("actual_index", isText: false)
    // The test images have no classes.
    let index = split == .test ? nil : try table.field("class_index", isText: false)
    let identifier = split == .test ? nil : try table.field("class_id", isText: true)
    var references: [ImageReference] = []
    references.reserveCapacity(table.count)
    var hasClassFolders: Bool?
    try table.walk { row, line throws(DataError) in
      let classID = identifier.flatMap { row.text($0) }
      guard let actual = row.integer(number), identifier == nil || classID?.isPlainName == true
      else {
        throw .refused(
          path: name,
          problem: "record \(line) has no number or no plain class_id, such as n01440764")
      }
      if hasClassFolders == nil, split == .val, let classID {
        hasClassFolders = try folder.appending(Array(classID.utf8)).kind() == .folder
      }
      let path = folder.appending(
        Array(file(actual, classID, isInClassFolder: hasClassFolders ?? true).utf8))
      references.append(
        ImageReference(
          name: path, source: .file(path), classIndex: index.flatMap { row.integer($0) },
          className: classID))
    }
    guard !references.isEmpty else { throw .unusable(place: name, problem: "lists no images") }
    return references
  }

  private func file(_ number: Int, _ classID: String?, isInClassFolder: Bool) -> String {
    let digits = String(number)
    let padded = String(repeating: "0", count: max(0, 8 - digits.utf8.count)) + digits
    switch (split, classID) {
    case (.train, let classID?): return "\(classID)/\(classID)_\(digits).JPEG"
    case (.val, let classID?) where isInClassFolder:
      return "\(classID)/ILSVRC2012_val_\(padded).JPEG"
    case (.test, _): return "ILSVRC2012_test_\(padded).JPEG"
    default: return "ILSVRC2012_val_\(padded).JPEG"
    }
  }
}

extension String {
  /// Whether this is the name of one file or folder that cannot lead elsewhere.
  var isPlainName: Bool {
    !isEmpty && !hasPrefix(".") && !utf8.contains(RawPath.separator) && !utf8.contains(0)
  }
}
