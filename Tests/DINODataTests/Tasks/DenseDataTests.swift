import DINOData
import DINOTestSupport
import Foundation
import Imaging
import Testing

/// Tiny stand-ins of the published layouts: one image of a few pixels per part.
@Suite("Images with masks and depth")
struct DenseDataTests {
  private let folder: TemporaryFolder
  private static let size = Size(height: 2, width: 3)

  init() throws { folder = try TemporaryFolder() }

  private var root: RawPath { RawPath(folder.path) }

  private func image(_ name: String, size: Size = DenseDataTests.size) throws {
    let path = try folder.write(name, [])
    try ImageEncoder().write(PixelBuffer(size: size, fill: RGB(90, 60, 30)), to: path)
  }

  private func mask(_ name: String, _ values: [UInt8], size: Size = DenseDataTests.size) throws {
    let path = try folder.write(name, [])
    try ImageEncoder().writeGray(values, size: size, to: path)
  }

  private func depth(_ name: String, _ values: [UInt16]) throws {
    let path = try folder.write(name, [])
    try ImageEncoder().writeGray(values, size: Self.size, to: path)
  }

  private func text(_ name: String, _ lines: [String]) throws {
    try folder.write(name, Array(lines.map { $0 + "\n" }.joined().utf8))
  }

  private func segmentation(
    _ split: String = "train", ignoring classes: [Int] = []
  ) throws -> SegmentationData {
    var options = SegmentationData.Options()
    options.ignoredClasses = classes
    return try SegmentationData(root, split: split, options: options)
  }

  private func failure<Result>(_ body: () throws -> Result) -> DataError? {
    #expect(throws: DataError.self) { try body() }
  }

  private static let none = SegmentationData.ignoredLabel

  // MARK: Segmentation

  @Test("standard: pairs by name, numbers are lines of classes.txt, 255 is ignored")
  func standard() throws {
    try text("classes.txt", ["sky", "tree", "house"])
    for stem in ["b", "a", "deep/c"] {
      try image("train/images/\(stem).jpg")
      try mask("train/masks/\(stem).png", [0, 1, 2, 255, 1, 0])
    }

    let data = try segmentation(ignoring: [1])

    #expect(data.layout == .standard && data.classNames == ["sky", "tree", "house"])
    #expect(data.samples.map(\.name) == ["a", "b", "deep/c"] && data.unpaired.isEmpty)
    let labels = try data.labels(of: data.samples[0])
    #expect(labels.values == [0, Self.none, 2, Self.none, Self.none, 0])
  }

  @Test("ADE20K: 0 is ignored and 1 is the first class")
  func ade20k() throws {
    try image("images/training/ADE_train_1.jpg")
    try mask("annotations/training/ADE_train_1.png", [0, 1, 2, 150, 255, 3])
    try image("images/validation/ADE_val_1.jpg")
    try mask("annotations/validation/ADE_val_1.png", [0, 0, 0, 0, 0, 0])
    try text(
      "objectInfo150.txt",
      ["Idx\tRatio\tTrain\tVal\tStuff\tName"]
        + (1...150).map { "\($0)\t0.1\t1\t1\t0\tthing \($0), item" })

    let data = try segmentation()

    #expect(data.layout == .ade20k && data.classNames.count == 150)
    #expect(data.classNames[0] == "thing 1, item")
    let none = Self.none
    #expect(try data.labels(of: data.samples[0]).values == [none, 0, 1, 149, none, 2])
    #expect(try segmentation("val").samples.count == 1)
  }

  @Test("Pascal VOC: the list names the part, 0 is background, 255 the border")
  func voc() throws {
    for stem in ["2007_1", "2007_2"] {
      try image("JPEGImages/\(stem).jpg")
      try mask("SegmentationClass/\(stem).png", [0, 1, 20, 255, 15, 0])
    }
    try text("ImageSets/Segmentation/train.txt", ["2007_2"])
    try text("ImageSets/Segmentation/val.txt", ["2007_1"])

    let data = try segmentation("val")

    #expect(data.layout == .voc && data.samples.map(\.name) == ["2007_1"])
    #expect(data.classNames.count == 21 && data.classNames[20] == "tvmonitor")
    #expect(try data.labels(of: data.samples[0]).values == [0, 1, 20, Self.none, 15, 0])
  }

