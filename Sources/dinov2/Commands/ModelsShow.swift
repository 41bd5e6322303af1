import ArgumentParser
import CheckpointFormats
import DINOInference
import DINOModels
import Foundation
import Telemetry

/// `dinov2 models show`: what a weight file or model folder holds.
struct ModelsShow: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Say what a weight file or model folder holds.",
    discussion: "Example: dinov2 models show dinov2_vits14_pretrain.pth")

  @Argument(help: "A weight file or a model folder.", completion: .file())
  var path: String

  @OptionGroup(title: "Reading") var reading: WeightFileOptions

  @Flag(help: "List every tensor.")
  var tensors = false

  @Flag(help: "Print one JSON object.")
  var json = false

  private struct Content: Encodable {
    struct Entry: Encodable {
      let name: String
      let type: String
      let shape: [Int]
    }
    let path: String
    let format: String
    let keys: String
    let released: String?
    let config: VisionTransformerConfig
    let parameters: Int
    let classifier: [Int]?
    let notes: [String]
    let tensors: [Entry]?
  }

  func run() async throws {
    let (model, file) = try reading.load(path)
    let entries = file.backbone.sorted { $0.key < $1.key }.map {
      Content.Entry(name: $0.key, type: "\($0.value.scalarType)", shape: $0.value.shape)
    }
    let content = Content(
      path: path, format: file.format.rawValue, keys: file.style.rawValue,
      released: model.config.releasedName, config: model.config,
      parameters: model.config.parameterCount,
      classifier: file.classifier["weight"]?.shape, notes: file.notes,
      tensors: tensors ? entries : nil)
    if json { return try Console.printJSON(content) }
    let config = model.config
    Console.print(
      """
      \(path)
        container   \(content.format), keys as \(content.keys)'s
        model       \(content.released ?? "no released one"), \
      \(NumberFormat.grouped(content.parameters)) parameters
        sizes       width \(config.embedDim), \(config.depth) blocks, \(config.numHeads) heads, \
      patch \(config.patchSize), grid \(config.gridSize)×\(config.gridSize), \
      \(config.numRegisterTokens) registers, \(config.ffnLayer.isGated ? "SwiGLU" : "MLP") \
      \(config.ffnHiddenDim)
      """)
    if let classifier = content.classifier {
      Console.print("  classifier  \(classifier[0]) classes on \(classifier[1]) features")
    }
    for note in content.notes { Console.print("  note        \(note)") }
    for entry in tensors ? entries : [] {
      Console.print("  \(entry.name)  \(entry.type) \(entry.shape)")
    }
  }
}
