import DINOData
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Images with boxes")
struct DetectionDataTests {
  private let folder: TemporaryFolder
  private static let size = Size(height: 30, width: 40)

  init() throws { folder = try TemporaryFolder() }

  private var root: RawPath { RawPath(folder.path) }

  private func image(_ name: String, size: Size = DetectionDataTests.size) throws {
    let path = try folder.write(name, [])
    try ImageEncoder().write(PixelBuffer(size: size, fill: RGB(90, 60, 30)), to: path)
  }

  private func text(_ name: String, _ text: String) throws {
    try folder.write(name, Array(text.utf8))
  }

  private func read(_ split: String = "train") throws -> DetectionData {
    try DetectionData(root, split: split)
  }

  private func failure(_ split: String = "train") -> DataError? {
    #expect(throws: DataError.self) { try read(split) }
  }

  /// A file with one image and the given annotations.
  private func coco(
    _ annotations: String, images: String? = nil, categories: String? = nil
  ) throws {
    let images = images ?? #"{"id": 7, "file_name": "a.png", "height": 30, "width": 40}"#
    let categories = categories ?? #"{"id": 3, "name": "cat"}, {"id": 9, "name": "dog"}"#
    try text(
      "train.json",
      "{\"images\": [\(images)], \"annotations\": [\(annotations)], \"categories\": [\(categories)]}"
    )
  }

  private func annotation(_ id: Int, _ box: String, category: Int = 3, more: String = "") -> String
  {
    "{\"id\": \(id), \"image_id\": 7, \"category_id\": \(category), \"bbox\": \(box)\(more)}"
  }

  // MARK: COCO

  @Test("reads boxes, areas and crowds; unknown members are passed over")
  func reads() async throws {
    try image("train/a.png")
    let first = annotation(
      1, "[1.5, 2, 10, 5e0]",
      more: #", "area": 31.5, "iscrowd": 0, "segmentation": [[1, 2, {"x": [null, true]}]]"#)
    let second = annotation(
      2, "[0, 0, 40, 30]", category: 9, more: #", "iscrowd": 1, "area": null"#)
    try coco("\(first), \(second)")

    let data = try read()
    let check = try await data.check { sample, size in sample.objects.count * size.height }

    #expect(data.layout == .coco && data.categories.map(\.name) == ["cat", "dog"])
    #expect(data.categories.map(\.id) == [3, 9] && data.samples.map(\.id) == [7])
    let objects = data.samples[0].objects
    #expect(objects[0].box == BoundingBox(left: 1.5, top: 2, width: 10, height: 5))
    #expect(objects[0].area == 31.5 && !objects[0].isCrowd && objects[0].category == 0)
    #expect(objects[1].isCrowd && objects[1].area == 1200 && objects[1].category == 1)
    #expect(check.outputs == [60] && check.problemCount == 0 && data.cutCount == 0)
  }

  @Test(
    "finds files where they are published",
    arguments: [
      ("train.json", "train/images/a.png"), ("train.json", "images/a.png"),
      ("train.json", "images/train/a.png"),
      ("annotations/instances_train.json", "train/a.png"),
      ("annotations/train.json", "images/a.png"),
      ("train/_annotations.coco.json", "train/a.png"), ("train.json", "a.png"),
    ])
  func places(json: String, picture: String) throws {
    try image(picture)
    try coco(annotation(1, "[1, 1, 5, 5]"))
    if json != "train.json" {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("train.json")))
      try folder.write(json, Array(bytes))
      try FileManager.default.removeItem(atPath: folder.file("train.json"))
    }

    #expect(try read().objectCount == 1)
  }