  @Test("Cityscapes: numbers of labelIds become the 19 classes, trainIds are taken as they are")
  func cityscapes() throws {
    for city in ["aachen", "ulm"] {
      try image("leftImg8bit/train/\(city)/\(city)_0_leftImg8bit.png")
      try mask("gtFine/train/\(city)/\(city)_0_gtFine_labelIds.png", [0, 7, 26, 33, 34, 8])
    }
    try mask("gtFine/train/ulm/ulm_0_gtFine_labelTrainIds.png", [255, 0, 13, 18, 1, 1])
    try image("leftImg8bit/train/ulm/ulm_1_leftImg8bit.png")

    let data = try segmentation()

    #expect(data.layout == .cityscapes && data.classNames.count == 19)
    #expect(data.samples.count == 2 && data.unpaired.count == 1)
    let none = Self.none
    #expect(try data.labels(of: data.samples[0]).values == [none, 0, 13, 18, none, 1])
    #expect(try data.labels(of: data.samples[1]).values == [none, 0, 13, 18, 1, 1])
  }

  @Test("refuses what does not fit together, and says where")
  func refusesMasks() async throws {
    try text("classes.txt", ["sky", "tree"])
    #expect(failure { try segmentation() }?.category == .unusableDataSet)
    for stem in ["a", "b", "c"] { try image("train/images/\(stem).jpg") }
    try mask("train/masks/a.png", [0, 1, 1, 9, 0, 0])
    try mask("train/masks/b.png", [0, 1], size: Size(height: 1, width: 2))
    try mask("train/masks/c.png", [0, 1, 1, 0, 0, 255])
    try mask("train/masks/orphan.png", [0, 1, 1, 0, 0, 0])
    let data = try segmentation()
    let size = Self.size

    let beyond = failure { try data.labels(of: data.samples[0]) }
    #expect(beyond?.category == .unusableDataSet)
    #expect(beyond?.description.contains("9 at row 1, column 0") == true)
    let small = failure { try data.labels(of: data.samples[1], size: size) }
    #expect(small?.description.contains("1x2") == true && small?.category == .unusableDataSet)

    let check = try await data.check { $0.values.count }
    #expect(check.outputs == [nil, nil, 6] && check.problemCount == 3)
    let error = failure { try check.demandAll(of: "set") }
    #expect(error?.category == .unusableDataSet)
    #expect(error?.description.contains("3 of 3 images") == true)

    #expect(failure { try segmentation("test") }?.description.contains("it has train") == true)
    #expect(failure { try segmentation(ignoring: [2]) }?.category == .usage)
    try image("train/images/c.png")
    #expect(failure { try segmentation() }?.description.contains("same name") == true)
  }

  @Test("damaged files alone are refused as such")
  func damaged() async throws {
    try text("classes.txt", ["sky", "tree"])
    for stem in ["a", "b"] {
      try image("train/images/\(stem).jpg")
      try mask("train/masks/\(stem).png", [0, 1, 1, 0, 0, 0])
    }
    try folder.write("train/masks/b.png", Array("no image".utf8))

    let check = try await segmentation().check { _ in true }

    #expect(check.outputs == [true, nil])
    #expect(failure { try check.demandAll(of: "set") }?.category == .refusedInput)
  }

  @Test("classes of a head must be those of the data, in their order")
  func classOrder() throws {
    try text("classes.txt", ["sky", "tree", "house"])
    try image("train/images/a.jpg")
    try mask("train/masks/a.png", [0, 1, 2, 255, 1, 0])
    let data = try segmentation()

    try data.demandClasses(["sky", "tree", "house"], of: "head")
    let order = failure { try data.demandClasses(["sky", "house", "tree"], of: "head") }
    let count = failure { try data.demandClasses(["sky", "tree"], of: "head") }

    #expect(order?.category == .unusableDataSet)
    #expect(order?.description.contains("number 1 is tree here, house in the head") == true)
    #expect(count?.description.contains("3 and 2 classes") == true)
  }

  // MARK: Depth

  @Test("standard: millimetres, 0 and the largest number are unknown")
  func standardDepth() throws {
    try image("val/images/a.png")
    try depth("val/depth/a.png", [0, 1, 65_534, 2500, 65_535, 7])

    let data = try DepthData(root, split: "val")

    #expect(data.layout == .standard && data.layout.customaryMaximum == nil)
    let map = try data.depth(of: data.samples[0])
    #expect(map.metres == [0, 0.001, 65_534 * Float(0.001), 2.5, 0, 0.007])
    #expect(map.known.count == 4)
  }

