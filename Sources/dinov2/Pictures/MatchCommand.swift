import ArgumentParser
import DINOInference
import Imaging

/// `dinov2 match`: corresponding patches of two images.
struct MatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "match",
    abstract: "Match the patches of two images and draw the pairs as lines.",
    discussion: """
      Pairs are mutual nearest neighbours by cosine among foreground patches; of pairs that lie close \
      together the most similar one is kept.

      Example: dinov2 match a.jpg b.jpg --model dinov2_vits14 --output match.png
      """)

  @Argument(help: "The first image.", completion: .file())
  var first: String

  @Argument(help: "The second image.", completion: .file())
  var second: String

  @Option(name: .shortAndLong, help: "The picture: .png, .jpg or .webp.", completion: .file())
  var output: String

  @Option(help: "The most pairs.")
  var top = 40

  @Option(help: "The least distance between pairs, in patches.")
  var radius = 2.0

  @Option(help: "The least cosine similarity.")
  var threshold: Float = 0

  @Flag(help: "Match background patches too.")
  var noForeground = false

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  @Flag(
    help: "Print the pairs as JSON, places (x, y) in pixels of the images as the model saw them.")
  var json = false

  private struct Finding: Encodable {
    struct Pair: Encodable {
      let first: [Double]
      let second: [Double]
      let score: Float
    }
    let output: String
    let matches: [Pair]
  }

  func run() async throws {
    _ = try ImageEncoder.Format(path: output)
    guard top > 0 else { throw UsageError("--top is \(top); expected at least 1") }
    let model = try await modelOptions.load()
    let a = try await SeenImage.see([first], with: model, preprocessing, json: json)[0]
    let b = try await SeenImage.see([second], with: model, preprocessing, json: json)[0]
    var options = PatchMatching.Options()
    options.most = top
    options.radius = radius
    options.threshold = threshold
    options.usesForeground = !noForeground
    let matching = try PatchMatching(a.patches, b.patches, options)
    try ImageEncoder().write(
      matching.picture(a.image, a.patches, b.image, b.patches), to: output)
    if json {
      let pairs = matching.matches.map { match in
        let from = PatchMatching.center(of: match.first, in: a.patches, a.image.size)
        let to = PatchMatching.center(of: match.second, in: b.patches, b.image.size)
        return Finding.Pair(
          first: [from.column, from.row], second: [to.column, to.row], score: match.similarity)
      }
      return try Console.printJSON(Finding(output: output, matches: pairs))
    }
    let best = matching.matches.first.map { ", best cosine \($0.similarity)" } ?? ""
    Console.print("\(output): \(matching.matches.count) pairs\(best)")
  }
}
