import DINOTestSupport
import Foundation
import Imaging
import Testing

/// Detection from outside: training, measuring, finding, refusing.
@Suite("Detection commands")
struct DetectionCommandTests {
  private let folder: TemporaryFolder
  private var data: String { folder.file("scenes") }
  private var head: String { folder.file("head") }

  init() throws {
    folder = try TemporaryFolder()
    let made = try Program.run(
      "data", "scenes", "-o", folder.file("scenes"), "--train", "28", "--val", "8", "--size", "84")
    #expect(made.code == 0, "\(made.errors)")
  }

  private func train(_ more: String...) throws -> Program.Result {
    try Program.run(
      ["head", "train", "detection", "--data", data, "-o", head, "--no-cache", "--channels", "32"]
        + more)
  }

  private func json(_ text: String) throws -> JSONValue {
    let last = try #require(text.split(separator: "\n").last)
    return try JSONDecoder().decode(JSONValue.self, from: Data(last.utf8))
  }

  private func file(_ name: String) throws -> JSONValue {
    try JSONDecoder().decode(
      JSONValue.self, from: Data(contentsOf: URL(fileURLWithPath: folder.file(name))))
  }

  @Test(
    "every command explains itself with an example",
    arguments: [["head", "train", "detection"], ["detect"], ["evaluate", "detection"]])
  func help(command: [String]) throws {
    let result = try Program.run(command + ["--help"])

    #expect(result.code == 0 && result.output.contains("Example: dinov2 "))
    #expect(result.output.contains("USAGE: dinov2 " + command.joined(separator: " ")))
  }

  @Test("--fine-tune keeps the backbone with the head, which is measured with it")
  func fineTuning() throws {
    let trained = try train("--steps", "6", "--train-batch", "4", "--fine-tune", "--json")
    let measured = try Program.run(
      "evaluate", "detection", "--head", head, "--data", data, "--json")

    #expect(trained.code == 0, "\(trained.errors)")
    #expect(measured.code == 0, "\(measured.errors)")
    #expect(try json(measured.output)["mAP"]?.number == json(trained.output)["val_mAP"]?.number)
  }