  @Test("NYU: lists name image and depth, in sync or official_splits")
  func nyu() throws {
    try image("sync/kitchen/rgb_1.jpg")
    try depth("sync/kitchen/sync_depth_1.png", [1000, 0, 0, 0, 0, 0])
    try image("official_splits/test/office/rgb_2.jpg")
    try depth("official_splits/test/office/sync_depth_2.png", [2000, 0, 0, 0, 0, 0])
    try text("nyu_train.txt", ["/kitchen/rgb_1.jpg /kitchen/sync_depth_1.png 518.8579"])
    try text(
      "nyudepthv2_test_files_with_gt.txt", ["office/rgb_2.jpg office/sync_depth_2.png 518.8579"])

    let train = try DepthData(root, split: "train")
    let val = try DepthData(root, split: "val")

    #expect(train.layout == .nyu && train.layout.customaryMaximum == 10)
    #expect(try train.depth(of: train.samples[0]).metres[0] == 1)
    #expect(try val.depth(of: val.samples[0]).metres[0] == 2)
    #expect(val.samples[0].name == "office/rgb_2")
  }

  @Test("KITTI: 256 units a metre; frames without depth are passed over")
  func kitti() throws {
    try image("input/2011/2011_2/image_02/data/69.png")
    try depth("gt_depth/2011_2/proj_depth/groundtruth/image_02/69.png", [256, 512, 0, 0, 0, 1])
    try text(
      "kitti_eigen_test.txt",
      [
        "2011/2011_2/image_02/data/69.png 2011_2/proj_depth/groundtruth/image_02/69.png 721.5",
        "2011/2011_2/image_02/data/70.png None 721.5",
      ])

    let data = try DepthData(root, split: "test")

    #expect(data.layout == .kitti && data.samples.count == 1)
    #expect(try data.depth(of: data.samples[0]).metres == [1, 2, 0, 0, 0, 1 / 256])
    #expect(failure { try DepthData(root, split: "train") }?.category == .unusableDataSet)
  }

  @Test("depth of 8 bits is refused, an odd unit is doubted")
  func units() throws {
    try image("train/images/a.jpg")
    try mask("train/depth/a.png", [1, 2, 3, 4, 5, 6])
    let data = try DepthData(root, split: "train")
    var options = DepthData.Options()
    options.unitsPerMetre = 5000
    let scaled = try DepthData(root, split: "train", options: options)

    #expect(failure { try data.depth(of: data.samples[0]) }?.category == .unusableDataSet)
    #expect(data.doubts(median: 2.5) == nil && data.doubts(median: .nan) == nil)
    #expect(data.doubts(median: 0.004)?.contains("0.004 m") == true)
    #expect(scaled.doubts(median: 300)?.contains("5000 units") == true)
    try depth("train/depth/a.png", [5000, 0, 0, 0, 0, 0])
    #expect(try scaled.depth(of: data.samples[0]).metres[0] == 1)
    options.unitsPerMetre = 0
    #expect(failure { try DepthData(root, split: "train", options: options) }?.category == .usage)
  }

  @Test("lists with other lines are refused")
  func badList() throws {
    try text("nyu_train.txt", ["only_one_word"])

    #expect(failure { try DepthData(root, split: "train") }?.category == .refusedInput)
  }

  @Test(
    "reads the real sets as their READMEs describe them",
    .enabled(if: TestData.folder(named: "facade-280") != nil, "needs facade-280"))
  func realSets() async throws {
    let facades = try #require(TestData.folder(named: "facade-280"))
    for (split, count) in [("train", 306), ("val", 108)] {
      let data = try SegmentationData(RawPath(facades), split: split)
      #expect(data.samples.count == count && data.classNames.count == 11)
      let check = try await data.check { labels in
        labels.values.reduce(into: [Int](repeating: 0, count: 11)) { $0[Int($1)] += 1 }
      }
      #expect(check.problemCount == 0, "\(check.firstProblems)")
      guard split == "train" else { continue }
      let counts = check.outputs.compactMap { $0 }
        .reduce([Int](repeating: 0, count: 11)) { zip($0, $1).map(+) }
      let total = Double(counts.reduce(0, +))
      // The shares that the README states.
      for (label, share) in [(0, 0.169), (1, 0.459), (2, 0.119), (5, 0.040)] {
        #expect(abs(Double(counts[label]) / total - share) < 0.0006, "\(label)")
      }
    }
    for (name, train, val) in [("depth-rooms", 100, 30), ("depth-kitchen", 80, 24)] {
      let path = try #require(TestData.folder(named: name))
      for (split, count) in [("train", train), ("val", val)] {
        let data = try DepthData(RawPath(path), split: split)
        let check = try await data.check { $0.known.count }
        #expect(data.samples.count == count && check.problemCount == 0)
      }
    }
  }
}
