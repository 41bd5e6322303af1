import CheckpointFormats
import DINOTestSupport
import Foundation
import Imaging
import Testing

/// Heads from outside: training, measuring, applying, refusing.
@Suite("Head commands")
struct HeadCommandTests {
  private let folder: TemporaryFolder
  private var data: String { folder.file("scenes") }

  init() throws {
    folder = try TemporaryFolder()
    let made = try Program.run(
      "data", "scenes", "-o", folder.file("scenes"), "--train", "24", "--val", "6", "--size", "70")
    #expect(made.code == 0, "\(made.errors)")
  }

  private func train(_ task: String, _ more: String..., to head: String = "head") throws
    -> Program.Result
  {
    try Program.run(
      ["head", "train", task, "--data", data, "-o", folder.file(head), "--no-cache"] + more)
  }

  private func json(_ text: String) throws -> JSONValue {
    let last = try #require(text.split(separator: "\n").last)
    return try JSONDecoder().decode(JSONValue.self, from: Data(last.utf8))
  }

  static let commands = [
    ["head"], ["head", "train"], ["head", "train", "classification"],
    ["head", "train", "segmentation"], ["head", "train", "depth"], ["head", "list"], ["segment"],
    ["depth"], ["evaluate", "segmentation"], ["evaluate", "depth"],
  ]

  @Test("every command explains itself with an example", arguments: commands)
  func help(command: [String]) throws {
    let result = try Program.run(command + ["--help"])

    #expect(result.code == 0 && result.output.contains("Example: dinov2 "))
    #expect(result.output.contains("USAGE: dinov2 " + command.joined(separator: " ")))
  }

  @Test(
    "segmentation: trains, measures the same as it says, lists, writes maps of the image's size")
  func segmentation() throws {
    let trained = try train("segmentation", "--steps", "40", "--json")
    let result = try json(trained.output)
    let measured = try Program.run(
      "evaluate", "segmentation", "--head", folder.file("head"), "--data", data, "--json")
    let value = try json(measured.output)
    let row = try Program.run(
      "evaluate", "segmentation", "--head", folder.file("head"), "--data", data, "--bootstrap", "0")
    let list = try Program.run("head", "list", folder.path, "--model", "dinov2_vitt14", "--json")

    #expect(trained.code == 0, "\(trained.errors)")
    #expect(result["held_out_mIoU"]?.number ?? 0 > 0.05)
    #expect(value["mIoU"]?.number == result["val_mIoU"]?.number)
    #expect(value["iou"]?.array?.count == value["classes"]?.integer)
    #expect(value["class_names"]?.array?.count == value["classes"]?.integer)
    #expect(value["aAcc"]?.number ?? 0 > 0.3)
    #expect(value["mIoU_ci95"]?.array?.count == 2 && value["test_images"]?.integer == 6)
    #expect(row.output.hasPrefix("| model | head | mIoU |") && row.output.contains("background"))
    #expect(try json(list.output)["fits"] == .bool(true))
    #expect(!FileManager.default.fileExists(atPath: folder.file("head.training")))

    // Two images of one name and an odd size.
    for name in ["a/photo.png", "b/photo.png"] {
      let path = try folder.write("photos/" + name, [])
      try ImageEncoder().write(
        PixelBuffer(size: Size(height: 37, width: 101), fill: RGB(90, 130, 60)), to: path)
    }
    let maps = try Program.run(
      "segment", folder.file("photos"), "--head", folder.file("head"), "-o", folder.file("maps"))
    #expect(maps.code == 0, "\(maps.errors)")
    for name in ["photo", "photo_2"] {
      let map = try NpyArray.read(folder.file("maps/\(name).npy")).tensor()
      #expect(map.shape == [37, 101] && map.scalarType == .uint8)
      #expect(try ImageDecoder().decode(path: folder.file("maps/\(name).png")).width > 101)
    }
  }

  @Test("a mask head trains, measures the same as it says, and works with windows and flips")
  func masks() throws {
    let trained = try train(
      "segmentation", "--head", "mask", "--channels", "32", "--layers", "1", "--queries", "16",
      "--steps", "60", "--train-batch", "4", "--json")
    let result = try json(trained.output)
    let evaluate = [
      "evaluate", "segmentation", "--head", folder.file("head"), "--data", data, "--json",
    ]
    let measured = try json(Program.run(evaluate).output)
    let windows = try json(
      Program.run(evaluate + ["--window", "56", "--flip"]).output)
    let list = try json(Program.run("head", "list", folder.path, "--json").output)
    let maps = try Program.run(
      "segment", data + "/val/images", "--head", folder.file("head"), "-o", folder.file("maps"))
    let few = try train("segmentation", "--head", "mask", "--queries", "2", to: "few")

    #expect(trained.code == 0, "\(trained.errors)")
    #expect(measured["mIoU"]?.number == result["val_mIoU"]?.number)
    #expect(measured["aAcc"]?.number ?? 0 > 0.3, "\(measured)")
    #expect(windows["aAcc"]?.number ?? 0 > 0.3, "\(windows)")
    #expect(list["type"] == .string("mask") && maps.code == 0, "\(maps.errors)")
    #expect(few.code != 0 && few.errors.contains("a query for each"), "\(few.errors)")
  }

