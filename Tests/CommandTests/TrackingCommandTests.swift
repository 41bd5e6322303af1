import CheckpointFormats
import DINOTestSupport
import Foundation
import Imaging
import Testing

/// Tracking and clicking from outside.
@Suite("Tracking commands")
struct TrackingCommandTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Two films of three frames.
  private func films() throws -> String {
    let path = folder.file("films")
    let made = try Program.run(
      "data", "videos", "-o", path, "--videos", "2", "--frames", "4", "--size", "72")
    #expect(made.code == 0, "\(made.errors)")
    return path
  }

  private static let quick = ["--resize", "70", "--threads", "1"]

  @Test("tracks what a mask shows, and what clicks point at")
  func track() throws {
    let film = try films() + "/000000"
    let output = folder.file("out")

    let done = try Program.run(
      ["track", film + "/images", "--mask", film + "/masks/000000.png", "-o", output, "--json"]
        + Self.quick + ["--sheet", folder.file("sheet.png")])
    let clicked = try Program.run(
      ["track", film + "/images", "--prompt", "64,40", "-o", folder.file("clicked"), "--refine"]
        + Self.quick)

    #expect(done.code == 0, "\(done.errors)")
    let report = try JSONDecoder().decode(JSONValue.self, from: Data(done.output.utf8))
    #expect(report["frames"]?.array?.count == 4)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: film + "/masks/000000.png"))
    let mask = try ImageDecoder().decodeValues(bytes: Array(bytes))
    for index in 0..<4 {
      let array = try NpyArray.read("\(output)/00000\(index).npy")
      #expect(array.shape == [72, 128])
      let picture = try ImageDecoder().decode(path: "\(output)/00000\(index).png")
      #expect(picture.size == Size(height: 72, width: 128))
      // The first frame is the given mask.
      if index == 0 { #expect(try array.integers() == mask.values.map(Int.init)) }
    }
    #expect(FileManager.default.fileExists(atPath: folder.file("sheet.png")))
    #expect(clicked.code == 0, "\(clicked.errors)")
    #expect(clicked.output.contains("4 frames, 1 object"))
    let first = try NpyArray.read(folder.file("clicked/000000.npy")).integers()
    #expect(first[40 * 128 + 64] == 1)
  }

  @Test("measures tracking with intervals, as JSON and as a row")
  func evaluate() throws {
    let path = try films()
    let command = ["evaluate", "tracking", "--data", path] + Self.quick

    let done = try Program.run(command + ["--json"])
    let row = try Program.run(command + ["--bootstrap", "0"])

    #expect(done.code == 0, "\(done.errors)")
    let report = try JSONDecoder().decode(JSONValue.self, from: Data(done.output.utf8))
    let both = report["J&F"]?.number ?? -1
    let (region, contour) = (report["J_mean"]?.number ?? 9, report["F_mean"]?.number ?? 9)
    #expect(both > 0 && both <= 1 && abs(both - (region + contour) / 2) < 1e-9)
    #expect(report["videos"]?.integer == 2 && report["frames"]?.integer == 8)
    #expect(report["J&F_ci95"]?.array?.count == 2)
    #expect(report["object_J"]?.array?.count == report["objects"]?.integer)
    #expect(row.code == 0 && row.output.hasPrefix("| model | J&F | J_mean |"))
    #expect(row.errors.contains("protocol: DAVIS 2017"))
  }

  @Test("cuts out what is clicked on")
  func segment() throws {
    var image = try PixelBuffer(size: Size(height: 120, width: 160), fill: RGB(230, 230, 220))
    image.fillRectangle(
      Region(top: 30, left: 50, height: 60, width: 60), color: RGB(190, 40, 50))
    try ImageEncoder().write(image, to: folder.file("square.png"))
    let command = ["segment", folder.file("square.png"), "-o", folder.file("cut")]

    let done = try Program.run(
      command + ["--prompt", "80,60", "--negative", "10,10", "--resize", "168", "--json"])

    #expect(done.code == 0, "\(done.errors)")
    let report = try JSONDecoder().decode(JSONValue.self, from: Data(done.output.utf8))
    #expect(abs((report["area"]?.integer ?? 0) - 3600) < 150)
    let mask = try NpyArray.read(folder.file("cut/square.npy"))
    #expect(mask.shape == [120, 160])
    #expect(try mask.integers().reduce(0, +) == report["area"]?.integer)
    let bytes = try Data(contentsOf: URL(fileURLWithPath: folder.file("cut/square_mask.png")))
    #expect(
      try ImageDecoder().decodeValues(bytes: Array(bytes)).values.map(Int.init) == mask.integers())
    #expect(
      try ImageDecoder().decode(path: folder.file("cut/square.png")).size == image.size)
  }

  @Test("mistakes give one clear line and their exit codes")
  func mistakes() throws {
    let path = try films()
    let frames = path + "/000000/images"
    let mask = path + "/000000/masks/000000.png"
    try ImageEncoder().write(
      PixelBuffer(size: Size(height: 10, width: 10), fill: .white), to: folder.file("small.png"))
    try ImageEncoder().writeGray(
      [UInt8](repeating: 0, count: 72 * 128), size: Size(height: 72, width: 128),
      to: folder.file("empty.png"))
    try ImageEncoder().writeGray(
      [1, 0] as [UInt8], size: Size(height: 1, width: 2), to: folder.file("two.png"))
    let out = ["-o", folder.file("x")]
    let cases: [(arguments: [String], code: Int32, says: String)] = [
      (["track", frames] + out, 2, "either --mask FILE or --prompt"),
      (["track", frames, "--mask", mask, "--prompt", "1,1"] + out, 2, "either --mask"),
      (["track", frames, "--prompt", "5;5"] + out, 2, "5;5"),
      (["track", frames, "--mask", folder.file("two.png")] + out, 3, "the mask is 1x2"),
      (["track", frames, "--mask", folder.file("empty.png")] + out, 3, "shows no object"),
      (["track", frames, "--mask", folder.file("small.png")] + out, 3, "stores colours"),
      (["track", frames, "--mask", mask, "--neighbours", "0"] + out, 2, "--neighbours is 0"),
      (["track", frames, "--prompt", "500,1"] + out, 2, "x from 0 to 127"),
      (["track", folder.file("none"), "--mask", mask] + out, 5, "none"),
      (["segment", folder.file("small.png"), "--negative", "1,1"] + out, 2, "needs --prompt"),
      (["segment", folder.file("small.png"), "--prompt", "10,1"] + out, 2, "x from 0 to 9"),
      (["segment", frames, "--prompt", "1,1"] + out, 2, "single one"),
      (["evaluate", "tracking", "--data", folder.file("none")], 5, "no such folder"),
      (["evaluate", "tracking", "--data", frames], 4, "no video was found"),
      (["data", "videos", "-o", path], 2, "not an empty folder"),
    ]

    for mistake in cases {
      let result = try Program.run(mistake.arguments)
      #expect(result.code == mistake.code, "\(mistake.arguments): \(result.errors)")
      #expect(result.errors.contains(mistake.says), "\(mistake.arguments): \(result.errors)")
      #expect(result.errors.hasPrefix("error: ") && result.output.isEmpty)
    }
  }
}