  @Test("what cannot be used is counted and named, and the rest is read")
  func problems() async throws {
    try image("train/a.png")
    try coco(
      [
        annotation(1, "[1, 1, 5, 5]"), annotation(1, "[2, 2, 5, 5]"), annotation(3, "[3, 3, 0, 5]"),
        annotation(4, "[1, 1, -2, 5]"), annotation(5, "[50, 1, 5, 5]"), annotation(6, "[1, 2, 3]"),
        annotation(7, "[1, 1, 5, 5]", category: 4), annotation(8, "[-5, 1, 9, 9]"),
        #"{"id": 9, "image_id": 99, "category_id": 3, "bbox": [1, 1, 5, 5]}"#,
        #"{"image_id": 7, "category_id": 3, "bbox": [1, 1, 1e308, 1e308]}"#,
      ].joined(separator: ", "),
      images: [
        #"{"id": 7, "file_name": "a.png", "height": 30, "width": 40}"#,
        #"{"id": 7, "file_name": "b.png"}"#, #"{"id": 8, "file_name": "../a.png"}"#,
        #"{"id": 10, "file_name": "/etc/passwd"}"#, #"{"id": 11, "file_name": "missing.png"}"#,
        #"{"id": 12, "file_name": "a.png"}"#, #"{"file_name": "a.png"}"#,
      ].joined(separator: ", "))

    let data = try read()
    let check = try await data.check { sample, _ in sample.objects.count }

    #expect(data.samples.count == 1 && data.samples[0].objects.map(\.box.left) == [1, -5])
    #expect(data.problems.count == 14 && check.problemCount == 14 && data.cutCount == 1)
    let text = data.problems.joined(separator: "\n")
    for part in [
      "annotation 1: the id occurs twice", "[3.0, 3.0, 0.0, 5.0] is empty",
      "annotation 5: the box [50.0, 1.0, 5.0, 5.0] lies outside of the image of 30x40",
      "annotation 6: bbox is not", "no category 4", "no image 99", "image 7: the id occurs twice",
      "\"../a.png\" is no path inside", "\"/etc/passwd\" is no path inside",
      "missing.png is not in",
      "the file a.png occurs twice", "has no id or no file_name",
    ] { #expect(text.contains(part), "\(part)") }
    let error = #expect(throws: DataError.self) { try check.demandAll(of: data.place) }
    #expect(error?.category == .unusableDataSet)
  }

  @Test("an image of another size than annotated, or one that is damaged, is a problem")
  func images() async throws {
    try image("train/a.png", size: Size(height: 30, width: 41))
    try coco(annotation(1, "[1, 1, 5, 5]"))
    let other = try await read().check { _, _ in true }
    try folder.write("train/a.png", Array("not a picture".utf8))
    let damaged = try await read().check { _, _ in true }

    #expect(other.outputs == [nil] && damaged.outputs == [nil])
    #expect(other.firstProblems[0].contains("has 30x41 pixels, but boxes for 30x40"))
    let error = #expect(throws: DataError.self) { try other.demandAll(of: "x") }
    #expect(error?.category == .unusableDataSet)
  }

  @Test("parts that are missing, empty or contradictory are refused with the right kind of error")
  func refusals() throws {
    #expect(failure()?.category == .unusableDataSet)
    #expect(throws: DataError.self) { try DetectionData(root, split: "../x") }
    #expect(throws: DataError.self) { try DetectionData(RawPath("/no/such"), split: "train") }
    for (json, category) in [
      ("", DataError.Category.refusedInput), ("[]", .refusedInput), ("{", .refusedInput),
      (#"{"images": [], "annotations": []}"#, .refusedInput),
      (#"{"images": [], "annotations": [], "categories": []}"#, .unusableDataSet),
      (
        #"{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}]}"#,
        .unusableDataSet
      ),
      (#"{"images": [], "images": [], "annotations": [], "categories": []}"#, .refusedInput),
      (#"{"images": [{"id": "x"}], "annotations": [], "categories": []}"#, .refusedInput),
      (#"{"images": [{"id": 1.5}], "annotations": [], "categories": []}"#, .refusedInput),
      (#"{"images": [], "annotations": [], "categories": []} x"#, .refusedInput),
      (
        #"{"images": [], "annotations": [], "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}"#,
        .unusableDataSet
      ),
    ] {
      try text("train.json", json)
      let error = failure()
      #expect(error?.category == category, "\(json): \(error.map { "\($0)" } ?? "")")
      #expect(!"\(error.map { "\($0)" } ?? "")".contains("\n"))
    }
  }

  @Test("hostile JSON is refused quickly: depth, size, unfinished strings, odd numbers")
  func hostile() throws {
    let deep = String(repeating: "[", count: 1_000_000)
    let cases = [
      "{\"info\": \(deep)", "{\"images\": \(deep)",
      "{\"info\": \"" + String(repeating: "x", count: 1 << 20),
      "{\"" + String(repeating: "k", count: 1 << 20) + "\": 1}", "{\"images\": [{\"id\": 1e999}]",
      "{\"images\": [{\"id\": 99999999999999999999}]", "{\"images\": [{\"id\": -}]", "{\"a\": ]}",
      "{\"images\": [{\"file_name\": \"\\ud800\"}]", "{\"images\": [{\"file_name\": \"\\x\"}]",
      "{\"annotations\": [{\"bbox\": [" + String(repeating: "1,", count: 100) + "1]}]",
      "{\"annotations\": [{\"bbox\": [inf, nan, 1, 1]}]", "{\"images\": [,]}", "{\"images\" []}",
      "{\"info\": \"\\", "\u{FEFF}", "{\"images\": [{\"id\": 0x10}]}",
    ]
    let start = ContinuousClock.now
    for json in cases {
      try text("train.json", json)
      #expect(failure()?.category == .refusedInput, "\(json.prefix(40))")
    }
    #expect(ContinuousClock.now - start < .seconds(20))
  }

  @Test("every prefix of a file, and every changed byte, is read or refused, never worse")
  func mutations() throws {
    try image("train/a.png")
    try coco(annotation(1, "[1, 1, 5, 5]", more: #", "area": 2.5e1, "iscrowd": false"#))
    let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: folder.file("train.json"))))
    for length in bytes.indices {
      try folder.write("train.json", Array(bytes[..<length]))
      #expect(throws: DataError.self) { try read() }
    }
    for index in bytes.indices {
      for value in [0, 0x22, 0x5B, 0x7B, 0x39, 0xFF] as [UInt8] {
        var changed = bytes
        changed[index] = value
        try folder.write("train.json", changed)
        do { _ = try read() } catch { #expect(error is DataError) }
      }
    }
  }

  @Test("categories are matched by name; boxes of one that a head does not know are refused")
  func matching() throws {
    try image("train/a.png")
    try coco(annotation(1, "[1, 1, 5, 5]", category: 9))
    let data = try read()

    #expect(try data.classes(in: ["dog", "cow"], of: "head") == [nil, 0])
    let error = #expect(throws: DataError.self) { try data.classes(in: ["cat"], of: "head") }
    #expect(error.map { "\($0)" }?.contains("dog") == true && error?.category == .unusableDataSet)
  }

  @Test("results of another program: entries in order, damaged files refused")
  func results() throws {
    try text(
      "r.json",
      #"[{"image_id": 7, "category_id": 3, "bbox": [1, 2, 0, 4], "score": 0.5, "x": [1]}]"#)
    let results = try DetectionResults(root.file("r.json"))

    #expect(results.entries.count == 1 && results.entries[0].score == 0.5)
    for wrong in [
      "", "{}", #"[{"image_id": 7}]"#, "[1]",
      #"[{"image_id": 7, "category_id": 3, "bbox": [1, 2, -1, 4], "score": 0.5}]"#,
      #"[{"image_id": 7, "category_id": 3, "bbox": [1, 2, 3], "score": 0.5}]"#,
    ] {
      try text("r.json", wrong)
      #expect(throws: DataError.self, "\(wrong)") { try DetectionResults(root.file("r.json")) }
    }
  }

  // MARK: Pascal VOC

  private func xml(_ objects: String, size: String = "<width>40</width><height>30</height>")
    -> String
  {
    """
    <?xml version="1.0"?>
    <!-- made by hand -->
    <annotation verified="no">
      <folder>x</folder><filename>other.jpg</filename>
      <size>\(size)<depth>3</depth></size>
      \(objects)
    </annotation>
    """
  }

  private func object(
    _ name: String, _ edges: (Int, Int, Int, Int), more: String = ""
  ) -> String {
    "<object><name>\(name)</name>\(more)<part><name>leg</name></part><bndbox><xmin>\(edges.0)</xmin>"
      + "<ymin>\(edges.1)</ymin><xmax>\(edges.2)</xmax><ymax>\(edges.3)</ymax></bndbox></object>"
  }

  @Test(
    "XML beside the images: pixels from 1 with the last one, classes by name, difficult objects")
  func voc() async throws {
    try image("train/sub/a.png")
    try image("train/b.png")
    try text(
      "train/sub/a.xml",
      xml(
        object("tree &amp; &#x41;", (1, 1, 10, 5))
          + object("cat", (40, 30, 40, 30), more: "<difficult>1</difficult>")))
    try text("train/b.xml", xml(""))

    let data = try read()
    let check = try await data.check { sample, _ in sample.objects.count }

    #expect(data.layout == .voc && data.categories.map(\.name) == ["cat", "tree & A"])
    #expect(check.outputs == [0, 2] && check.problemCount == 0)
    let objects = data.samples[1].objects
    #expect(objects[0].box == BoundingBox(left: 0, top: 0, width: 10, height: 5))
    #expect(objects[0].category == 1 && !objects[0].isCrowd)
    #expect(objects[1].box == BoundingBox(left: 39, top: 29, width: 1, height: 1))
    #expect(objects[1].isCrowd)

    try text("classes.txt", "tree & A\ncat\n")
    #expect(try read().categories.map(\.name) == ["tree & A", "cat"])
    #expect(try read().samples[1].objects[0].category == 0)
  }

  @Test("Pascal VOC as it is published: lists, Annotations, JPEGImages")
  func published() throws {
    try image("JPEGImages/a.jpg")
    try text("Annotations/a.xml", xml(object("cat", (2, 3, 11, 12))))
    try text("ImageSets/Main/val.txt", "a\nmissing  -1\n../a\n")

    let data = try read("val")

    #expect(data.layout == .voc && data.objectCount == 1 && data.problems.count == 2)
    #expect(failure("train")?.category == .unusableDataSet)
  }

  @Test("damaged XML is a problem of its image: entities, depth, crossed tags, no box")
  func badXML() throws {
    let cases = [
      "<!DOCTYPE a [<!ENTITY b \"ccc\">]><annotation>&b;</annotation>",
      "<annotation>&lol;</annotation>", "<annotation><a></annotation></a>", "<annotation>",
      String(repeating: "<a>", count: 100_000), "text", "", "<annotation", "<other></other>",
      "<annotation>" + String(repeating: "<a/>", count: 200_000) + "</annotation>", "<>", "</a>",
      "<annotation a='>'></annotation", "<annotation>\u{0}&#xD800;</annotation>",
    ]
    try image("train/good.png")
    try text("train/good.xml", xml(object("cat", (2, 3, 11, 12))))
    for (index, text) in cases.enumerated() {
      try image("train/bad\(index).png")
      try self.text("train/bad\(index).xml", text)
    }
    try image("train/odd.png")
    try text(
      "train/odd.xml",
      xml(
        object("", (1, 1, 5, 5)) + object("cat", (9, 9, 3, 3)) + object("cat", (90, 90, 95, 95))
          + "<object><name>cat</name></object>"))
    try text("train/alone.xml", xml(""))

    let data = try read()

    #expect(data.samples.count == 2 && data.objectCount == 1)
    #expect(data.problems.count == cases.count + 5, "\(data.problems)")
    #expect(data.problems.allSatisfy { !$0.contains("\n") })
  }

  // MARK: Real sets

  @Test(
    "the real sets read without a problem",
    .enabled(if: TestData.folder(named: "chess-detection") != nil, "needs the real images"),
    arguments: [
      ("chess-detection", "train", 202, 2108), ("chess-detection", "test", 29, 376),
      ("facade-280", "val", 108, 3849), ("coco-mini", "instances", 70, 581),
    ])
  func real(name: String, split: String, images: Int, boxes: Int) async throws {
    let folder = try #require(TestData.folder(named: name))
    let data = try DetectionData(RawPath(folder), split: split)
    let check = try await data.check { sample, _ in sample.objects.count }

    #expect(data.samples.count == images && data.objectCount == boxes)
    #expect(check.problemCount == 0, "\(check.firstProblems)")
  }
}

extension RawPath {
  /// A file in the folder that the path names.
  fileprivate func file(_ name: String) -> RawPath { RawPath(text + "/" + name) }
}
