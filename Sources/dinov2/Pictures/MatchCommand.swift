import ArgumentParser
import DINOData
import DINOInference
import Imaging
import Telemetry

/// `dinov2 match`: corresponding patches of two images.
struct MatchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "match",
    abstract: "Match the patches of two images and draw the pairs as lines.",
    discussion: """
      Pairs are mutual nearest neighbours by cosine among the foreground patches of a joint PCA; of \
      pairs that lie close together in either image the most similar one is kept.

      Example: dinov2 match a.jpg b.jpg --model dinov2_vits14 --output match.png
      """)

  @Argument(help: "The first image.", completion: .file())
  var first: String

  @Argument(help: "The second image.", completion: .file())
  var second: String

  @OptionGroup var picture: PictureOptions

  @Option(help: "The most pairs.")
  var top = 40

  @Option(help: "The least distance between pairs, in patches.")
  var radius = 2.0

  @Option(help: "The least cosine similarity, -1 to 1.")
  var threshold: Float = -1

  @Flag(help: "Match background patches too.")
  var noForeground = false

  @Flag(help: "Take the other side of the first component as foreground.")
  var invert = false

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  private struct Finding: Encodable {
    struct Pair: Encodable {
      /// x and y in pixels of the first image.
      let first: [Double]
      /// x and y in pixels of the second image.
      let second: [Double]
      /// The cosine similarity.
      let score: Float
    }
    let files: [String]
    let first: String
    let second: String
    /// Mutual nearest neighbours before those close together were left out.
    let candidates: Int
    let matches: [Pair]
  }

  func validate() throws {
    guard (1...100_000).contains(top) else {
      throw ValidationError("--top is \(top); expected 1 to 100000.")
    }
    guard radius >= 0, radius.isFinite else {
      throw ValidationError("--radius is \(radius); expected 0 or more.")
    }
    guard (-1...1).contains(threshold) else {
      throw ValidationError("--threshold is \(threshold); expected -1 to 1.")
    }
    guard !(noForeground && invert) else {
      throw ValidationError("--no-foreground cannot be combined with --invert.")
    }
  }

  func run() async throws {
    try picture.check()
    let references = (try ImageInputs.one(first), try ImageInputs.one(second))
    let viewer = try ImageViewer(try await modelOptions.load(), preprocessing)
    let (a, b) = (try await viewer.see(references.0), try await viewer.see(references.1))
    var options = PatchMatching.Options()
    options.most = top
    options.radius = radius
    options.threshold = threshold
    options.foreground = noForeground ? .everything : invert ? .below(nil) : .above(nil)
    let matching = try PatchMatching(a.patches, b.patches, options)

    let image = try matching.picture(a.pair, b.pair)
    let scores = matching.matches.map { Double($0.similarity) }
    var caption = "\(a.image.shortName) and \(b.image.shortName): "
    caption += scores.count == 1 ? "1 pair" : "\(scores.count) pairs"
    if let best = scores.first, let worst = scores.last {
      caption += ", cosine \(NumberFormat.fixed(best, decimals: 2)) to "
      caption += NumberFormat.fixed(worst, decimals: 2)
    }
    let sheet = ContactSheet(
      title: "Matched patches, \(viewer.model.name)",
      rows: [.init(cells: [.init(image, caption: caption)])])
    let files = try picture.write(
      sheet, parts: [.init(input: a.image.name, kind: "match", image: image)])
    if picture.json {
      return try Console.printJSON(finding(matching, a, b, files))
    }
    Console.print("\(picture.destination(files)): \(caption)")
  }

  private func finding(
    _ matching: PatchMatching, _ a: SeenImage, _ b: SeenImage, _ files: [String]
  ) -> Finding {
    let pairs = matching.matches.map { match in
      let from = a.geometry.imageCenter(of: match.first)
      let to = b.geometry.imageCenter(of: match.second)
      return Finding.Pair(
        first: [from.column, from.row], second: [to.column, to.row], score: match.similarity)
    }
    return Finding(
      files: files, first: a.image.name, second: b.image.name,
      candidates: matching.candidates, matches: pairs)
  }
}
