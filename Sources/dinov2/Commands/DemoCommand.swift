import ArgumentParser
import DINOData
import Foundation
import Imaging
import Telemetry

/// `dinov2 demo`: trains a tiny model, looks at images, and writes a page about it.
struct DemoCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "The two-minute tour: train a tiny model, look at images, read the report.",
    discussion: """
      Renders scenes, trains a tiny model on them without labels, and shows by its nearest neighbours that \
      it learns. Then it draws what a network sees: --model, or the small model that comes along, and \
      what heads on the small model say: classes, distances, boxes. OUTPUT/report.html has it all.

      Example: dinov2 demo --output demo
      Example: dinov2 demo --model dinov2_vits14 --weights dinov2_vits14_pretrain.pth --photos photos/
      """)

  @Option(name: .shortAndLong, help: "The folder for everything that is made.")
  var output = "demo"

  @Option(help: "A folder of photographs; rendered scenes if left out.", completion: .directory)
  var photos: String?

  @Option(
    help:
      "A released model's name, a model folder or a weight file; else the small one that comes along."
  )
  var model: String?

  @Option(help: "The weight file of a named model.", completion: .file())
  var weights: String?

  @Flag(help: "Fewer images, steps and pictures.")
  var quick = false

  func run() async throws {
    ComputeThreads.quiet()
    var report = DemoReport(folder: output, model: model)
    try await learn(&report)
    let images = try await images(&report)
    try await look(at: images, &report)
    try await applyHeads(to: images, &report)
    try report.write()
    Console.print("\nthe report: \(output)/report.html")
  }

  /// Renders scenes and trains on them.
  private func learn(_ report: inout DemoReport) async throws {
    let scenes = "\(output)/scenes"
    let run = "\(output)/run"
    for folder in [scenes, run] { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: output, withIntermediateDirectories: true)
    let counts = quick ? (train: 280, val: 140) : (train: 1_400, val: 420)
    try await show(
      DataCommand.Scenes.self, "data scenes",
      [
        "--output", scenes, "--train", "\(counts.train)", "--val", "\(counts.val)", "--size", "64",
        "--seed", "7",
      ], &report)
    let steps = quick ? 60 : 400
    try await show(
      PretrainCommand.self, "pretrain",
      [
        "--data", "\(scenes)/train/images", "--output", run, "--preset", "tiny", "--steps",
        "\(steps)", "train.batch_size_per_gpu=32",
        "evaluation.knn_train=\(scenes)/by-class/train",
        "evaluation.knn_val=\(scenes)/by-class/val",
        "evaluation.eval_period_iterations=\(steps / 5)",
      ], &report)
    let views = "\(output)/views.png"
    try await show(
      DataCommand.Preview.self, "data preview",
      ["--data", "\(scenes)/train/images", "-o", views, "--preset", "tiny", "--count", "4"],
      &report)
    try report.addTraining(run: run, views: views, steps: steps, images: counts.train)
  }

  /// Draws what a network sees.
  private func look(at images: [String], _ report: inout DemoReport) async throws {
    let network =
      model.map { ["--model", $0] + (weights.map { ["--weights", $0] } ?? []) }
      ?? []
    let side = ["--resize", quick ? "224" : "448"]
    try await show(
      EmbedCommand.self, "embed", images + network + ["-o", "\(output)/features.npy"], &report)
    let pictures = ["pca", "attention", "match"].map { "\(output)/\($0).png" }
    try await show(PCACommand.self, "pca", images + network + side + ["-o", pictures[0]], &report)
    try await show(
      AttentionCommand.self, "attention", [images[0]] + network + side + ["-o", pictures[1]],
      &report)
    try await show(
      MatchCommand.self, "match", Array(images.prefix(2)) + network + side + ["-o", pictures[2]],
      &report)
    try report.addPictures(pca: pictures[0], attention: pictures[1], match: pictures[2])
  }

  /// Measures and applies the heads that come along.
  private func applyHeads(to images: [String], _ report: inout DemoReport) async throws {
    guard let heads = try await DemoHeads() else { return }
    let scenes = "\(output)/unseen-scenes"
    try? FileManager.default.removeItem(atPath: scenes)
    try await show(
      DataCommand.Scenes.self, "data scenes",
      [
        "--output", scenes, "--train", "0", "--val", quick ? "28" : "100", "--size",
        "\(DemoHeads.sceneSide)", "--seed", "\(DemoHeads.sceneSeed)",
      ], &report)
    let measures = try await heads.measures(on: scenes)
    let lines = ["segmentation", "depth", "detection"].map { task in
      "dinov2 evaluate \(task) --data \(scenes)"
        + (task == "depth" ? " --max-depth \(measures.maxDepth)" : "")
    }
    report.commands += lines
    Console.print("\n" + lines.map { "$ \($0)" }.joined(separator: "\n"))
    Console.print(measures.text)
    // The 14 kinds of objects take turns: on tables first, then on fields.
    let unseen = try ImageInputs([RawPath("\(scenes)/val/images")]).references
    let count = quick ? 4 : 6
    let some = (0..<count).map { unseen[14 * $0 / count].name.text }
    let inputs = some + (photos == nil ? [] : images)
    let folders = ["segment", "depth", "detect"].map { "\(output)/\($0)" }
    try await show(SegmentCommand.self, "segment", inputs + ["-o", folders[0]], &report)
    try await show(DepthCommand.self, "depth", inputs + ["-o", folders[1]], &report)
    try await show(DetectCommand.self, "detect", inputs + ["-o", folders[2]], &report)
    try report.addHeads(
      measures, scenes: try await heads.sheet(of: some),
      photos: photos == nil ? nil : try await heads.sheet(of: images))
  }

  /// The images that are looked at: some photographs, or large scenes.
  private func images(_ report: inout DemoReport) async throws -> [String] {
    let count = quick ? 3 : 6
    if let photos {
      let found = try ImageInputs([RawPath(argument: photos)]).references
      // Evenly spread, so that a folder with one folder a subject shows several subjects.
      let step = max(found.count / count, 1)
      return stride(from: 0, to: found.count, by: step).prefix(count).map { found[$0].name.text }
    }
    let folder = "\(output)/large-scenes"
    try? FileManager.default.removeItem(atPath: folder)
    try await show(
      DataCommand.Scenes.self, "data scenes",
      ["--output", folder, "--train", "\(count)", "--val", "0", "--size", "448", "--seed", "7"],
      &report)
    return try ImageInputs([RawPath("\(folder)/train/images")]).references.map(\.name.text)
  }

  /// Prints a command as a user would type it, and runs it.
  private func show<Command: AsyncParsableCommand>(
    _ type: Command.Type, _ name: String, _ arguments: [String], _ report: inout DemoReport
  ) async throws {
    let line = "dinov2 \(name) \(arguments.joined(separator: " "))"
    Console.print("\n$ \(line)")
    report.commands.append(line)
    var command = try type.parse(arguments)
    try await command.run()
  }
}
