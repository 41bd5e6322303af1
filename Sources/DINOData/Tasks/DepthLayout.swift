/// How the files of a depth data set lie.
public enum DepthLayout: String, CaseIterable, Sendable, Codable {
  /// `ROOT/<split>/images/<stem>.jpg`, `ROOT/<split>/depth/<stem>.png` in millimetres.
  case standard
  /// NYU Depth v2 with the lists that BTS and the Monocular-Depth-Estimation-Toolbox share:
  /// `nyu_train.txt` or `nyudepthv2_train_files_with_gt.txt` name image, depth and focal length; files
  /// lie in the root, in `sync` or in `official_splits/test`. Millimetres.
  case nyu
  /// KITTI with the lists `kitti_eigen_train.txt` and `kitti_eigen_test.txt`: images in `input` or
  /// `data`, depth in `gt_depth` or `data_depth_annotated`, 256 units a metre.
  case kitti

  /// What a stored unit is worth, in units of a metre.
  var unitsPerMetre: Double { self == .kitti ? 256 : 1000 }

  /// The largest depth that the field counts, metres; nil where there is no custom.
  public var customaryMaximum: Double? {
    switch self {
    case .standard: nil
    case .nyu: 10
    case .kitti: 80
    }
  }

  /// The lists that may name a part.
  private func lists(of split: String) -> [String] {
    let part = split == "val" ? "test" : split
    switch self {
    case .standard: return []
    case .nyu: return ["nyu_\(part).txt", "nyudepthv2_\(part)_files_with_gt.txt"]
    case .kitti: return ["kitti_eigen_\(part).txt", "eigen_\(part)_files_with_gt.txt"]
    }
  }

  /// The layout of a folder, by the lists in it.
  static func detect(_ root: RawPath) -> DepthLayout {
    for layout in [DepthLayout.nyu, .kitti] {
      let names = ["train", "test"].flatMap { layout.lists(of: $0) }
      if names.contains(where: { root.appending($0).isFile }) { return layout }
    }
    return .standard
  }

  /// The pairs of a part.
  func pairs(in root: RawPath, split: String) throws(DataError) -> DensePairs {
    switch self {
    case .standard:
      let part = try SplitFolder.find(split, in: root)
      return try DensePairs(
        images: part.appending("images"), targets: part.appending("depth"), kind: "depth map")
    case .nyu: return try listed(root, split, images: Self.nyuPlaces, depth: Self.nyuPlaces)
    case .kitti:
      return try listed(
        root, split, images: ["input/", "data/", ""],
        depth: ["gt_depth/", "data_depth_annotated/", ""])
    }
  }

  private static let nyuPlaces = ["", "sync/", "official_splits/test/", "official_splits/train/"]

  /// The pairs that a list names: image, depth, and a focal length that is not needed.
  private func listed(
    _ root: RawPath, _ split: String, images: [String], depth: [String]
  ) throws(DataError) -> DensePairs {
    let names = lists(of: split)
    guard let list = names.map({ root.appending($0) }).first(where: \.isFile) else {
      throw .unusable(
        place: root.displayName,
        problem: "has no list of the part \(RawPath(split).displayName): expected "
          + names.joined(separator: " or "))
    }
    var pairs = DensePairs([])
    // Files of a part lie in one place, which the first of them tells.
    var places: (image: String, depth: String)?
    for line in try SplitList.lines(list) {
      let words = line.split { $0 == " " || $0 == "\t" }
        .map { $0.drop { $0 == "/" } }.map(String.init)
      guard words.count >= 2, words.count <= 3 else {
        throw .refused(
          path: list.displayName,
          problem: "\(RawPath(line).displayName) is no line of image, depth and focal length")
      }
      // KITTI's lists say None where a frame was not annotated.
      guard words[1] != "None" else { continue }
      func place(_ name: String, among places: [String]) -> String {
        places.first { root.appending($0 + name).isFile } ?? places[0]
      }
      let found = places ?? (place(words[0], among: images), place(words[1], among: depth))
      places = found
      pairs.samples.append(
        DenseSample(
          name: RawPath(words[0]).stem.displayName,
          image: root.appending(found.image + words[0]),
          target: root.appending(found.depth + words[1])))
    }
    return pairs
  }
}
