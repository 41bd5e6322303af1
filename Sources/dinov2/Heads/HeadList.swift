import ArgumentParser
import DINOInference
import DINOModels
import Telemetry

/// `dinov2 head list`: what heads there are and which model they fit.
struct HeadList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List heads: task, kind, backbone, results.",
    discussion: """
      Folders are looked into, not below; without a folder the heads that come with the program are \
      listed. With --model each line says whether the head fits.

      Example: dinov2 head list heads/ --model dinov2_vits14
      """)

  @Argument(help: "Head folders, or folders that hold some.", completion: .directory)
  var folders: [String] = []

  @OptionGroup(title: "Model") var modelOptions: ModelOptions

  @Flag(help: "Print one JSON object per head.")
  var json = false

  private struct Line: Encodable {
    let path: String
    let task: String
    let type: String
    let backbone: String
    let fits: Bool?
    let classes: Int?
    let data: String?
    let metrics: [String: Double]
  }

  func run() async throws {
    let places = folders.isEmpty ? ShippedModel.folder.map { ["\($0)/heads"] } ?? [] : folders
    let paths = places.flatMap { HeadFolder.list(in: $0) }
    guard !paths.isEmpty else {
      throw UsageError(
        folders.isEmpty
          ? "no heads come with this program; name a folder with heads, or train one with 'dinov2 "
            + "head train'"
          : "no heads in \(folders.joined(separator: " ")): expected head folders (config.json, "
            + "model.safetensors), or folders that hold some")
    }
    let isModelNamed = modelOptions.model != nil || modelOptions.weights != nil
    let model =
      isModelNamed
      ? try await modelOptions.load().headBackbone(blocks: [], normalize: true) : nil
    var lines: [Line] = []
    for path in paths {
      // A folder that is damaged must not hide the others.
      do throws(ModelError) {
        lines.append(Self.line(try HeadFolder.config(of: path), path, model))
      } catch { Console.note("left out \(error)") }
    }
    if json {
      for line in lines { try Console.printJSON(line) }
      return
    }
    var table = TextTable([
      .left("HEAD"), .left("TASK"), .left("KIND"), .left("BACKBONE"), .right("CLASSES"),
      .left("RESULTS"),
    ])
    for line in lines {
      let fit = line.fits.map { $0 ? ", fits" : ", does not fit" } ?? ""
      let results = line.metrics.sorted { $0.key < $1.key }
        .map { "\($0.key) \(NumberFormat.fixed($0.value, decimals: 3))" }
      table.append([
        line.path, line.task, line.type, line.backbone + fit,
        line.classes.map(String.init) ?? "", results.joined(separator: ", "),
      ])
    }
    Console.print("\(table)")
  }

  private static func line(_ config: HeadConfig, _ path: String, _ model: HeadBackbone?) -> Line {
    Line(
      path: path, task: config.task.rawValue, type: config.head.type,
      backbone: config.backbone.name,
      fits: model.map { model in
        do throws(ModelError) {
          try config.backbone.check(model, path: path)
          return true
        } catch { return false }
      },
      classes: config.classes?.count, data: config.training?.data,
      metrics: config.training?.metrics ?? [:])
  }
}
