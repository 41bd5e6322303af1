import ArgumentParser
import DINOData
import Foundation
import Imaging

/// `dinov2 demo`: makes or takes images, then runs the commands that it shows.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "The two-minute tour: features, PCA, attention and matching of a few images.",
    discussion: """
      Without --model the network has random weights: the pictures then show what the positions and \
      the colours of the patches do, not what DINOv2 sees. Without --photos it renders scenes.

      Example: dinov2 demo --output demo
      Example: dinov2 demo --model dinov2_vits14 --weights dinov2_vits14_pretrain.pth --photos photos/
      """)

  @Option(name: .shortAndLong, help: "The folder for everything that is made.")
  var output = "demo"

  @Option(help: "A folder of photographs; rendered scenes if left out.", completion: .directory)
  var photos: String?

  @Option(help: "A released model's name, a model folder or a weight file.")
  var model: String?

  @Option(help: "The weight file of a named model.", completion: .file())
  var weights: String?

  @Flag(help: "Fewer and smaller pictures.")
  var quick = false

  func run() async throws {
    let images = try await images()
    let network =
      model.map { ["--model", $0] + (weights.map { ["--weights", $0] } ?? []) }
      ?? ["--model", "dinov2_vits14", "--random-weights"]
    if model == nil {
      Console.note(
        "No --model: a ViT-S with random weights. The pictures show that everything works, not what "
          + "a trained model sees.")
    }
    let side = ["--resize", quick ? "224" : "448"]
    let features = "\(output)/features.npy"
    try await show(EmbedCommand.self, "embed", images + network + ["-o", features])
    let pictures = ["pca", "attention", "match"].map { "\(output)/\($0).png" }
    try await show(PCACommand.self, "pca", images + network + side + ["-o", pictures[0]])
    try await show(
      AttentionCommand.self, "attention", [images[0]] + network + side + ["-o", pictures[1]])
    try await show(
      MatchCommand.self, "match", Array(images.prefix(2)) + network + side + ["-o", pictures[2]])
    Console.print("")
    Console.print("features   \(features) (names beside it)")
    for (name, path) in zip(["PCA", "attention", "matching"], pictures) {
      Console.print("\(name.padding(toLength: 11, withPad: " ", startingAt: 0))\(path)")
    }
  }

  /// The images of the tour: some photographs, or scenes that are rendered.
  private func images() async throws -> [String] {
    let count = quick ? 3 : 6
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    if let photos {
      let found = try ImageInputs([RawPath(argument: photos)]).references
      // Evenly spread, so that a folder with one folder a subject shows several subjects.
      let step = max(found.count / count, 1)
      return stride(from: 0, to: found.count, by: step).prefix(count).map { found[$0].name.text }
    }
    let folder = "\(output)/scenes"
    try? FileManager.default.removeItem(atPath: folder)
    try await show(
      DataCommand.Scenes.self, "data scenes",
      ["--output", folder, "--train", "\(count)", "--val", "0", "--size", "448", "--seed", "7"])
    return try ImageInputs([RawPath("\(folder)/train/images")]).references.map(\.name.text)
  }

  /// Prints a command as a user would type it, and runs it.
  private func show<Command: AsyncParsableCommand>(
    _ type: Command.Type, _ name: String, _ arguments: [String]
  ) async throws {
    Console.print("\n$ dinov2 \(name) \(arguments.joined(separator: " "))")
    var command = try type.parse(arguments)
    try await command.run()
  }
}
