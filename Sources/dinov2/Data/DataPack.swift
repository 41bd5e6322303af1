import ArgumentParser
import DINOData
import Telemetry

extension DataCommand {
  /// `dinov2 data pack`: tar shards from images.
  struct Pack: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "pack",
      abstract: "Pack images into tar shards (WebDataset), with their classes if they have any.",
      discussion: """
        Files are copied as they are; those that cannot be decoded are left out and listed. The same images \
        give the same bytes.

        Example: dinov2 data pack photos/ -o shards --per-shard 5000
        """)

    @Argument(help: "Folders, lists, patterns or tar shards.")
    var inputs: [String]

    @Option(name: .shortAndLong, help: "A new or empty folder.", completion: .directory)
    var output: String

    @Option(help: "The most images of a shard.")
    var perShard = 10_000

    @Option(help: "The beginning of the shards' names.")
    var prefix = "shard"

    @Option(help: "Threads that read and check images.")
    var threads = 2

    func run() async throws {
      var writer = ShardWriter()
      writer.prefix = prefix
      writer.imagesPerShard = perShard
      writer.threads = threads
      let references = try TrainingImages(inputs).references
      let hasClasses = references.contains { $0.classIndex != nil || $0.className != nil }
      let progress = ProgressReporter.automatic(
        label: "pack", total: references.count, unit: .images, json: false)
      let report =
        hasClasses
        ? try await writer.write(LabelledImages(inputs), to: output) { progress.update(done: $0) }
        : try await writer.write(references, to: output) { progress.update(done: $0) }
      for image in report.bad { progress.warn("left out: \(image.reason)") }
      progress.finish(
        "\(output): \(NumberFormat.grouped(report.imageCount)) images in "
          + "\(report.shards.count) shard\(report.shards.count == 1 ? "" : "s")")
    }
  }
}
