import ArgumentParser

/// How images are decoded and handed to a model.
struct LoadingOptions: ParsableArguments {
  @Option(help: "Images per forward pass.")
  var batch = 16

  @Option(help: "Threads that decode images.")
  var decoders = 2

  func validate() throws {
    guard (1...4096).contains(batch) else {
      throw ValidationError("--batch is \(batch); expected 1 to 4096.")
    }
    guard (1...256).contains(decoders) else {
      throw ValidationError("--decoders is \(decoders); expected 1 to 256.")
    }
  }
}
