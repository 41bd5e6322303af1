import ArgumentParser
import DINOInference
import DINOModels
import Telemetry

/// `dinov2 models list`: the released models.
struct ModelsList: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List the released models and where their weights lie.",
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

  func run() async throws {
    let entries = VisionTransformerConfig.released.map { released in
      Entry(
        name: released.name, names: ModelName.spellings(of: released.name),
        width: released.config.embedDim, depth: released.config.depth,
        heads: released.config.numHeads, registers: released.config.numRegisterTokens,
        parameters: released.config.parameterCount,
        weights: ModelName(released.name).flatMap { CachedWeights.path(of: $0) })
    }
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
