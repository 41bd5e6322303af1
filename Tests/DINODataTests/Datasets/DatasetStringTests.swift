import DINOData
import DINOTestSupport
import Testing

@Suite("Meta's dataset strings")
struct DatasetStringTests {
  private typealias Value = NpyRecords.Value

  private let folder: TemporaryFolder
  private let wnids = ["n01440764", "n01443537"]

  init() throws { folder = try TemporaryFolder() }

  private func entries(_ rows: [(number: Int, classIndex: Int)]) -> [UInt8] {
    NpyRecords.file(
      "[('actual_index', '<u4'), ('class_index', '<u4'), ('class_id', '<U9'), ('class_name', '<U6')]",
      rows.map { row in
        [
          .integer(row.number, bytes: 4), .integer(row.classIndex, bytes: 4),
          .text(wnids[row.classIndex], length: 9), .text("tench", length: 6),
        ]
      })
  }

  private func failure(_ text: String) -> DataError? {
    #expect(throws: DataError.self) { try TrainingImages([text]) }
  }

  @Test("list the training images of ImageNet in the order of the table")
  func listsTraining() throws {
    try folder.write("extra/entries-TRAIN.npy", entries([(10_026, 0), (7, 1), (3, 0)]))

    let images = try TrainingImages([
      "ImageNet:split=TRAIN:root=\(folder.file("in")):extra=\(folder.file("extra"))"
    ])

    let root = folder.file("in/train")
    #expect(
      images.references.map(\.displayName) == [
        "\(root)/n01440764/n01440764_10026.JPEG", "\(root)/n01443537/n01443537_7.JPEG",
        "\(root)/n01440764/n01440764_3.JPEG",
      ])
    #expect(images.references.map(\.classIndex) == [0, 1, 0])
    #expect(images.references.map(\.className) == [wnids[0], wnids[1], wnids[0]])
  }

  @Test("list the validation images with and without class folders")
  func listsValidation() throws {
    try folder.write("extra/entries-VAL.npy", entries([(293, 0), (50_000, 1)]))
    let text = "ImageNet:split=VAL:root=\(folder.file("in")):extra=\(folder.file("extra"))"

    #expect(
      try TrainingImages([text]).references.map(\.displayName) == [
        folder.file("in/val/ILSVRC2012_val_00000293.JPEG"),
        folder.file("in/val/ILSVRC2012_val_00050000.JPEG"),
      ])
    try folder.write("in/val/n01440764/ILSVRC2012_val_00000293.JPEG", [1])
    #expect(
      try TrainingImages([text]).references.map(\.displayName) == [
        folder.file("in/val/n01440764/ILSVRC2012_val_00000293.JPEG"),
        folder.file("in/val/n01443537/ILSVRC2012_val_00050000.JPEG"),
      ])
  }

  @Test("search the folder of the split where there is no table")
  func searchesFolder() throws {
    try folder.write("in/train/n01443537/n01443537_1.JPEG", [1])
    try folder.write("in/train/n01440764/n01440764_2.JPEG", [1])
    try folder.write("in/val/n01440764/x.JPEG", [1])

    for text in [
      "ImageNet:root=\(folder.file("in"))",
      "ImageNet:split=train:root=\(folder.file("in")):extra=\(folder.file("none"))",
    ] {
      let images = try TrainingImages([text])
      #expect(images.references.map(\.className) == [wnids[0], wnids[1]])
    }
  }

  @Test("list ImageNet-22k inside its archives")
  func listsArchives() throws {
    var tar = TarBuilder()
    tar.add("n00004475_1.JPEG", Array("first".utf8))
    tar.add("n00004475_22.JPEG", Array(repeating: 7, count: 700))
    try folder.write("root/n00004475.tar", tar.finished)
    let type =
      "[('class_index', '<u2'), ('start_offset', '<u4'), ('end_offset', '<u8'), ('filename', '<U20')]"
    func row(_ start: Int, _ end: Int, _ name: String) -> [Value] {
      [
        .integer(0, bytes: 2), .integer(start, bytes: 4), .integer(end, bytes: 8),
        .text(name, length: 20),
      ]
    }
    try folder.write(
      "extra/entries.npy",
      NpyRecords.file(
        type, [row(1_024, 1_024 + 512 + 700, "n00004475_22.JPEG"), row(0, 517, "n00004475_1.JPEG")])
    )

    let images = try TrainingImages([
      "ImageNet22k:root=\(folder.file("root")):extra=\(folder.file("extra"))"
    ])

    #expect(try images.references[0].bytes() == Array(repeating: 7, count: 700))
    #expect(try images.references[1].bytes() == Array("first".utf8))
    #expect(images.references[1].displayName == folder.file("root/n00004475.tar/n00004475_1.JPEG"))
    // Without the table the archives are searched.
    let found = try TrainingImages(["ImageNet22k:root=\(folder.file("root"))"])
    #expect(try found.references.map { try $0.bytes().count } == [5, 700])
    // A list of classes has precedence over the file's name.
    try folder.write(
      "extra/class-ids.npy", NpyRecords.file("'<U9'", [[.text("n09999999", length: 9)]]))
    let other = try TrainingImages([
      "ImageNet22k:root=\(folder.file("root")):extra=\(folder.file("extra"))"
    ])
    #expect(other.references[0].displayName.contains("n09999999.tar"))
  }

  @Test("may have colons and equals signs in paths")
  func allowsColons() throws {
    try folder.write("a:b/c=d:e/train/x/1.JPEG", [1])
    try folder.write("plain/train/x/1.JPEG", [1])

    let images = try TrainingImages(["ImageNet:root=\(folder.file("a:b/c=d:e")):split=TRAIN"])

    #expect(images.references.map(\.displayName) == [folder.file("a:b/c=d:e/train/x/1.JPEG")])
    #expect(try TrainingImages([folder.file("a:b")]).count == 1)
  }

  @Test("are refused where they are wrong")
  func refuses() throws {
    #expect(failure("ImageNet:split=TRAIN")?.category == .usage)
    #expect(failure("ImageNet:root=/x:split=ALL")?.category == .usage)
    #expect(failure("ImageNet:roots=/x")?.category == .usage)
    #expect(failure("ImageNet:root=/x:root=/y")?.category == .usage)
    #expect(failure("ImageNet:root=\(folder.file("none"))")?.category == .inputOutput)
    #expect(failure("ImageNet3:root=/x") != nil)
  }

  @Test("refuse damaged tables")
  func refusesDamagedTables() throws {
    let good = entries([(1, 0), (2, 1)])
    let text = "ImageNet:root=\(folder.file("in")):extra=\(folder.file("extra"))"
    let type = "[('actual_index', '<u4'), ('class_index', '<u4'), ('class_id', '<U9')]"
    func row(_ id: String) -> [Value] {
      [.integer(1, bytes: 4), .integer(0, bytes: 4), .text(id, length: 9)]
    }
    let damaged: [[UInt8]] = [
      [], Array(good.prefix(5)), Array(good.prefix(60)), Array(good.dropLast()), good + [0],
      NpyRecords.file("'|O'", []), NpyRecords.file("[('actual_index', '>u4')]", []),
      NpyRecords.file("[('a', [('b', '<u4')])]", []), NpyRecords.file(type, [row("x")], count: -1),
      NpyRecords.file(type, [row("../../x")]), NpyRecords.file(type, [row("")]),
      NpyRecords.file("[('actual_index', '<u4')]", [[.integer(1, bytes: 4)]]),
    ]
    for bytes in damaged {
      try folder.write("extra/entries-TRAIN.npy", bytes)
      #expect(failure(text)?.category == .refusedInput)
    }
    try folder.write("extra/entries-TRAIN.npy", NpyRecords.file(type, [], version: 2))
    #expect(failure(text)?.category == .unusableDataSet)
    try folder.write("extra/entries-TRAIN.npy", NpyRecords.file(type, [row("n1")], version: 3))
    #expect(try TrainingImages([text]).count == 1)
  }
}
