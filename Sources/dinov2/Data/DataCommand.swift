import ArgumentParser
import DINOData
import Imaging
import Telemetry

/// `dinov2 data`: data sets.
struct DataCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Make, check and look at data sets.",
    subcommands: [Scenes.self, Videos.self, Check.self, Preview.self, Pack.self])

  /// `dinov2 data scenes`: rendered images with class, mask, depth and boxes.
  struct Scenes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "scenes",
      abstract: "Render labelled images: class, mask, depth and boxes.",
      discussion: """
        The same seed and size give the same bytes everywhere.

        Example: dinov2 data scenes --output scenes --train 500 --val 100 --size 224
        """)

    @Option(name: .shortAndLong, help: "A new or empty folder.", completion: .directory)
    var output: String

    @Option(help: "Images for training.")
    var train = 500

    @Option(help: "Images for validation.")
    var val = 100

    @Option(help: "Side of the images in pixels.")
    var size = 98

    @Option(help: "The seed.")
    var seed: UInt64 = 0

    func run() async throws {
      let scenes = SceneSet(seed: seed, size: Size(height: size, width: size))
      let progress = ProgressReporter.automatic(
        label: "scenes", total: train + val, unit: .images, json: false)
      try await scenes.write(train: train, val: val, to: output) { progress.update(done: $0) }
      progress.finish("\(output): \(train) + \(val) images")
    }
  }
}
