import ArgumentParser
import DINOData
import Imaging
import Telemetry

extension DataCommand {
  /// `dinov2 data videos`: rendered films with the mask of every frame.
  struct Videos: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "videos",
      abstract: "Render films with the mask of every frame, to measure tracking.",
      discussion: """
        Written are OUTPUT/<video>/images/<frame>.png and OUTPUT/<video>/masks/<frame>.png, index \
        images in which every object keeps its number. Objects sway, come nearer, go away and pass \
        before each other. The same seed and size give the same films everywhere.

        Example: dinov2 data videos --output films --videos 20 --frames 30 --size 240
        """)

    @Option(name: .shortAndLong, help: "A new or empty folder.", completion: .directory)
    var output: String

    @Option(help: "The number of films.")
    var videos = 20

    @Option(help: "Frames of each film.")
    var frames = 30

    @Option(help: "Rows of a frame; frames are 16:9.")
    var size = 240

    @Option(help: "The seed.")
    var seed: UInt64 = 0

    func validate() throws {
      guard (16...4096).contains(size) else {
        throw ValidationError("--size is \(size); expected 16 to 4096.")
      }
      guard (1...100_000).contains(videos), (1...100_000).contains(frames) else {
        throw ValidationError("--videos and --frames must be 1 to 100000.")
      }
    }

    func run() async throws {
      let films = SceneVideoSet(seed: seed, size: Size(height: size, width: size * 16 / 9))
      let progress = ProgressReporter.automatic(
        label: "films", total: videos * frames, unit: .frames, json: false)
      defer { progress.stop() }
      try await films.write(videos: videos, frames: frames, to: output) {
        progress.update(done: $0)
      }
      progress.finish("\(output): \(videos) films of \(frames) frames")
    }
  }
}
