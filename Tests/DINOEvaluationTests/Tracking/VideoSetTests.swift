import DINOData
import DINOEvaluation
import DINOTestSupport
import Imaging
import Testing

@Suite("VideoSet")
struct VideoSetTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func write(_ names: [String]) throws {
    for name in names { try folder.write(name, [0]) }
  }

  private func files(_ video: String, images: String, masks: String, count: Int = 3) -> [String] {
    (0..<count).flatMap { ["\(images)/\(video)/0000\($0).jpg", "\(masks)/\(video)/0000\($0).png"] }
  }

  @Test("reads DAVIS: the videos of a split in its order, frames in order, masks by name")
  func davis() throws {
    try write(
      ["bear", "camel", "dogs"].flatMap {
        files($0, images: "JPEGImages/480p", masks: "Annotations/480p")
      })
    try folder.write("ImageSets/2017/val.txt", Array("dogs\r\nbear\n\n".utf8))
    try folder.write("ImageSets/2017/train.txt", Array("camel".utf8))

    let val = try VideoSet(folder.path)
    let train = try VideoSet(folder.path, split: "train")

    #expect(val.videos.map(\.name) == ["dogs", "bear"])
    #expect(train.videos.map(\.name) == ["camel"])
    let frames = val.videos[0].frames
    #expect(frames.count == 3)
    #expect(frames[1].image.name == RawPath(folder.file("JPEGImages/480p/dogs/00001.jpg")))
    #expect(frames[1].mask?.name == RawPath(folder.file("Annotations/480p/dogs/00001.png")))
  }

  @Test("without lists and folders of sizes all videos are taken")
  func bare() throws {
    try write(
      ["b", "a"].flatMap { files($0, images: "JPEGImages", masks: "Annotations") })

    #expect(try VideoSet(folder.path).videos.map(\.name) == ["a", "b"])
  }

  @Test("reads plain folders; frames without a mask stay, the first must have one")
  func plain() throws {
    try write(["x/images/1.png", "x/images/2.jpg", "x/masks/1.png", "other/readme.txt"])

    let videos = try VideoSet(folder.path).videos

    #expect(videos.map(\.name) == ["x"])
    #expect(videos[0].frames.map { $0.mask != nil } == [true, false])
    try write(["y/images/1.png", "y/masks/2.png"])
    let error = #expect(throws: DataError.self) { try VideoSet(folder.path) }
    #expect(error?.category == .unusableDataSet && "\(error!)".contains("1.png"))
  }

  @Test("says what is missing")
  func missing() throws {
    func message(_ path: String, split: String = "val") -> String {
      do {
        _ = try VideoSet(path, split: split)
        return "nothing"
      } catch { return "\(error)" }
    }
    #expect(message(folder.file("nowhere")).contains("no such folder"))
    #expect(message(folder.path).contains("no video was found"))
    try write(files("bear", images: "JPEGImages/480p", masks: "Annotations/480p"))
    try folder.write("ImageSets/2017/val.txt", Array("bear\n".utf8))
    #expect(message(folder.path, split: "test").contains("there are val"))
    try folder.write("ImageSets/2017/val.txt", Array("../../etc\n".utf8))
    #expect(message(folder.path).contains("expected names of folders"))
    try folder.write("ImageSets/2017/val.txt", Array("lost\n".utf8))
    #expect(message(folder.path).contains("lost"))
    try folder.write("ImageSets/2017/val.txt", [])
    #expect(message(folder.path).contains("names no video"))
  }
}
