import CheckpointFormats
import DINOTestSupport
import Foundation
import Imaging
import Testing

/// The program from outside: help, errors, exit codes, files.
@Suite("Command line")
struct CommandLineTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
  }

  static let commands = [
    ["embed"], ["classify"], ["pca"], ["attention"], ["match"], ["similarity"], ["models"],
    ["models", "list"], ["models", "show"], ["models", "verify"], ["models", "convert"],
    ["models", "pull"], ["data", "scenes"], ["evaluate"], ["evaluate", "knn"],
    ["evaluate", "linear"], ["evaluate", "logreg"], ["demo"], ["bench"], ["doctor"],
  ]

  @Test("every command explains itself with an example", arguments: commands)
  func help(command: [String]) throws {
    let result = try Program.run(command + ["--help"])

    #expect(result.code == 0)
    #expect(result.output.contains("USAGE: dinov2 " + command.joined(separator: " ")))
    #expect(command == ["models"] || result.output.contains("Example: dinov2 "))
  }

  struct Mistake: CustomTestStringConvertible, Sendable {
    let arguments: [String]
    let code: Int32
    let says: String
    var testDescription: String { arguments.joined(separator: " ") }
  }

  static let allMistakes = [
    Mistake(arguments: ["embed"], code: 2, says: "Missing expected argument"),
    Mistake(arguments: ["embde"], code: 2, says: "embde"),
    Mistake(arguments: ["embed", "/no/such", "-o", "x.npy"], code: 5, says: "/no/such"),
    Mistake(
      arguments: ["bench", "--model", "dinov2_vits15", "--random-weights"], code: 2,
      says: "did you mean dinov2_vits14?"),
    Mistake(
      arguments: ["bench", "--model", "dinov2_vits14", "--random-weights", "--size", "225"],
      code: 2, says: "multiples of the patch side 14: take 224x224"),
    Mistake(
      arguments: ["bench", "--random-weights", "--batch", "0"], code: 2,
      says: "--batch is 0"),
    Mistake(arguments: ["models", "show", "/no/such.pth"], code: 5, says: "/no/such.pth"),
    Mistake(arguments: ["bench", "--device", "gpu"], code: 2, says: "expected auto, cpu"),
  ]

  @Test("a mistake gives one clear line and its exit code", arguments: allMistakes)
  func mistakes(mistake: Mistake) throws {
    let result = try Program.run(mistake.arguments)

    #expect(result.code == mistake.code)
    #expect(result.errors.contains(mistake.says), "\(result.errors)")
    #expect(result.errors.hasPrefix("error: ") && result.output.isEmpty)
  }

  @Test("embeds a folder from any working folder, and refuses one without images")
  func embed() throws {
    let model = try writeModel()
    for index in 0..<3 {
      try ImageEncoder().write(
        PixelBuffer(size: Size(height: 70, width: 50), fill: RGB(UInt8(80 * index), 9, 99)),
        to: folder.file("\(index).png"))
    }
    try folder.write("empty/readme.txt", Array("nothing".utf8))

    let done = try Program.run(
      "embed", folder.path, "--model", model, "--heads", "3", "-o", folder.file("x.npy"))
    let none = try Program.run(
      "embed", folder.file("empty"), "--model", model, "--heads", "3", "-o", folder.file("y.npy"))

    #expect(done.code == 0, "\(done.errors)")
    #expect(try NpyArray.read(folder.file("x.npy")).shape == [3, 48])
    #expect(none.code == 4 && !FileManager.default.fileExists(atPath: folder.file("y.npy")))
  }

  @Test("measures with the shipped model, and refuses classes that it was not shown")
  func evaluate() throws {
    for (index, name) in ["red", "blue"].enumerated() {
      let color = RGB(index == 0 ? 220 : 10, 30, index == 0 ? 10 : 220)
      for part in ["train", "test"] {
        try folder.write("\(part)/\(name)/readme.txt", [])
        try ImageEncoder().write(
          PixelBuffer(size: Size(height: 100, width: 110), fill: color),
          to: folder.file("\(part)/\(name)/0.png"))
      }
    }
    try folder.write("other/green/readme.txt", [])
    try ImageEncoder().write(
      PixelBuffer(size: Size(height: 100, width: 110), fill: RGB(10, 220, 10)),
      to: folder.file("other/green/0.png"))
    let command = ["evaluate", "knn", "--train", folder.file("train"), "--k", "1", "--no-cache"]

    let done = try Program.run(command + ["--test", folder.file("test"), "--json"])
    let unknown = try Program.run(command + ["--test", folder.file("other")])

    #expect(done.code == 0, "\(done.errors)")
    #expect(done.output.contains(#""top1":1"#) && done.output.contains("dinov2_vitt14"))
    #expect(unknown.code == 4 && unknown.errors.contains("green"))
  }

  @Test("a folder of broken images ends with 3 and leaves nothing behind")
  func brokenImages() throws {
    let model = try writeModel()
    try folder.write("bad/a.jpg", [0xFF, 0xD8, 0xFF, 0xE0, 1, 2, 3])
    try folder.write("bad/b.png", [])

    let result = try Program.run(
      "embed", folder.file("bad"), "--model", model, "--heads", "3", "-o", folder.file("x.npy"))

    #expect(result.code == 3)
    #expect(result.errors.contains("a.jpg") && result.errors.contains("b.png"))
    #expect(!FileManager.default.fileExists(atPath: folder.file("x.npy")))
  }

  @Test("damaged weights are refused with 3")
  func damagedWeights() throws {
    let path = try writeModel()
    let bytes = try Data(contentsOf: URL(fileURLWithPath: path))
    let cut = try folder.write("cut.safetensors", Array(bytes.dropLast(1000)))

    let result = try Program.run("models", "show", cut)

    #expect(result.code == 3)
    #expect(result.errors.hasPrefix("error: refused ") && result.errors.contains("cut.safetensors"))
    #expect(result.errors.split(separator: "\n").count == 1)
  }

  @Test("bench and doctor print one JSON value")
  func json() throws {
    let model = try writeModel()
    let bench = try Program.run(
      "bench", "--model", model, "--heads", "3", "--size", "28", "--runs", "3", "--json")
    let doctor = try Program.run("doctor", "--json")

    let value = try JSONDecoder().decode(JSONValue.self, from: Data(bench.output.utf8))
    #expect(value["batch"]?.integer == 1 && (value["median_ms"]?.number ?? 0) > 0)
    let keys = "model size precision device threads runs p90_ms images_per_s peak_rss_mb"
    for key in keys.split(separator: " ") { #expect(value[String(key)] != nil, "\(key)") }
    #expect(
      try JSONDecoder().decode(JSONValue.self, from: Data(doctor.output.utf8)).array?.isEmpty
        == false)
  }

  @Test("pretrain computes in bfloat16 only where the processor can")
  func precision() throws {
    for name in ["a.png", "b.png"] {
      try ImageEncoder().write(
        PixelBuffer(size: Size(height: 64, width: 64), fill: RGB(90, 130, 60)),
        to: folder.write("photos/" + name, []))
    }
    let plan = try Program.run(
      "pretrain", "--data", folder.file("photos"), "--output", folder.file("run"), "--dry-run",
      "train.precision=bf16")

    #expect(plan.code == 0, "\(plan.errors)")
    let all = plan.output + plan.errors
    let isPlanned = all.split(separator: "\n").contains { line in
      line.hasPrefix("train.precision ") && line.contains("bf16") && !line.contains(" is fp32 ")
    }
    #expect(isPlanned != all.contains("no instructions for bfloat16"), "\(all)")
  }

  /// The weights of a tiny model of width 48 with 3 heads.
  private func writeModel() throws -> String {
    let (d, depth, grid) = (48, 1, 4)
    var shapes: [String: [Int]] = [
      "cls_token": [1, 1, d], "mask_token": [1, d], "pos_embed": [1, 1 + grid * grid, d],
      "patch_embed.proj.weight": [d, 3, 14, 14], "patch_embed.proj.bias": [d],
      "norm.weight": [d], "norm.bias": [d],
    ]
    for block in 0..<depth {
      let prefix = "blocks.\(block)."
      for (name, shape) in [
        ("norm1.weight", [d]), ("norm1.bias", [d]), ("norm2.weight", [d]), ("norm2.bias", [d]),
        ("attn.qkv.weight", [3 * d, d]), ("attn.qkv.bias", [3 * d]),
        ("attn.proj.weight", [d, d]), ("attn.proj.bias", [d]), ("ls1.gamma", [d]),
        ("ls2.gamma", [d]), ("mlp.fc1.weight", [4 * d, d]), ("mlp.fc1.bias", [4 * d]),
        ("mlp.fc2.weight", [d, 4 * d]), ("mlp.fc2.bias", [d]),
      ] { shapes[prefix + name] = shape }
    }
    let tensors = try shapes.map { name, shape in
      let count = shape.reduce(1, *)
      let values = (0..<count).map { Float(($0 * 31 + name.utf8.count * 17) % 41) / 200 - 0.1 }
      return (name: name, tensor: try StoredTensor(floats: values, shape: shape))
    }
    let path = folder.file("tiny.safetensors")
    try Safetensors.write(tensors, to: path)
    return path
  }
}
