import ArgumentParser
import DINOInference
import DINOModels
import Telemetry

/// `dinov2 models list`: the released models.
struct ModelsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List the shipped and the released models and where their weights lie.",
    discussion: "Example: dinov2 models list")

  @Flag(help: "Print a JSON array.")
  var json = false

  private struct Entry: Encodable {
    let name: String
    let names: [String]
    let width: Int
    let depth: Int
    let heads: Int
    let registers: Int
    let parameters: Int
    let weights: String?
  }

  private static func entry(
    _ name: String, names: [String], _ config: VisionTransformerConfig, weights: String?
  ) -> Entry {
    Entry(
      name: name, names: names, width: config.embedDim, depth: config.depth,
      heads: config.numHeads, registers: config.numRegisterTokens,
      parameters: config.parameterCount, weights: weights)
  }

  func run() async throws {
    let shipped = try ShippedModel.folder.map { folder in
      Self.entry(
        ShippedModel.name, names: [ShippedModel.name],
        try HuggingFaceConfig.read("\(folder)/config.json").visionTransformer,
        weights: "\(folder)/model.safetensors")
    }
    let released = VisionTransformerConfig.released.map { released in
      Self.entry(
        released.name, names: ModelName.spellings(of: released.name), released.config,
        weights: ModelName(released.name).flatMap { CachedWeights.path(of: $0) })
    }
    let entries = (shipped.map { [$0] } ?? []) + released
    if json { return try Console.printJSON(entries) }
    var table = TextTable([
      .left("model"), .right("parameters"), .right("width"), .right("blocks"),
      .right("registers"), .left("weights"),
    ])
    for entry in entries {
      table.append([
        entry.name, NumberFormat.grouped(entry.parameters), "\(entry.width)", "\(entry.depth)",
        "\(entry.registers)", entry.weights ?? "not here: dinov2 models pull \(entry.name)",
      ])
    }
    Console.print("\(table)")
  }
}
