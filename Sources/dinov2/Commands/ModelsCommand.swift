import ArgumentParser

/// `dinov2 models`: released models and weight files.
struct ModelsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List, inspect, check, convert and fetch models.",
    subcommands: [
      ModelsList.self, ModelsShow.self, ModelsVerify.self, ModelsConvert.self,
      ModelsPull.self,
    ])
}
