import ArgumentParser
import DINOData
import DINOTraining
import Imaging

extension DataCommand {
  /// `dinov2 data preview`: what a training would see.
  struct Preview: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "preview",
      abstract: "Draw images with their crops and masks, as a training would see them.",
      discussion: """
        Settings are those of pretrain: --preset, --config and KEY=VALUE.

        Example: dinov2 data preview --data photos/ -o views.png --preset small-data
        """)

    @Option(help: "The images, as for pretrain.", completion: .directory)
    var data: String

    @Option(name: .shortAndLong, help: "The picture: .png, .jpg or .webp.", completion: .file())
    var output: String

    @Option(help: "How many images.")
    var count = 6

    @OptionGroup(title: "Settings") var settings: TrainingOptions

    func run() async throws {
      _ = try ImageEncoder.Format(path: output)
      let images = try TrainingImages([data])
      let config = try settings.resolve(images: images) { Console.note($0) }
      let picture = try ViewPreview(config.loaderSettings).image(of: images, count: count)
      try ImageEncoder().write(picture, to: output)
      Console.note("\(output): \(picture.height) × \(picture.width) pixels")
    }
  }
}
