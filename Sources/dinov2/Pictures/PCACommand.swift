import ArgumentParser
import DINOData
import DINOInference
import DINOModels
import Imaging

/// `dinov2 pca`: patches of images as colours.
struct PCACommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "pca",
    abstract: "Draw the principal components of patches, jointly over several images.",
    discussion: """
      The first component of all patches parts foreground from background, three components of the \
      foreground become red, green and blue. One projection serves all images: equal parts get equal \
      colours. The foreground is what differs from the border; --invert takes the other side, \
      --threshold moves the line (--json prints the one that was used).

      Example: dinov2 pca photos/*.jpg --model dinov2_vits14 --output pca.png
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @OptionGroup var picture: PictureOptions

  @Option(help: "Images side by side; chosen by their number if left out.")
  var columns: Int?

  @Flag(help: "Colour every patch.")
  var noForeground = false

  @Flag(help: "Take the other side of the first component as foreground.")
  var invert = false

  @Option(help: "Threshold of the first component; Otsu's if left out.")
  var threshold: Float?

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  private struct Finding: Encodable {
    struct Image: Encodable {
      let path: String
      /// Rows and columns.
      let grid: [Int]
      let foreground: Double
    }
    let files: [String]
    let threshold: Float?
    let foreground: Double
    let explained: [Double]
    let images: [Image]
  }

  func validate() throws {
    if let columns, !(1...64).contains(columns) {
      throw ValidationError("--columns is \(columns); expected 1 to 64.")
    }
    if noForeground, invert || threshold != nil {
      throw ValidationError("--no-foreground cannot be combined with --invert or --threshold.")
    }
    if let threshold, !threshold.isFinite {
      throw ValidationError("--threshold is \(threshold); expected a number.")
    }
  }

  func run() async throws {
    try picture.check()
    let references = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let viewer = try ImageViewer(try await modelOptions.load(), preprocessing)
    let seen = try await viewer.forEach(references, label: "seeing") {
      try await viewer.see($0)
    }
    var options = PatchPCA.Options()
    options.foreground =
      noForeground ? .everything : invert ? .below(threshold) : .above(threshold)
    let pca = try PatchPCA.fit(seen.map(\.patches), options)

    var parts: [PictureOptions.Part] = []
    var cells: [ContactSheet.Cell] = []
    var images: [Finding.Image] = []
    for one in seen {
      let (view, name) = (one.image.view, one.image.name)
      let colors = try pca.colors(of: one.patches)
      let (map, overlay) = (try colors.picture(of: view.size), try colors.overlay(on: view))
      let share = Double(colors.isForeground.count { $0 }) / Double(one.patches.grid.count)
      parts += [
        .init(input: name, kind: "input", image: view),
        .init(input: name, kind: "pca", image: map),
        .init(input: name, kind: "overlay", image: overlay),
      ]
      cells += [
        .init(view, caption: one.image.shortName),
        .init(map, caption: "components 1, 2, 3"),
        .init(overlay, caption: noForeground ? "overlay" : "foreground \(percent(share))"),
      ]
      images.append(
        .init(
          path: name, grid: [one.patches.grid.height, one.patches.grid.width],
          foreground: share))
    }
    let sheet = ContactSheet(
      title: "PCA of patch tokens, \(viewer.model.name)", cells: cells,
      columns: 3 * (columns ?? standardColumns(seen.count)),
      cellSize: Size(height: 300, width: 400))
    let finding = Finding(
      files: try picture.write(sheet, parts: parts), threshold: pca.threshold,
      foreground: pca.foregroundShare, explained: pca.explainedVariance, images: images)
    try report(finding)
  }

  /// One image a row while they are few; then more, so that the sheet does not become a strip.
  private func standardColumns(_ count: Int) -> Int { count <= 4 ? 1 : count <= 16 ? 2 : 3 }

  private func report(_ finding: Finding) throws {
    if picture.json { return try Console.printJSON(finding) }
    let explained = finding.explained.map(percent).joined(separator: ", ")
    let count = finding.images.count
    Console.print(
      "\(picture.destination(finding.files)): \(count) \(count == 1 ? "image" : "images"), "
        + "foreground \(percent(finding.foreground)), components explain \(explained)")
  }
}
