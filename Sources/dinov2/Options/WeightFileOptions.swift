import ArgumentParser
import CheckpointFormats
import DINOModels

/// How the weight file of a `models` command is read.
struct WeightFileOptions: ParsableArguments {
  /// ``WeightFile/Network`` as an argument.
  enum Network: String, CaseIterable, ExpressibleByArgument {
    case teacher, student
  }

  @Option(help: "Which network of a training checkpoint is meant.")
  var network = Network.teacher

  @Option(help: "Attention heads of a weight file, if not the width / 64.")
  var heads: Int?

  @Flag(help: "Keep objects of unknown classes as inert records instead of refusing the file.")
  var acceptForeignRecords = false

  /// The network.
  var wanted: WeightFile.Network { .init(rawValue: network.rawValue) ?? .teacher }

  /// What is accepted beyond the strict default.
  var options: CheckpointOptions {
    var options = CheckpointOptions()
    options.acceptsForeignRecords = acceptForeignRecords
    return options
  }

  /// Loads what a path leads to.
  func load(_ path: String) throws -> (model: VisionTransformer, file: WeightFile) {
    try ModelFile.load(path, network: wanted, numHeads: heads, options: options)
  }
}
