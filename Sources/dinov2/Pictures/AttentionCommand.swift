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
      Registers are left out. --keep 0.6 shows the patches that hold 60 % of the attention.

      Example: dinov2 attention photo.jpg --model dinov2_vits14 --output attention.png
      """)

  @Argument(help: "Images, folders, lists, patterns or tar shards.", completion: .file())
  var inputs: [String]

  @Option(name: .shortAndLong, help: "The picture: .png, .jpg or .webp.", completion: .file())
  var output: String

  @Option(help: "The block, from 0; the last one if left out.")
  var block: Int?

  @Option(help: "The share of the attention that is shown, 0 to 1.")
  var keep = 1.0

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  func validate() throws {
    guard keep > 0, keep <= 1 else {
      throw ValidationError("--keep is \(keep); expected more than 0 and at most 1.")
    }
  }

  func run() async throws {
    _ = try ImageEncoder.Format(path: output)
    let references = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let model = try await modelOptions.load()
    let preparation = try preprocessing.preprocessing(
      for: model.config, default: SeenImage.preprocessing)
    var sheet = ContactSheet(
      title: "Attention of the class token - \(model.name)",
      cellSize: Size(height: 240, width: 320))
    for reference in references {
      let image = try reference.decode(preprocessing.decoder)
      let map = try await model.attention(of: image, preparation, block: block)
      sheet.rows += try rows(reference.displayName, preparation.crop(image), map)
    }
    try ImageEncoder().write(sheet.image(), to: output)
    Console.print("\(output): \(references.count) images, \(model.config.numHeads) heads")
  }

  private func rows(
    _ name: String, _ image: PixelBuffer, _ map: AttentionMap
  ) throws -> [ContactSheet.Row] {
    func drawn(_ weights: [Float], _ caption: String) throws -> ContactSheet.Cell {
      let kept = keep < 1 ? AttentionMap.keeping(keep, of: weights) : weights
      let values = try ValueMap(
        kept, size: Size(height: map.grid.height, width: map.grid.width))
      return .init(
        try image.overlaid(with: values, colorMap: .magma, opacity: 0.75), caption: caption)
    }
    let shortName = name.split(separator: "/").last.map(String.init) ?? name
    var cells = [ContactSheet.Cell(image, caption: shortName)]
    cells.append(try drawn(map.mean, "mean of heads"))
    for head in 0..<map.heads { cells.append(try drawn(map.weights(ofHead: head), "head \(head)")) }
    return stride(from: 0, to: cells.count, by: 4).map {
      ContactSheet.Row(cells: Array(cells[$0..<min($0 + 4, cells.count)]))
    }
  }
}