  @Test("--fine-tune keeps the backbone in the head's folder, and the head finds it there")
  func fineTuning() throws {
    let trained = try train(
      "segmentation", "--steps", "12", "--train-batch", "4", "--fine-tune", "--backbone-rate",
      "1e-3", "--json")
    let result = try json(trained.output)
    let measured = try Program.run(
      "evaluate", "segmentation", "--head", folder.file("head"), "--data", data, "--json")
    let other = try Program.run(
      "evaluate", "segmentation", "--head", folder.file("head"), "--data", data, "--model",
      "dinov2_vitt14")
    let embedded = try Program.run(
      "embed", data + "/val/images", "--model", folder.file("head/backbone"), "-o",
      folder.file("features.npy"))

    #expect(trained.code == 0, "\(trained.errors)")
    #expect(try json(measured.output)["mIoU"]?.number == result["val_mIoU"]?.number)
    #expect(other.code == 3 && other.errors.contains("backbone"), "\(other.errors)")
    #expect(embedded.code == 0, "\(embedded.errors)")
    // Weights in single precision lie in the mapped file, which must not be written to.
    let again = try train(
      "segmentation", "--steps", "4", "--fine-tune", "--model", folder.file("head/backbone"),
      to: "again")
    #expect(again.code == 0, "\(again.errors)")
    let metres = try train("depth", "--steps", "8", "--fine-tune", to: "metres")
    #expect(metres.code == 0, "\(metres.errors)")
    let two = try train("segmentation", "--fine-tune", "--rates", "1e-3", "1e-2", to: "two")
    #expect(two.code == 2 && two.errors.contains("--fine-tune"))
  }

  @Test("depth: trains, measures, writes metres")
  func depth() throws {
    let trained = try train("depth", "--steps", "40", "--rates", "1e-3", "3e-3", "--json")
    let result = try json(trained.output)
    let measured = try Program.run(
      "evaluate", "depth", "--head", folder.file("head"), "--data", data, "--json")
    let value = try json(measured.output)
    let maps = try Program.run(
      "depth", folder.file("scenes/val/images/000000.png"), "--head", folder.file("head"), "-o",
      folder.file("maps"), "--json")

    #expect(trained.code == 0, "\(trained.errors)")
    #expect(value["rmse"]?.number == result["val_rmse"]?.number && value["rmse"]?.number ?? 0 > 0)
    for name in ["abs_rel", "a1", "a2", "a3", "log_10", "silog", "rmse_of_train_median"] {
      #expect(value[name]?.number != nil, "\(name)")
    }
    #expect(maps.code == 0, "\(maps.errors)")
    let map = try NpyArray.read(folder.file("maps/000000.npy")).tensor()
    #expect(map.shape == [70, 70] && map.scalarType == .float32)
    #expect(try map.floats().allSatisfy { $0 >= 0.001 && $0 < 100 })
    let wrong = try Program.run(
      "segment", data, "--head", folder.file("head"), "-o", folder.file("x"))
    #expect(wrong.code == 2 && wrong.errors.contains("is a head for depth"))
  }

  @Test("segment, depth and detect work at once: heads come with the program")
  func shippedHeads() throws {
    let image = try folder.write("photo.png", [])
    try ImageEncoder().write(
      PixelBuffer(size: Size(height: 101, width: 150), fill: RGB(90, 130, 60)), to: image)
    let segmented = try Program.run("segment", image, "-o", folder.file("classes"))
    let measured = try Program.run("depth", image, "-o", folder.file("metres"))
    let found = try Program.run("detect", image, "-o", folder.file("boxes"))

    #expect(segmented.code == 0, "\(segmented.errors)")
    #expect(measured.code == 0, "\(measured.errors)")
    #expect(found.code == 0, "\(found.errors)")
    let classes = try NpyArray.read(folder.file("classes/photo.npy")).tensor()
    #expect(classes.shape == [101, 150] && classes.scalarType == .uint8)
    let metres = try NpyArray.read(folder.file("metres/photo.npy")).tensor()
    #expect(metres.shape == [101, 150] && metres.scalarType == .float32)
    #expect(try metres.floats().allSatisfy { $0 > 0 && $0.isFinite })
    let picture = try ImageDecoder().decode(path: folder.file("boxes/photo.png"))
    #expect(picture.width * 101 == picture.height * 150)
    #expect(FileManager.default.fileExists(atPath: folder.file("boxes/detections.json")))
  }

