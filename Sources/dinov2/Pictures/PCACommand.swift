import ArgumentParser
import DINOInference
import Imaging

/// `dinov2 pca`: patches of images as colours.
struct PCACommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pca",
    abstract: "Draw the principal components of patches, jointly over several images.",
    discussion: """
      The first component of all patches separates foreground from background, three components of the \
      foreground become colours; equal parts of different images get equal colours.

      Example: dinov2 pca photos/*.jpg --model dinov2_vits14 --output pca.png
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @Option(name: .shortAndLong, help: "The picture: .png, .jpg or .webp.", completion: .file())
  var output: String

  @Flag(help: "Colour every patch.")
  var noForeground = false

  @Flag(help: "Take the other side of the first component as foreground.")
  var invert = false

  @Option(help: "Threshold of the first component; Otsu's if left out.")
  var threshold: Float?

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  @Flag(help: "Print what was found as one JSON object.")
  var json = false

  private struct Finding: Encodable {
    let output: String
    let images: [String]
    let threshold: Float?
    let foregroundShare: Double
    let explainedVariance: [Double]
  }

  func run() async throws {
    _ = try ImageEncoder.Format(path: output)
    let model = try await modelOptions.load()
    let seen = try await SeenImage.see(inputs, with: model, preprocessing, json: json)
    let pca = try PatchPCA.fit(seen.map(\.patches), foreground: foreground)
    var sheet = ContactSheet(
      title: "PCA of patch tokens - \(model.name)", cellSize: Size(height: 320, width: 420))
    sheet.enlargesToNearest = true
    for image in seen {
      let colors = try pca.colors(of: image.patches).picture
      sheet.rows.append(
        .init(cells: [
          .init(image.image, caption: image.shortName),
          .init(try colors.resizedToNearest(image.image.size), caption: "components 1-3"),
        ]))
    }
    try ImageEncoder().write(sheet.image(), to: output)
    let finding = Finding(
      output: output, images: seen.map(\.name), threshold: pca.threshold,
      foregroundShare: pca.foregroundShare, explainedVariance: pca.explainedVariance)
    if json { return try Console.printJSON(finding) }
    let variance = pca.explainedVariance.map { "\(Int(($0 * 100).rounded())) %" }
    Console.print(
      "\(output): \(seen.count) images, foreground \(Int((pca.foregroundShare * 100).rounded())) %, "
        + "components explain \(variance.joined(separator: ", "))")
  }

  private var foreground: PatchPCA.Foreground {
    noForeground ? .everything : invert ? .below(threshold) : .above(threshold)
  }
}
