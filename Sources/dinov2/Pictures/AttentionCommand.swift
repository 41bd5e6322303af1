import ArgumentParser
import DINOData
import DINOInference
import DINOModels
import Imaging

/// `dinov2 attention`: what the class token attends to.
struct AttentionCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "attention",
    abstract: "Draw what the class token attends to, head by head.",
    discussion: """
      Attention to registers and to the class token itself is left out; captions say how much is on \
      patches. Each map has its own scale. --keep 0.6 shows only the patches that hold 60 % of the \
      attention to patches.

      Example: dinov2 attention photo.jpg --model dinov2_vits14 --output attention.png
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @OptionGroup var picture: PictureOptions

  @Option(help: "The block, from 0; the last one if left out.")
  var block: Int?

  @Option(help: "The share of the attention that is shown, 0 to 1; all if left out.")
  var keep: Double?

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  private struct Finding: Encodable {
    struct Layer: Encodable {
      /// `mean`, or the number of the head.
      let layer: String
      /// The share of the attention on patches.
      let patches: Double
      /// The strongest patch, x and y in pixels of the image.
      let strongest: [Double]
      /// The number of patches that are shown.
      let shown: Int
    }
    struct Image: Encodable {
      let path: String
      let grid: [Int]
      let layers: [Layer]
    }
    let files: [String]
    let block: Int
    let images: [Image]
  }

  /// What is drawn for one image.
  private struct Drawing {
    let finding: Finding.Image
    let rows: [ContactSheet.Row]
    let parts: [PictureOptions.Part]
  }

  func validate() throws {
    if let keep, !(keep > 0 && keep <= 1) {
      throw ValidationError("--keep is \(keep); expected more than 0 and at most 1.")
    }
  }

  func run() async throws {
    try picture.check()
    let references = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let viewer = try ImageViewer(try await modelOptions.load(), preprocessing)
    let config = viewer.model.config
    let drawings = try await viewer.forEach(references, label: "attending") { reference in
      let image = try viewer.view(reference)
      let map = try await viewer.model.attention(
        of: image.view, viewer.viewPreprocessing, block: block)
      return try draw(image, map, viewer.geometry(of: image))
    }
    let last = block ?? config.depth - 1
    let sheet = ContactSheet(
      title: "Attention of the class token, block \(last) of \(viewer.model.name)",
      rows: drawings.flatMap(\.rows), cellSize: Size(height: 240, width: 320))
    let finding = Finding(
      files: try picture.write(sheet, parts: drawings.flatMap(\.parts)), block: last,
      images: drawings.map(\.finding))
    if picture.json { return try Console.printJSON(finding) }
    let count = drawings.count
    Console.print(
      "\(picture.destination(finding.files)): \(count) \(count == 1 ? "image" : "images"), "
        + "\(config.numHeads) heads of block \(last)")
  }

  private func draw(
    _ image: ViewedImage, _ map: AttentionMap, _ geometry: PatchGeometry
  ) throws -> Drawing {
    var options = AttentionPicture.Options()
    options.keptShare = keep
    let attention = try AttentionPicture(map, options)
    let heat = try attention.picture(of: .mean, size: image.view.size)
    var parts = [
      PictureOptions.Part(input: image.name, kind: "input", image: image.view),
      PictureOptions.Part(input: image.name, kind: "mean-map", image: heat),
    ]
    var cells: [ContactSheet.Cell] = []
    var layers: [Finding.Layer] = []
    for layer in attention.layers {
      let overlay = try attention.overlay(of: layer, on: image.view)
      let summary = attention.summary(of: layer)
      let (kind, caption, name) =
        switch layer {
        case .mean: ("mean", "mean of \(map.heads) heads", "mean")
        case .head(let head): ("head\(head)", "head \(head)", "\(head)")
        }
      parts.append(.init(input: image.name, kind: kind, image: overlay))
      cells.append(.init(overlay, caption: "\(caption), \(percent(summary.patchShare))"))
      let strongest = geometry.imageCenter(of: summary.strongest)
      layers.append(
        .init(
          layer: name, patches: summary.patchShare,
          strongest: [strongest.column, strongest.row], shown: summary.drawnPatches))
    }
    let first = ContactSheet.Row(cells: [
      .init(image.view, caption: image.shortName),
      .init(heat, caption: keep.map { "mean, strongest \(percent($0))" } ?? "mean, by patch"),
      cells.removeFirst(),
    ])
    let columns = columns(forHeads: map.heads)
    let heads = stride(from: 0, to: cells.count, by: columns).map {
      ContactSheet.Row(cells: Array(cells[$0..<min($0 + columns, cells.count)]))
    }
    return Drawing(
      finding: .init(
        path: image.name, grid: [map.grid.height, map.grid.width], layers: layers),
      rows: [first] + heads, parts: parts)
  }

  /// As many heads side by side as fill whole rows, three at least.
  private func columns(forHeads heads: Int) -> Int {
    let least = max(3, Int(Double(heads).squareRoot().rounded(.up)))
    return (least...least + 3).first { heads.isMultiple(of: $0) } ?? least
  }
}
