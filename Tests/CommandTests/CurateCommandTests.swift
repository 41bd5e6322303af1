import DINOTestSupport
import Foundation
import Imaging
import Testing

/// `curate` from outside, with the model that comes along.
@Suite("Curate commands")
struct CurateCommandTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for index in 0..<12 { try write("pool/\(index).png", index, side: 100) }
    // Byte-identical, smaller, broken, dark, tiny.
    for (name, other) in [("copy.png", "3.png")] {
      try FileManager.default.copyItem(
        atPath: folder.file("pool/\(other)"), toPath: folder.file("pool/\(name)"))
    }
    try write("pool/small-5.png", 5, side: 70)
    try folder.write("pool/broken.png", Array("no image".utf8))
  }

  /// A picture of stripes and a bar, of which each index has its own.
  private func write(_ name: String, _ index: Int, side: Int) throws {
    var image = try PixelBuffer(
      size: Size(height: side, width: side + 10),
      fill: RGB(UInt8(20 * index), UInt8(240 - 18 * index), UInt8((index * 97) % 256)))
    for stripe in 0..<(2 + index) {
      image.fillRectangle(
        Region(
          top: side * stripe / (3 + index), left: side * (index % 4) / 8, height: side / 20,
          width: side / 2), color: RGB(250, UInt8(21 * index), 60))
    }
    try folder.write(name, ImageEncoder().encode(image, as: .png))
  }

  private func run(_ arguments: String..., code: Int32 = 0) throws -> Program.Result {
    let result = try Program.run(["curate"] + arguments, in: folder.path)
    try #require(result.code == code, "\(arguments): \(result.code) \(result.errors)")
    return result
  }

  @Test(
    "every command explains itself with an example",
    arguments: [
      "run", "embed", "import", "dedup", "cluster", "retrieve", "sample", "report", "check",
      "components",
    ])
  func help(command: String) throws {
    let result = try run(command, "--help")
    #expect(result.output.contains("Example: dinov2 curate \(command) "))
  }

  private struct Counts: Decodable {
    let images: Int
    let failed: Int
    let copies: Int
    let near: Int
    let kept: Int
  }

  @Test("embeds a pool, finds copies, draws pairs, clusters, samples and reports")
  func stages() throws {
    let embedded = try run("embed", "pool", "--store", "store", "--shard-images", "6")
    #expect(embedded.errors.contains("14 images") && embedded.errors.contains("1 left out"))
    let result = try run(
      "dedup", "--store", "store", "--threshold", "0.97", "--json", "--preview", "pairs.png",
      "--list", "kept.txt")
    let counts = try JSONDecoder().decode(Counts.self, from: Data(result.output.utf8))
    #expect(counts.images == 15 && counts.failed == 1 && counts.copies == 1)
    #expect(counts.kept + counts.near + counts.copies == 14)
    #expect(try ImageDecoder().decode(path: folder.file("pairs.png")).width > 500)
    let kept = try String(contentsOfFile: folder.file("kept.txt"), encoding: .utf8)
    #expect(kept.split(separator: "\n").count == counts.kept)

    _ = try run("cluster", "--store", "store", "--clusters", "4", "2")
    _ = try run("sample", "--store", "store", "--target", "5", "--json")
    _ = try run("report", "--store", "store", "--output", "page.html")
    let page = try String(contentsOfFile: folder.file("page.html"), encoding: .utf8)
    #expect(
      page.contains("Duplicates") && page.contains("Outliers") && page.contains("data:image/jpeg"))
    #expect(!page.contains("src=\"http") && !page.contains("href=\"http"))
    #expect(try run("check", "--store", "store", "--json").output.contains("\"damaged\":0"))
  }

  @Test("runs by a configuration, and again in no time with the same result")
  func wholeRun() throws {
    try folder.write(
      "c.yaml",
      Array(
        """
        pool: [pool]
        seeds: [{name: s, images: [pool/1.png, pool/2.png], neighbours: 3}]
        dedup: {threshold: 0.98}
        cluster: {clusters: [4, 2], resamplings: 1}
        sample: {target: 4}
        output: {form: links}
        """.utf8))
    _ = try run("run", "c.yaml", "--output", "out")
    let list = try String(contentsOfFile: folder.file("out/curated.list"), encoding: .utf8)
    let links = try FileManager.default.contentsOfDirectory(atPath: folder.file("out/links"))
    #expect(links.count == list.split(separator: "\n").count && !links.isEmpty)
    let again = try run("run", "c.yaml", "--output", "out")
    #expect(again.errors.contains("dedup: done before"))
    #expect(try String(contentsOfFile: folder.file("out/curated.list"), encoding: .utf8) == list)
    let other = try Program.run(["embed", "@out/curated.list", "-o", "x.npy"], in: folder.path)
    #expect(other.code == 0, "\(other.errors)")
    #expect(try run("run", "--example").output.contains("reference_threshold"))
  }

  @Test("tells what is wrong, with the right exit code")
  func errors() throws {
    #expect(try run("dedup", "--store", "nothing", code: 5).errors.contains("holds no store"))
    #expect(
      try run("dedup", "--store", "x", "--threshold", "2", code: 2).errors.contains("-1 to 1"))
    try FileManager.default.createDirectory(
      atPath: folder.file("empty"), withIntermediateDirectories: true)
    #expect(try run("embed", "empty", "--store", "s", code: 4).errors.contains("no files"))
    _ = try run("embed", "pool", "--store", "store")
    #expect(
      try run("sample", "--store", "store", "--target", "3", code: 5).errors.contains("cluster"))
    #expect(
      try run("embed", "pool", "--store", "store", "--pooling", "cls", code: 2).errors
        .contains("384"))
    #expect(
      try run(
        "embed", "pool", "--store", "store", "--model", "dinov2_vits14", "--random-weights", code: 2
      ).errors.contains("store"))
    try folder.write("bad.yaml", Array("pool: [pool]\nseds: []".utf8))
    #expect(
      try run("run", "bad.yaml", "--output", "out", code: 2).errors.contains("did you mean seeds"))
  }
}
