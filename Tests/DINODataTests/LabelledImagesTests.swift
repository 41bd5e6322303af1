import DINOData
import DINOTestSupport
import Foundation
import Testing

@Suite("Labelled images")
struct LabelledImagesTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func failure(_ arguments: [String], classNames: [String]? = nil) -> DataError? {
    #expect(throws: DataError.self) { try LabelledImages(arguments, classNames: classNames) }
  }

  @Test("numbers class folders in byte order")
  func numbersFolders() throws {
    for name in ["r/b/1.jpg", "r/B/x/1.jpg", "r/a/2.jpg", "r/loose.jpg"] {
      try folder.write(name, [1])
    }

    let images = try LabelledImages([folder.file("r")])

    #expect(images.classNames == ["B", "a", "b"])
    #expect(images.labels == [0, 1, 2])
    #expect(images.unlabelled.count == 1)
  }

  @Test("takes the order of classes.txt, in the folder or above it")
  func readsClassList() throws {
    for name in ["train/dog/1.jpg", "train/cat/1.jpg", "val/cat/2.jpg"] {
      try folder.write(name, [1])
    }
    try folder.write("classes.txt", Array("emu\ndog\ncat\n".utf8))

    let train = try LabelledImages([folder.file("train")])
    let val = try LabelledImages([folder.file("val")], classNames: train.classNames)

    #expect(train.classNames == ["emu", "dog", "cat"])
    #expect(train.labels == [2, 1])
    #expect(val.labels == [2])
    #expect(failure([folder.file("val")], classNames: ["dog"])?.category == .unusableDataSet)
  }

  @Test("takes indices of shards; -1 means no class")
  func readsShardClasses() throws {
    var tar = TarBuilder()
    for (name, label) in [("a", "1"), ("b", "0"), ("c", "-1"), ("d", "2")] {
      tar.add("x/\(name).jpg", [1])
      tar.add("x/\(name).cls", Array(label.utf8))
    }
    try folder.write("s.tar", tar.finished)

    let plain = try LabelledImages([folder.file("s.tar")])
    #expect(plain.labels == [1, 0, 2])
    #expect(plain.classNames == ["0", "1", "2"])
    #expect(plain.unlabelled.count == 1)

    try folder.write("classes.txt", Array("p\nq\nr\ns\n".utf8))
    #expect(try LabelledImages([folder.file("s.tar")]).classNames == ["p", "q", "r", "s"])
    #expect(failure([folder.file("s.tar")], classNames: ["p", "q"])?.category == .unusableDataSet)
  }

  @Test("refuses damaged classes")
  func refusesDamagedClasses() throws {
    for (number, label) in [[], [0xFF, 0xFE], [UInt8](repeating: 0x31, count: 2_000)].enumerated() {
      var tar = TarBuilder()
      tar.add("a.jpg", [1])
      tar.add("a.cls", label)
      let path = try folder.write("bad-\(number).tar", tar.finished)
      #expect(failure([path])?.category == .refusedInput)
    }
    try folder.write("r/a/1.jpg", [1])
    try folder.write("r/classes.txt", Array("a\n\nb".utf8))
    #expect(failure([folder.file("r")])?.category == .refusedInput)
    try folder.write("r/classes.txt", Array("a\nb\na".utf8))
    #expect(failure([folder.file("r")])?.category == .refusedInput)
  }

  @Test("says that no image has a class")
  func refusesUnlabelled() throws {
    try folder.write("r/1.jpg", [1])

    #expect(failure([folder.file("r")])?.category == .unusableDataSet)
  }

  @Test(
    "reads the real shards",
    .enabled(if: TestData.folder(named: "caltech101-98") != nil, "needs caltech101-98"))
  func readsRealShards() throws {
    let root = try #require(TestData.folder(named: "caltech101-98"))
    let counts = try String(contentsOfFile: root + "/counts.tsv", encoding: .utf8)
    let rows = counts.split(separator: "\n").map { $0.split(separator: "\t").map { String($0) } }
    let header = try #require(rows.first)

    let train = try LabelledImages([root + "/train-{000000..000003}.tar"])
    let val = try LabelledImages([root + "/val-000000.tar"], classNames: train.classNames)
    let all = try ImageInputs.expand([root])

    #expect(train.classNames.count == Set(train.labels).count)
    for (images, split) in [(train, "train"), (val, "val")] {
      let column = try #require(header.firstIndex { $0.hasPrefix(split) })
      for row in rows.dropFirst() {
        guard let index = train.classNames.firstIndex(of: row[0]), let want = Int(row[column])
        else {
          continue
        }
        #expect(images.labels.filter { $0 == index }.count == want, "\(split) \(row[0])")
      }
      // The folder inside the shard names the class, too.
      for (reference, label) in zip(images.references, images.labels) {
        #expect(reference.className == train.classNames[label])
      }
    }
    let background = try ImageInputs.expand([root + "/uncurated-*.tar"])
    #expect(background.allSatisfy { $0.classIndex == -1 })
    #expect(all.count == train.labels.count + val.labels.count + background.count)
    for reference in all.prefix(200) {
      #expect(try reference.bytes().starts(with: [0xFF, 0xD8]), "\(reference.displayName)")
    }
  }

  @Test(
    "finds the files of a hostile collection as its table lists them",
    .enabled(if: TestData.folder(named: "robustness") != nil, "needs robustness"))
  func findsOddNames() throws {
    let root = try #require(TestData.folder(named: "robustness"))
    let table = try String(contentsOfFile: root + "/expected.tsv", encoding: .utf8)
    let listed = table.split(separator: "\n").dropFirst().compactMap {
      $0.split(separator: "\t").first.map { RawPath(root + "/" + $0) }
    }
    let isTaken: (RawPath) -> Bool = { path in
      !path.isHidden
        && ["tga", "ico", "qoi", "mpo", "jp2"].allSatisfy {
          Array($0.utf8) != path.fileExtension ?? []
        }
    }
    let decodable = Set(
      table.split(separator: "\n").dropFirst().compactMap { line -> RawPath? in
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false)
        return fields[3] == "ok" ? RawPath(root + "/" + fields[0]) : nil
      })

    let found = Set(try ImageInputs.expand([root]).map(\.name))

    #expect(found.isSubset(of: Set(listed)))
    #expect(decodable.filter(isTaken).isSubset(of: found))
    #expect(found.contains(RawPath(root + "/made/ünïcödé-图像-🐘.jpg")))
    #expect(found.contains(RawPath(root + "/made/no_extension")))
  }
}