  @Test("the heads that come along are listed, fit the model, and are measured without --head")
  func shippedList() throws {
    let list = try Program.run("head", "list", "--json")
    let lines = try list.output.split(separator: "\n").map { try json(String($0)) }
    let fits = try Program.run("head", "list", "--model", "dinov2_vitt14", "--json")

    #expect(list.code == 0, "\(list.errors)")
    #expect(
      lines.map { $0["task"]?.string } == ["depth", "detection", "segmentation"], "\(list.output)")
    #expect(lines.allSatisfy { $0["backbone"]?.string == "dinov2_vitt14" })
    for line in fits.output.split(separator: "\n") {
      #expect(try json(String(line))["fits"] == .bool(true))
    }
    for (task, metric) in [
      ("segmentation", "mIoU"), ("depth", "rmse"), ("detection", "AP50"),
    ] {
      let measured = try Program.run("evaluate", task, "--data", data, "--json")
      #expect(try json(measured.output)[metric]?.number ?? 0 > 0, "\(measured.errors)")
    }
  }

  @Test("a head in half precision is half as large and measures as it says")
  func halfPrecision() throws {
    let whole = try train("segmentation", "--steps", "20", "--json")
    let half = try train(
      "segmentation", "--steps", "20", "--dtype", "float16", "--json", to: "half")
    let measured = try Program.run(
      "evaluate", "segmentation", "--head", folder.file("half"), "--data", data, "--json")

    #expect(whole.code == 0 && half.code == 0, "\(half.errors)")
    let tensors = try [folder.file("head"), folder.file("half")].map {
      try Checkpoint.read($0 + "/model.safetensors").tensors
    }
    // Counters stay whole numbers.
    #expect(tensors[0].contains { $0.tensor.scalarType == .float32 })
    for (full, short) in zip(tensors[0], tensors[1]) where full.tensor.scalarType == .float32 {
      #expect(short.tensor.scalarType == .float16, "\(short.name)")
    }
    #expect(tensors.map(\.count)[0] == tensors[1].count)
    #expect(try json(measured.output)["mIoU"]?.number == json(half.output)["val_mIoU"]?.number)
  }

  @Test("classification: the head names classes")
  func classification() throws {
    let trained = try Program.run(
      "head", "train", "classification", "--data", data + "/by-class/train", "-o",
      folder.file("head"), "--steps", "30", "--no-cache")
    let answer = try Program.run(
      "classify", data + "/val/images/000001.png", "--head", folder.file("head"), "--json")

    #expect(trained.code == 0, "\(trained.errors)")
    #expect(answer.code == 0, "\(answer.errors)")
    let names = try String(contentsOfFile: data + "/by-class/classes.txt", encoding: .utf8)
      .split(separator: "\n").map(String.init)
    let best = try json(answer.output)["classes"]?.array?.first?["label"]
    #expect(names.contains { .string($0) == best }, "\(answer.output)")
  }

  @Test("classification --fine-tune keeps the backbone; classify agrees with what was measured")
  func fineTunedClassifier() throws {
    let classes = data + "/by-class"
    let trained = try Program.run(
      "head", "train", "classification", "--data", classes + "/train", "--test", classes + "/val",
      "-o", folder.file("head"), "--steps", "30", "--fine-tune", "--epochs", "3", "--held-out",
      "0.25", "--no-cache", "--json")
    let result = try json(trained.output)
    let answers = try Program.run(
      "classify", classes + "/val", "--head", folder.file("head"), "--json")
    let other = try Program.run(
      "classify", classes + "/val", "--head", folder.file("head"), "--model", "dinov2_vitt14")

    #expect(trained.code == 0, "\(trained.errors)")
    #expect(result["held_out_top1"]?.number != nil)
    #expect(result["held_out_top1_frozen"]?.number != nil)
    #expect(FileManager.default.fileExists(atPath: folder.file("head/backbone/config.json")))
    #expect(answers.code == 0, "\(answers.errors)")
    let right = try answers.output.split(separator: "\n").map { line in
      let answer = try json(String(line))
      let path = try #require(answer["path"]?.string)
      let folder = URL(filePath: path).deletingLastPathComponent().lastPathComponent
      return answer["classes"]?.array?.first?["label"]?.string == folder
    }
    #expect(!right.isEmpty)
    let top1 = try #require(result["test_top1"]?.number)
    let share = Double(right.count { $0 }) / Double(right.count)
    #expect(abs(share - top1) < 1e-6, "\(answers.output)")
    #expect(other.code == 3 && other.errors.contains("backbone"), "\(other.errors)")
  }

  @Test("a training that is stopped goes on with the same command; another one does not")
  func stopping() throws {
    let arguments = [
      "head", "train", "segmentation", "--data", data, "-o", folder.file("head"), "--no-cache",
      "--steps", "100000", "--json",
    ]
    let process = Process()
    process.executableURL = URL(fileURLWithPath: Program.path)
    process.arguments = arguments
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = FileHandle.nullDevice
    try process.run()
    // Losses are told once the training has begun.
    var seen = ""
    while !seen.contains(#""event":"losses""#) {
      let part = pipe.fileHandleForReading.availableData
      guard !part.isEmpty else { break }
      seen += String(decoding: part, as: UTF8.self)
    }
    process.terminate()
    _ = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()

    #expect(process.terminationStatus == 75)
    #expect(FileManager.default.fileExists(atPath: folder.file("head.training/state.safetensors")))
    #expect(!FileManager.default.fileExists(atPath: folder.file("head")))
    let other = try Program.run(
      Array(arguments.dropLast(2)) + ["20"])
    #expect(other.code == 2 && other.errors.contains("--overwrite"), "\(other.errors)")
    let anew = try Program.run(Array(arguments.dropLast(2)) + ["20", "--overwrite"])
    #expect(anew.code == 0, "\(anew.errors)")
    let again = try Program.run(Array(arguments.dropLast(2)) + ["20"])
    #expect(again.code == 2 && again.errors.contains("holds a head"))
  }

  struct Damage: CustomTestStringConvertible, Sendable {
    let name: String
    let code: Int32
    let says: String
    let path: String
    let bytes: [UInt8]?
    var testDescription: String { name }
  }

  static let damages = [
    Damage(
      name: "no classes", code: 4, says: "classes.txt", path: "classes.txt", bytes: nil),
    Damage(
      name: "few classes", code: 4, says: "numbers 0 to 1", path: "classes.txt",
      bytes: Array("a\nb\n".utf8)),
    Damage(
      name: "mask missing", code: 4, says: "no mask", path: "train/masks/000003.png", bytes: nil),
    Damage(
      name: "mask damaged", code: 3, says: "000003.png", path: "train/masks/000003.png",
      bytes: [1, 2, 3]),
    Damage(
      name: "image damaged", code: 3, says: "000003.png", path: "train/images/000003.png",
      bytes: [1, 2, 3]),
  ]

  @Test("data sets that do not do end with one line and their code", arguments: damages)
  func badData(damage: Damage) throws {
    let path = data + "/" + damage.path
    try FileManager.default.removeItem(atPath: path)
    if let bytes = damage.bytes { try Data(bytes).write(to: URL(fileURLWithPath: path)) }

    let result = try train("segmentation", "--steps", "5")

    #expect(result.code == damage.code, "\(result.errors)")
    let errors = result.errors.split(separator: "\n").filter { $0.hasPrefix("error: ") }
    #expect(errors.count == 1 && errors[0].contains(damage.says), "\(result.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("head")))
    guard damage.path.hasPrefix("train/") else { return }
    let without = try train("segmentation", "--steps", "5", "--leave-out-bad")
    #expect(without.code == 0, "\(without.errors)")
  }

  @Test("heads that are missing or made for another model are refused, and what fits is shown")
  func badHeads() throws {
    #expect(try train("depth", "--steps", "5", "--rates", "1e-3").code == 0)
    let missing = try Program.run("depth", data, "--head", folder.file("none"), "-o", "x")
    let random = try Program.run(
      "evaluate", "depth", "--head", folder.file("head"), "--data", data, "--model",
      "dinov2_vits14", "--random-weights")
    let split = try Program.run(
      "evaluate", "depth", "--head", folder.file("head"), "--data", data, "--split", "test")

    #expect(missing.code == 5 && missing.errors.contains("none"))
    #expect(random.code == 3 && random.errors.contains("dinov2_vitt14"))
    #expect(split.code == 4 && split.errors.contains("it has by-class, train, val"))
  }
}