  @Test("trains, measures the same as it says and as its boxes say, finds what it has learned")
  func whole() throws {
    let trained = try train("--steps", "150", "--json")
    #expect(trained.code == 0, "\(trained.errors)")
    let result = try json(trained.output)
    let measured = try Program.run(
      "evaluate", "detection", "--head", head, "--data", data, "--json", "--detections",
      folder.file("boxes.json"))
    let value = try json(measured.output)
    let again = try json(
      Program.run(
        "evaluate", "detection", "--data", data, "--results", folder.file("boxes.json"), "--json"
      ).output)
    let row = try Program.run("evaluate", "detection", "--head", head, "--data", data)

    #expect(value["mAP"]?.number == result["val_mAP"]?.number && value["mAP"]?.number ?? 0 > 0.01)
    for name in [
      "mAP", "AP50", "AP75", "AR1", "AR10", "AR100", "AP_small", "AP_per_class", "mAP_ci95",
    ] {
      #expect(value[name] != nil && value[name] == again[name], "\(name)")
    }
    #expect(value["test_images"]?.integer == 8 && value["class_names"]?.array?.count == 14)
    #expect(row.output.hasPrefix("| model | head | mAP |") && row.output.contains("windmill"))
    #expect(!row.output.contains("nan"))

    // Learned images: most objects are found. Names that repeat and a size of its own.
    let odd = try folder.write("photos/000000.png", [])
    try ImageEncoder().write(
      PixelBuffer(size: Size(height: 37, width: 101), fill: RGB(9, 130, 60)), to: odd)
    let found = try Program.run(
      "detect", data + "/train/images", folder.file("photos"), "--head", head, "-o",
      folder.file("found"), "--json")
    #expect(found.code == 0, "\(found.errors)")
    let answers = try found.output.split(separator: "\n").map { try json(String($0)) }
    #expect(answers.count == 29 && answers.contains { $0["objects"]?.array?.isEmpty == false })
    #expect(answers.last?["size"] == .array([.integer(37), .integer(101)]))
    for name in ["000000", "000000_2", "000027"] {
      #expect(
        try ImageDecoder().decode(path: folder.file("found/\(name).png")).size.shorterSide > 300)
    }
    let boxes = try #require(try file("found/detections.json").array)
    let images = try file("found/images.json")
    #expect(images["images"]?.array?.count == 29 && images["categories"]?.array?.count == 14)
    #expect(boxes.count == answers.reduce(0) { $0 + ($1["objects"]?.array?.count ?? 0) })
    for box in boxes {
      let edges = try #require(box["bbox"]?.array).compactMap(\.number)
      #expect(edges.count == 4 && edges[0] >= 0 && edges[1] >= 0 && edges[2] > 0 && edges[3] > 0)
      #expect(edges[0] + edges[2] <= 101.01 && edges[1] + edges[3] <= 84.01)
      #expect((0.3...1).contains(box["score"]?.number ?? 0))
    }
  }

  @Test("a training that is stopped goes on with the same command and ends with the same bits")
  func stopping() throws {
    let whole = try Program.run(
      "head", "train", "detection", "--data", data, "-o", folder.file("whole"), "--no-cache",
      "--channels", "32", "--steps", "60", "--threads", "1")
    #expect(whole.code == 0, "\(whole.errors)")
    let arguments = [
      "head", "train", "detection", "--data", data, "-o", head, "--no-cache", "--channels", "32",
      "--steps", "60", "--threads", "1", "--json",
    ]
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Program.path)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    var seen = ""
    while !seen.contains(#""event":"losses""#) {
      let part = pipe.fileHandleForReading.availableData
      guard !part.isEmpty else { break }
      seen += String(decoding: part, as: UTF8.self)
    }
    process.terminate()
    _ = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    // It may have been done already when the signal came.
    if process.terminationStatus != 0 {
      #expect(process.terminationStatus == 75)
      let rest = try Program.run(arguments)
      #expect(rest.code == 0, "\(rest.errors)")
    }

    let (a, b) = (folder.file("whole/model.safetensors"), folder.file("head/model.safetensors"))
    #expect(FileManager.default.contents(atPath: a) == FileManager.default.contents(atPath: b))
  }

  @Test("random views, several rates and another part of the pyramid train too")
  func options() throws {
    let trained = try train(
      "--steps", "12", "--augment", "--rates", "1e-3", "1e-4", "--finest", "1", "--coarsest", "0",
      "--blocks", "1", "--resize", "70", "--val-split", "none", "--json")

    #expect(trained.code == 0, "\(trained.errors)")
    let config = try file("head/config.json")
    #expect(config["backbone"]?["blocks"] == .array([.integer(5)]))
    #expect(config["head"]?["sizes"]?["finest"] == .integer(1))
    #expect(config["preprocessing"]?["resize"] == .integer(70))
  }

  @Test("bad input: one line, the right code")
  func refusals() throws {
    let cases: [(arguments: [String], code: Int32, part: String)] = [
      (["head", "train", "detection", "--data", folder.file("no"), "-o", head], 4, "is no folder"),
      (
        ["head", "train", "detection", "--data", data, "-o", head, "--split", "test"], 4,
        "has no part test"
      ),
      (
        ["head", "train", "detection", "--data", data, "-o", head, "--channels", "1"], 2,
        "--channels"
      ),
      (["head", "train", "detection", "--data", data, "-o", head, "--finest", "3"], 2, "--finest"),
      (["detect", data, "-o", folder.file("x"), "--head", folder.file("no")], 5, "config.json"),
      (["detect", data, "-o", folder.file("x"), "--score", "2"], 2, "--score"),
      (
        ["evaluate", "detection", "--data", data, "--results", folder.file("no.json")], 5, "no.json"
      ),
      (["evaluate", "detection", "--data", data, "--results", "a", "--head", "b"], 2, "--results"),
    ]
    for (arguments, code, part) in cases {
      let result = try Program.run(arguments)
      #expect(result.code == code, "\(arguments): \(result.errors)")
      #expect(result.errors.contains(part), "\(result.errors)")
    }
    // One box without a category: refused with the first problem, or left out.
    let path = folder.file("scenes/train.json")
    var text = try String(contentsOfFile: path, encoding: .utf8)
    text.replace("\"category_id\":1,", with: "\"category_id\":77,", maxReplacements: 1)
    try text.write(toFile: path, atomically: true, encoding: .utf8)
    let refused = try train("--steps", "2")
    let taken = try train("--steps", "2", "--leave-out-bad", "--val-split", "none")

    #expect(refused.code == 4 && refused.errors.contains("there is no category 77"))
    #expect(refused.errors.split(separator: "\n").count { $0.hasPrefix("error: ") } == 1)
    #expect(taken.code == 0, "\(taken.errors)")

    let empty =
      "{\"images\": [], \"annotations\": [], \"categories\": [{\"id\": 1, \"name\": \"a\"}]}"
    try empty.write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try train("--overwrite").code == 4)
    try "{\"images\":".write(toFile: path, atomically: true, encoding: .utf8)
    #expect(try train("--overwrite").code == 3)
  }
}
