import DINOData
import DINOEvaluation
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("RetrievalSet")
struct RetrievalSetTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ name: String, _ text: String) throws {
    try folder.write(name, Array(text.utf8))
  }

  private func read() throws -> RetrievalSet { try RetrievalSet(folder: RawPath(folder.path)) }

  private func writeLists() throws {
    try write("gallery.txt", "db/a.jpg\ndb/b.jpg\r\n\ndb/c.jpg\n")
    try write("queries.txt", "q/1.jpg\ndb/b.jpg\n")
    try write(
      "ground_truth.json",
      """
      {"q/1.jpg": {"positive": ["db/a.jpg", 2], "junk": ["db/b.jpg"], "bbx": [1, 2, 30, 40]},
       "db/b.jpg": {"positive": ["db/c.jpg"]}}
      """)
  }

  @Test("reads lists and ground truth; a query in the gallery does not find itself")
  func lists() throws {
    try writeLists()
    let set = try read()

    #expect(
      set.gallery.map(\.name) == ["a", "b", "c"].map { RawPath(folder.file("db/\($0).jpg")) })
    #expect(set.tasks.count == 1 && set.tasks[0].name.isEmpty && set.tasks[0].queries == [0, 1])
    #expect(
      set.tasks[0].truths == [
        .plain(RetrievalTruth(positive: [0, 2], junk: [1])),
        .plain(RetrievalTruth(positive: [2], junk: [1])),
      ])
    #expect(
      set.queries.map(\.box) == [FractionalBox(top: 2, left: 1, bottom: 40, right: 30), nil])
  }

  @Test("names that are no UTF-8 are found by their printable form")
  func rawNames() throws {
    let odd: [UInt8] = [0x64, 0xFF, 0x2E, 0x6A]
    try folder.write("gallery.txt", odd + [0x0A])
    try write("queries.txt", "q.jpg")
    try write("ground_truth.json", #"{"q.jpg": {"positive": ["d\\xff.j"]}}"#)
    let set = try read()
    #expect(set.gallery[0].name.bytes == Array(folder.path.utf8) + [0x2F] + odd)
    #expect(set.tasks[0].truths == [.plain(RetrievalTruth(positive: [0]))])
  }

  @Test("labels add kinds of queries and levels of classes")
  func labels() throws {
    try write("gallery.txt", "a\nb\nc\n")
    try write("queries.txt", "q\nr\n")
    try write(
      "ground_truth.json", #"{"q": {"positive": ["a"]}, "r": {"positive": ["c"], "junk": ["b"]}}"#)
    try write(
      "labels.tsv",
      "file\trole\tclass_id\tclass\tcoarse_id\nb\tdb\t1\tx\t0\na\tdb\t0\ty\t0\nc\tdb\t2\tz\t1\n"
        + "q\tquery\t0\ty\t0\nr\tquery\t2\tz\t1\nicon\ticon\t1\tx\t0\n")
    let set = try read()

    #expect(set.tasks.map(\.name) == ["", "coarse", "icon", "icon_coarse"])
    #expect(set.queries.map(\.image.name.text) == ["q", "r", "icon"].map { folder.file($0) })
    func positives(_ task: Int) -> [[Int]] {
      set.tasks[task].truths.map { if case .plain(let truth) = $0 { truth.positive } else { [] } }
    }
    #expect(positives(1) == [[1, 0], [2]])
    #expect(positives(2) == [[1]] && Set(positives(3)[0]) == [0, 1])
    #expect(set.tasks[2].queries == [2])
  }

  @Test("reads the revisited sets' files", arguments: ["lists", "numpy", "numpy2", "json"])
  func revisited(form: String) throws {
    if form == "json" {
      try write(
        "gnd_small.json",
        """
        {"imlist": ["a_1", "b_2", "c_3", "d_4"], "qimlist": ["q_1", "q_2"], "gnd": [
          {"bbx": [1.5, 2.0, 20.4, 30.5], "easy": [0], "hard": [2, 3], "junk": [1]},
          {"bbx": [0, 0, 10, 10], "easy": [], "hard": [1], "junk": []}]}
        """)
    } else {
      try FileManager.default.copyItem(
        atPath: TestData.packageRoot + "/Tests/Fixtures/retrieval/\(form).pkl",
        toPath: folder.file("gnd_small.pkl"))
    }
    try write("jpg/a_1.jpg", "")
    let set = try read()

    #expect(set.gallery.count == 4 && set.gallery[0].name == RawPath(folder.file("jpg/a_1.jpg")))
    #expect(
      set.tasks == [
        .init(
          name: "", queries: [0, 1],
          truths: [
            .revisited(RevisitedTruth(easy: [0], hard: [2, 3], junk: [1])),
            .revisited(RevisitedTruth(easy: [], hard: [1], junk: [])),
          ])
      ])
    #expect(
      set.queries[0].box == FractionalBox(top: 2, left: 1.5, bottom: 30.5, right: 20.4))
    #expect(set.tasks[0].isRevisited)
  }

  @Test("a box is rounded and cut as Pillow cuts, to what lies in the image")
  func boxes() throws {
    let size = Size(height: 30, width: 20)
    let box = FractionalBox(top: 2.5, left: 1.5, bottom: 30.5, right: 20.4)
    #expect(box.region(in: size) == Region(top: 2, left: 2, height: 28, width: 18))
    let outside = FractionalBox(top: 40, left: 0, bottom: 50, right: 9)
    #expect(outside.region(in: size) == nil)
    var image = try PixelBuffer(size: size, fill: .black)
    image.setColor(RGB(255, 0, 0), row: 2, column: 2)
    try ImageEncoder().write(image, to: folder.file("x.png"))
    let item = RetrievalSet.Item(ImageReference(file: RawPath(folder.file("x.png"))), box: box)
    let part = try item.load()
    #expect(part.size == Size(height: 28, width: 18))
    #expect(part.color(row: 0, column: 0) == RGB(255, 0, 0))
  }

  @Test("says what is wrong in one line")
  func refusals() throws {
    func message(_ what: String) -> String {
      do {
        _ = try read()
        Issue.record("\(what) was accepted")
        return ""
      } catch {
        #expect(!"\(error)".contains("\n"))
        return "\(error)"
      }
    }
    #expect(message("nothing").contains("neither queries.txt"))
    try writeLists()
    try write("ground_truth.json", #"{"q/1.jpg": {"positive": []}}"#)
    #expect(message("a query without truth").contains("db/b.jpg"))
    try write("ground_truth.json", #"{"q/1.jpg": {"positive": ["db/x.jpg"]}, "db/b.jpg": {}}"#)
    #expect(message("an unknown image").contains("db/x.jpg, which is not in"))
    try write("ground_truth.json", #"{"q/1.jpg": {"positive": [3]}, "db/b.jpg": {"positive": []}}"#)
    #expect(message("a row too far").contains("row 3"))
    try write(
      "ground_truth.json",
      #"{"q/1.jpg": {"positive": [], "bbx": [9, 0, 2, 5]}, "db/b.jpg": {"positive": []}}"#)
    #expect(message("an odd box").contains("bbx"))
    try write("ground_truth.json", #"{"q/1.jpg": {"positive": [], "easy": []}, "db/b.jpg": {}}"#)
    #expect(message("both forms").contains("both positive and"))
    try write("ground_truth.json", #"{"q/1.jpg": {"positive": [true]}}"#)
    #expect(message("a wrong type").contains("q/1.jpg"))
    try write("ground_truth.json", "[")
    #expect(message("no JSON").contains("JSON"))
    try writeLists()
    try write("gallery.txt", "a\nb\na\n")
    #expect(message("a repeated image").contains("entries 1 and 3"))
    try write("gallery.txt", "\n\n")
    #expect(message("an empty list").contains("names no images"))
  }

  @Test("a pickle that asks for more than data is refused; two ground truths are one too many")
  func hostileFiles() throws {
    let fixtures = TestData.packageRoot + "/Tests/Fixtures/retrieval/"
    try FileManager.default.copyItem(
      atPath: fixtures + "evil.pkl", toPath: folder.file("gnd_a.pkl"))
    let error = #expect(throws: DataError.self) { try read() }
    #expect(error?.description.contains("system") == true)
    #expect(error?.category == .refusedInput)

    let bytes = try Data(contentsOf: URL(fileURLWithPath: fixtures + "numpy.pkl"))
    for cut in stride(from: 0, to: bytes.count, by: 7) {
      try folder.write("gnd_a.pkl", Array(bytes.prefix(cut)))
      #expect(throws: DataError.self) { try read() }
    }
    for position in 0..<bytes.count {
      var damaged = Array(bytes)
      damaged[position] ^= 0x41
      try folder.write("gnd_a.pkl", damaged)
      // A changed letter of a name may be accepted; nothing may end the process.
      _ = try? read()
    }
    try write("gnd_b.json", "{}")
    #expect(throws: DataError.self) { try read() }
  }
}
