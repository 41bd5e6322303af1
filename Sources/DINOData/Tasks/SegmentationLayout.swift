/// How the files of a segmentation data set lie.
public enum SegmentationLayout: String, CaseIterable, Sendable, Codable {
  /// `ROOT/<split>/images/<stem>.jpg`, `ROOT/<split>/masks/<stem>.png`, `ROOT/classes.txt`.
  case standard
  /// ADE20K of the scene parsing challenge: `images/training`, `annotations/training`; number 0 is
  /// ignored, number 1 is class 0. Names are read from `objectInfo150.txt`.
  case ade20k
  /// Pascal VOC: `JPEGImages`, `SegmentationClass`, `ImageSets/Segmentation/<split>.txt`; 0 is
  /// background.
  case voc
  /// Cityscapes: `leftImg8bit/<split>/<city>`, `gtFine/<split>/<city>`; the 19 classes of the
  /// benchmark, from `…_labelTrainIds.png` where they exist, else from `…_labelIds.png`.
  case cityscapes

  /// The layout of a folder, by the folders in it.
  static func detect(_ root: RawPath) -> SegmentationLayout {
    if root.appending("annotations/training").isFolder
      || root.appending("annotations/validation").isFolder
    {
      return .ade20k
    }
    if root.appending("SegmentationClass").isFolder { return .voc }
    if root.appending("gtFine").isFolder, root.appending("leftImg8bit").isFolder {
      return .cityscapes
    }
    return .standard
  }

  /// The pairs of a part.
  func pairs(in root: RawPath, split: String) throws(DataError) -> DensePairs {
    switch self {
    case .standard:
      let part = try SplitFolder.find(split, in: root)
      return try DensePairs(
        images: part.appending("images"), targets: part.appending("masks"), kind: "mask")
    case .ade20k:
      let aliases = ["train": "training", "val": "validation"]
      return try DensePairs(
        images: SplitFolder.find(split, in: root.appending("images"), aliases: aliases),
        targets: SplitFolder.find(split, in: root.appending("annotations"), aliases: aliases),
        kind: "mask")
    case .voc: return try vocPairs(in: root, split: split)
    case .cityscapes: return try cityscapesPairs(in: root, split: split)
    }
  }

  private func vocPairs(in root: RawPath, split: String) throws(DataError) -> DensePairs {
    let list = root.appending("ImageSets/Segmentation/\(split).txt")
    return DensePairs(
      try SplitList.lines(list).map { line in
        DenseSample(
          name: RawPath(line).displayName, image: root.appending("JPEGImages/\(line).jpg"),
          target: root.appending("SegmentationClass/\(line).png"))
      })
  }

  private func cityscapesPairs(in root: RawPath, split: String) throws(DataError) -> DensePairs {
    let images = try SplitFolder.find(split, in: root.appending("leftImg8bit"))
    let truth = root.appending("gtFine").appending(images.lastComponent)
    let ending = Array("_leftImg8bit".utf8)
    var pairs = DensePairs([])
    for file in try FolderWalk.files(below: images) where file.fileExtension == DensePairs.png {
      let stem = file.stem.bytes
      guard stem.suffix(ending.count).elementsEqual(ending) else { continue }
      let base = truth.appending(Array(stem.dropLast(ending.count)))
      let name = RawPath(bytes: stem).displayName
      let candidates = ["_gtFine_labelTrainIds.png", "_gtFine_labelIds.png"].map {
        RawPath(bytes: base.bytes + Array($0.utf8))
      }
      if let target = candidates.first(where: \.isFile) {
        pairs.samples.append(
          DenseSample(name: name, image: images.appending(file.bytes), target: target))
      } else {
        pairs.unpaired.append("\(name): no mask \(candidates[1].displayName)")
      }
    }
    return pairs
  }

  /// The names of the classes.
  func classNames(in root: RawPath) throws(DataError) -> [String] {
    switch self {
    case .standard:
      let list = root.appending("classes.txt")
      guard list.isFile else {
        throw .unusable(
          place: root.displayName,
          problem:
            "has no classes.txt; write the names of the classes into it, one a line, so that "
            + "the line number from 0 is the number in the masks")
      }
      return try ClassNames.read(list)
    case .ade20k:
      let table = root.appending("objectInfo150.txt")
      guard table.isFile else { return (1...150).map { "class \($0)" } }
      // A heading, then number, shares and name, separated by tabs.
      return try SplitList.lines(table).dropFirst().map { line in
        line.split(separator: "\t").last.map(String.init) ?? line
      }
    case .voc: return Self.vocNames
    case .cityscapes: return Self.cityscapesClasses.map(\.name)
    }
  }

  /// What the numbers in a mask mean.
  ///
  /// - Parameters:
  ///   - target: The file of the mask.
  ///   - classes: The number of classes.
  /// - Returns: The class of each number.
  func table(for target: RawPath, classes: Int) -> LabelTable {
    switch self {
    case .standard, .voc: return LabelTable(classes: classes)
    case .ade20k: return LabelTable(reducingZero: classes)
    case .cityscapes:
      let isReduced = target.stem.bytes.suffix(8).elementsEqual("TrainIds".utf8)
      guard !isReduced else { return LabelTable(classes: classes) }
      return LabelTable(
        Dictionary(
          uniqueKeysWithValues: Self.cityscapesClasses.enumerated().map { ($1.number, $0) }))
    }
  }

  private static let vocNames = [
    "background", "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair",
    "cow", "diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa",
    "train", "tvmonitor",
  ]

  /// Numbers in `labelIds` files and names, in the order of the benchmark's `trainIds`.
  private static let cityscapesClasses: [(number: Int, name: String)] = [
    (7, "road"), (8, "sidewalk"), (11, "building"), (12, "wall"), (13, "fence"), (17, "pole"),
    (19, "traffic light"), (20, "traffic sign"), (21, "vegetation"), (22, "terrain"), (23, "sky"),
    (24, "person"), (25, "rider"), (26, "car"), (27, "truck"), (28, "bus"), (31, "train"),
    (32, "motorcycle"), (33, "bicycle"),
  ]
}

/// Text files with one entry a line.
enum SplitList {
  private static let largest = 1 << 28

  /// The lines of a file without empty ones.
  static func lines(_ path: RawPath) throws(DataError) -> [String] {
    let bytes = try path.contents(limit: largest)
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw .refused(
        path: path.displayName, problem: "is not UTF-8 text; one entry a line expected")
    }
    return text.split(whereSeparator: \.isNewline)
      .map { line in String(line.drop { $0.isWhitespace }) }
      .filter { !$0.isEmpty }
  }
}
