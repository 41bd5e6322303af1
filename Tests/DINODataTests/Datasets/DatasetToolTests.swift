import DINOData
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Check, preview and packing of data sets")
struct DatasetToolTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("a check counts formats and sizes and lists bad images", arguments: [1, 3])
  func checks(threads: Int) async throws {
    var images = try TestImages.write(4, bad: [1], to: folder)
    try folder.write(
      "images/z.jpg",
      ImageEncoder().encode(TestImages.picture(9, height: 100, width: 40), as: .jpeg))
    images = try TrainingImages([folder.file("images"), folder.file("images/z.jpg")])

    let report = await DatasetCheck(threads: threads)(images.references)

    #expect(report.imageCount == 6 && report.usableCount == 5)
    #expect(report.formats == [.png: 3, .jpeg: 2])
    #expect(report.smallest == Size(height: 20, width: 30))
    #expect(report.largest == Size(height: 100, width: 40))
    #expect(report.sizes.prefix(3) == [3, 2, 0])
    #expect(report.decodedBytes == 3 * (3 * 600 + 2 * 4_000))
    #expect(report.bad.map(\.index) == [1])
    #expect(report.bad[0].path.hasSuffix("1001.png") && !report.bad[0].reason.contains("\n"))
  }

  @Test("shards hold the images and classes, and are the same for any number of threads")
  func packs() async throws {
    for number in 0..<7 {
      try folder.write(
        "set/\(["cat", "dog"][number % 2])/\(number).png",
        ImageEncoder().encode(TestImages.picture(number), as: .png))
    }
    try folder.write("set/dog/bad.png", [1, 2, 3])
    let labelled = try LabelledImages([folder.file("set")])
    var bytes: [[UInt8]] = []
    for threads in [1, 4] {
      var writer = ShardWriter()
      writer.imagesPerShard = 3
      writer.prefix = "train"
      writer.threads = threads
      let out = folder.file("out-\(threads)")

      let report = try await writer.write(labelled, to: out)

      #expect(report.shards == ["train-000000.tar", "train-000001.tar", "train-000002.tar"])
      #expect(report.imageCount == 7 && report.bad.map(\.path) == [folder.file("set/dog/bad.png")])
      let again = try LabelledImages([out])
      #expect(again.classNames == ["cat", "dog"])
      #expect(again.labels == [0, 0, 0, 0, 1, 1, 1])
      let original = labelled.references.filter { !$0.displayName.contains("bad") }
      #expect(try again.references.map { try $0.bytes() } == original.map { try $0.bytes() })
      let sources = try String(contentsOfFile: out + "/sources.txt", encoding: .utf8)
      #expect(sources.split(separator: "\n").count == 7)
      #expect(sources.hasPrefix("train-000000.tar/00000000.png\t\(original[0].displayName)\n"))
      let files = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
      #expect(files == ["classes.txt", "sources.txt"] + report.shards)
      for shard in report.shards {
        bytes.append(Array(try Data(contentsOf: URL(fileURLWithPath: "\(out)/\(shard)"))))
      }
    }
    #expect(bytes[..<3] == bytes[3...])
  }

  @Test("images without a class are packed too, after those that have one")
  func packsBoth() async throws {
    for name in ["set/cat/a.png", "set/dog/b.png", "set/c.png"] {
      try folder.write(name, ImageEncoder().encode(TestImages.picture(1), as: .png))
    }

    let report = try await ShardWriter().write(
      LabelledImages([folder.file("set")]), to: folder.file("out"))

    let packed = try TrainingImages([folder.file("out")]).references
    #expect(report.imageCount == 3 && packed.map(\.classIndex) == [0, 1, nil])
  }

  @Test("shards without classes hold none; formats without a name in shards become PNG")
  func packsPlain() async throws {
    // 1 x 1, white, as QOI: header, one pixel, end marker.
    let qoi: [UInt8] =
      Array("qoif".utf8) + [0, 0, 0, 1, 0, 0, 0, 1, 3, 0]
      + [0xFE, 255, 255, 255] + [0, 0, 0, 0, 0, 0, 0, 1]
    try folder.write("a.qoi", qoi)
    let images = try TrainingImages([folder.file("a.qoi")])

    let report = try await ShardWriter().write(images.references, to: folder.file("out"))

    let packed = try TrainingImages([folder.file("out")])
    #expect(report.imageCount == 1 && packed.count == 1)
    #expect(packed.references[0].displayName.hasSuffix("00000000.png"))
    #expect(packed.references[0].classIndex == nil)
    #expect(try packed.references[0].decode().color(row: 0, column: 0) == .white)
  }

  @Test("packing is refused into a folder with files, and where no image can be used")
  func refusesPacking() async throws {
    let images = try TestImages.write(2, bad: [0, 1], to: folder)
    await #expect(throws: DataError.self) {
      try await ShardWriter().write(images.references, to: folder.file("images"))
    }
    await #expect(throws: DataError.self) {
      try await ShardWriter().write(images.references, to: folder.file("out"))
    }
    var writer = ShardWriter()
    writer.prefix = "../x"
    await #expect(throws: DataError.self) {
      try await writer.write(images.references, to: folder.file("other"))
    }
  }

  @Test("a preview shows a row for each image, with darkened masks")
  func previews() throws {
    let images = try TestImages.write(3, to: folder)
    var masks = MaskBatch.Settings(MaskingGenerator(size: 56, patch: 14))
    masks.probability = 1
    var settings = MultiCropLoader.Settings(masks: masks)
    settings.crops.globalSize = 56
    settings.crops.localSize = 28
    settings.crops.localCount = 2
    var preview = ViewPreview(settings)
    let one = try preview.image(of: images, count: 1)
    let all = try preview.image(of: images, count: 9)
    preview.shade = 0

    #expect(all.height > 2 * one.height)
    #expect(try preview.image(of: images, count: 1) != one)
    #expect(throws: DataError.self) { try preview.image(of: images, count: 0) }
  }
}
