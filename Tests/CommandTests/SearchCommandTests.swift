import DINOTestSupport
import Foundation
import Imaging
import Testing

/// `search` and the retrieval protocols from outside.
@Suite("Search commands")
struct SearchCommandTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for (index, name) in ["red", "green", "blue", "teal"].enumerated() {
      for copy in 0..<2 { try write("photos/\(name)\(copy).png", index, copy) }
    }
  }

  /// A plain picture of a colour with a bar, moved a little in the copies.
  private func write(_ name: String, _ color: Int, _ copy: Int) throws {
    let colors = [RGB(220, 20, 20), RGB(20, 200, 30), RGB(20, 20, 220), RGB(0, 150, 150)]
    var image = try PixelBuffer(size: Size(height: 100, width: 110), fill: colors[color])
    image.fillRectangle(
      Region(top: 20 + copy, left: 10 + 20 * color, height: 50, width: 20),
      color: RGB(250, 250, 250))
    try folder.write(name, ImageEncoder().encode(image, as: .png))
  }

  @Test(
    "every command explains itself with an example",
    arguments: [
      ["search"], ["search", "build"], ["search", "query"], ["search", "evaluate"],
      ["evaluate", "retrieval"], ["evaluate", "copydetection"],
    ])
  func help(command: [String]) throws {
    let result = try Program.run(command + ["--help"])
    #expect(result.code == 0 && result.output.contains("Example: dinov2 "))
  }

  private struct Found: Decodable {
    let path: String
    let score: Double
  }

  private func query(_ arguments: String...) throws -> [[Found]] {
    let result = try Program.run(
      ["search", "query", "--index", folder.file("index"), "--json"] + arguments)
    try #require(result.code == 0, "\(result.errors)")
    return try JSONDecoder().decode([[Found]].self, from: Data(result.output.utf8))
  }

  @Test("builds an index, finds by file, by crop and by a path that is gone, and draws")
  func search() throws {
    let build = ["search", "build", folder.file("photos"), "--index", folder.file("index")]
    let first = try Program.run(build)
    #expect(first.code == 0 && first.errors.contains("8 images"), "\(first.errors)")

    let found = try query(
      folder.file("photos/red0.png"), folder.file("photos/blue1.png"), "--top", "2")
    #expect(found.map(\.count) == [2, 2])
    #expect(found[0].map(\.path) == ["red0", "red1"].map { folder.file("photos/\($0).png") })
    #expect(found[1].map(\.path) == ["blue1", "blue0"].map { folder.file("photos/\($0).png") })
    #expect(abs(found[0][0].score - 1) < 1e-5 && found[0][1].score <= found[0][0].score)

    // A copy elsewhere, described anew, is as similar as the row itself.
    try folder.write(
      "elsewhere/x.png",
      Array(Data(contentsOf: URL(fileURLWithPath: folder.file("photos/teal0.png")))))
    let elsewhere = try query(folder.file("elsewhere/x.png"), "-k", "1")
    #expect(elsewhere[0][0].path == folder.file("photos/teal0.png"))
    #expect(abs(elsewhere[0][0].score - 1) < 1e-4)

    let cropped = try query(folder.file("photos/red0.png"), "--crop", "0,0,110,100", "-k", "1")
    #expect(cropped[0][0].path == folder.file("photos/red0.png"))
    let reranked = try query(
      folder.file("photos/red0.png"), "--rerank", "4", "--rerank-size", "98", "-o",
      folder.file("found.png"))
    #expect(reranked[0].count == 8 && reranked[0][0].path == folder.file("photos/red0.png"))
    #expect(try ImageDecoder().decode(path: folder.file("found.png")).height > 100)

    try FileManager.default.removeItem(atPath: folder.file("photos/red0.png"))
    let gone = try query(folder.file("photos/red0.png"), "--top", "2")
    #expect(gone[0].map(\.path) == ["red0", "red1"].map { folder.file("photos/\($0).png") })
    let second = try Program.run(build)
    #expect(second.code == 0 && second.errors.contains("1 removed"), "\(second.errors)")
  }

  @Test("an approximate index is made, kept up to date, refused when damaged, and taken away")
  func approximateIndex() throws {
    let index = folder.file("index")
    let build = ["search", "build", folder.file("photos"), "--index", index]
    let made = try Program.run(build + ["--index-type", "ivf", "--lists", "2", "--recall", "1"])
    #expect(made.code == 0 && made.errors.contains("ivf, 2 lists"), "\(made.errors)")
    let red = folder.file("photos/red0.png")
    #expect(try query(red).map { $0.map(\.path) } == query(red, "--exact").map { $0.map(\.path) })
    #expect(try query(red, "--effort", "1", "--top", "1")[0][0].path == red)

    try write("photos/other.png", 2, 7)
    let renewed = try Program.run(build)
    #expect(renewed.code == 0 && renewed.errors.contains("ivf, 2 lists"), "\(renewed.errors)")
    #expect(try query(red, "--effort", "2")[0].count == 9)

    let files = try FileManager.default.contentsOfDirectory(atPath: index)
    let name = try #require(files.first { $0.hasSuffix(".faiss") })
    var bytes = try [UInt8](Data(contentsOf: URL(fileURLWithPath: "\(index)/\(name)")))
    bytes[100] ^= 1
    try folder.write("index/\(name)", bytes)
    let refused = try Program.run(["search", "query", red, "--index", index])
    #expect(refused.code == 3 && refused.errors.contains("checksum"), "\(refused.errors)")
    #expect(try query(red, "--exact")[0][0].path == red)

    #expect(try Program.run(build + ["--index-type", "exact"]).code == 0)
    #expect(!FileManager.default.fileExists(atPath: "\(index)/\(name)"))
    #expect(try query(red, "--top", "1")[0][0].path == red)
  }

  @Test("mistakes give one clear line and their exit code")
  func mistakes() throws {
    let index = folder.file("index")
    let build = ["search", "build", folder.file("photos"), "--index", index]
    #expect(try Program.run(build).code == 0)
    try folder.write("bad.png", [1, 2, 3])
    let queryIndex = ["search", "query", folder.file("photos/red0.png"), "--index"]
    for (arguments, code, says) in [
      (queryIndex + [folder.file("nowhere")], 5, "search build"),
      (queryIndex + [index, "--top", "0"], 2, "--top is 0"),
      (build + ["--links", "8"], 2, "--links needs --index-type hnsw"),
      (build + ["--index-type", "ivf", "--lists", "1000"], 2, "at most one per row"),
      (build + ["--index-type", "ivf-pq"], 2, "at least 256 rows"),
      (queryIndex + [index, "--crop", "100,0,20,20"], 2, "does not lie in"),
      (
        queryIndex + [index, "--rerank", "2", "--model", "dinov2_vits14", "--random-weights"], 2,
        "was built with"
      ),
      (["search", "query", folder.file("bad.png"), "--index", index], 3, "bad.png"),
      (["search", "query", folder.file("no.png"), "--index", index], 5, "no.png"),
      (build + ["--model", "dinov2_vits14", "--random-weights"], 2, "--rebuild"),
      (build + ["--pooling", "gem"], 2, "built otherwise"),
      (["search", "build", folder.file("bad.png"), "--index", folder.file("new")], 3, "bad.png"),
      (["evaluate", "retrieval", "--data", folder.file("photos")], 4, "queries.txt"),
      (["evaluate", "copydetection", "--data", folder.file("photos")], 5, "groups.tsv"),
    ] as [([String], Int32, String)] {
      let result = try Program.run(arguments)
      #expect(result.code == code, "\(arguments): \(result.errors)")
      #expect(result.errors.contains(says), "\(arguments): \(result.errors)")
      #expect(result.errors.split(separator: "\n").count { $0.hasPrefix("error: ") } == 1)
    }
  }

  @Test("a second writer is refused with 6 as long as the first one lives")
  func locked() throws {
    let index = folder.file("index")
    try folder.write("index/.lock", [])
    let descriptor = open(folder.file("index/.lock"), O_RDWR)
    defer { close(descriptor) }
    var request = flock()
    request.l_type = Int16(F_WRLCK)
    // 37 is F_OFD_SETLK, as the program takes it.
    #expect(fcntl(descriptor, 37, &request) == 0)
    let build = ["search", "build", folder.file("photos"), "--index", index]
    let refused = try Program.run(build)
    #expect(refused.code == 6 && refused.errors.contains("--index"), "\(refused.errors)")
    request.l_type = Int16(F_UNLCK)
    #expect(fcntl(descriptor, 37, &request) == 0)
    #expect(try Program.run(build).code == 0)
  }

  @Test("evaluate retrieval and search evaluate agree, and copies are found")
  func evaluate() throws {
    let names = ["red", "green", "blue", "teal"]
    try folder.write("gallery.txt", Array(names.map { "photos/\($0)0.png\n" }.joined().utf8))
    try folder.write("queries.txt", Array(names.map { "photos/\($0)1.png\n" }.joined().utf8))
    let truth = names.map { #""photos/\#($0)1.png": {"positive": ["photos/\#($0)0.png"]}"# }
    try folder.write("ground_truth.json", Array("{\(truth.joined(separator: ","))}".utf8))
    let table = names.flatMap { name in
      ["photos/\(name)0.png\t\(name)\toriginal", "photos/\(name)1.png\t\(name)\tmoved"]
    }
    try folder.write(
      "groups.tsv", Array((["file\tgroup\ttransform"] + table).joined(separator: "\n").utf8))

    let options = ["--data", folder.path, "--no-cache", "--json", "--bootstrap", "0"]
    let one = try Program.run(["evaluate", "retrieval"] + options)
    let other = try Program.run(["search", "evaluate"] + options)
    let copies = try Program.run(["evaluate", "copydetection"] + options)
    #expect(one.code == 0 && other.code == 0 && copies.code == 0, "\(one.errors)\(copies.errors)")
    func values(_ output: String) throws -> JSONValue {
      try JSONDecoder().decode(JSONValue.self, from: Data(output.utf8))
    }
    let (a, b) = (try values(one.output), try values(other.output))
    #expect(a["mAP"]?.number == 1 && a["recall@1"]?.number == 1 && a["queries"]?.integer == 4)
    for key in ["mAP", "mP@1", "recall@5", "gallery", "protocol"] {
      #expect(a[key] != nil && "\(String(describing: a[key]))" == "\(String(describing: b[key]))")
    }
    let c = try values(copies.output)
    #expect(c["micro_AP"]?.number == 1 && c["mAP_original"]?.number == 1)
    #expect(c["recall@P90_moved"]?.number == 1 && c["pairs"]?.integer == 4)
    let row = try Program.run("evaluate", "retrieval", "--data", folder.path, "--no-cache")
    #expect(row.output.contains("| mAP |") || row.output.contains(" mAP |"))
  }
}
