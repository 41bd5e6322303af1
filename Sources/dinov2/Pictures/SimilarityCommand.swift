import ArgumentParser
import DINOInference
import DINOModels
import Imaging

/// `dinov2 similarity`: what resembles a point.
struct SimilarityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "similarity",
    abstract: "Draw how similar every patch is to a point of an image.",
    discussion: """
      The point is given in pixels of the image file; several points may be given. Further images are \
      compared with the same point.

      Example: dinov2 similarity photo.jpg other.jpg --at 320,200 --model dinov2_vits14 --output sim.png
      """)

  /// A place in pixels, `x,y`.
  struct Place: ExpressibleByArgument {
    let x: Double
    let y: Double

    init?(argument: String) {
      let parts = argument.split(separator: ",").compactMap { Double($0) }
      guard parts.count == 2 else { return nil }
      (x, y) = (parts[0], parts[1])
    }
  }

  @Argument(help: "The image with the point, then images to compare.", completion: .file())
  var inputs: [String]

  @Option(
    help: ArgumentHelp("A point of the first image, in its pixels.", valueName: "x,y"))
  var at: [Place]

  @Option(name: .shortAndLong, help: "The picture: .png, .jpg or .webp.", completion: .file())
  var output: String

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  func run() async throws {
    _ = try ImageEncoder.Format(path: output)
    let model = try await modelOptions.load()
    let preparation = try preprocessing.preprocessing(
      for: model.config, default: SeenImage.preprocessing)
    let size = try preprocessing.decoder.probe(path: inputs[0]).size
    let places = try shares(of: size, preparation.plan(for: size))
    let seen = try await SeenImage.see(inputs, with: model, preprocessing, json: false)
    let similarity = try PatchSimilarity(at: places, of: seen[0].patches)
    var sheet = ContactSheet(
      title: "Similarity to a point - \(model.name)", cellSize: Size(height: 320, width: 420))
    for (index, image) in seen.enumerated() {
      let grid = image.patches.grid
      let map = try ValueMap(
        similarity(image.patches), size: Size(height: grid.height, width: grid.width))
      var marked = image.image
      if index == 0 {
        for place in places {
          marked.drawMarker(
            center: Point(
              row: place.row * Double(marked.height), column: place.column * Double(marked.width)),
            radius: 8, color: RGB(230, 40, 60))
        }
      }
      sheet.rows.append(
        .init(cells: [
          .init(marked, caption: image.shortName),
          .init(
            try image.image.overlaid(with: map, colorMap: .turbo, range: -0.2...1),
            caption: "cosine, blue low, red high"),
        ]))
    }
    try ImageEncoder().write(sheet.image(), to: output)
    Console.print("\(output): \(seen.count) images")
  }

  /// The points as shares of what the model sees.
  private func shares(
    of size: Size, _ plan: Preprocessing.Plan
  ) throws -> [(row: Double, column: Double)] {
    try at.map { place in
      guard place.x >= 0, place.y >= 0, place.x < Double(size.width), place.y < Double(size.height)
      else {
        throw UsageError(
          "--at \(place.x),\(place.y) is outside the image, which has \(size.width) × "
            + "\(size.height) pixels (width × height)")
      }
      let row = place.y * Double(plan.resized.height) / Double(size.height)
      let column = place.x * Double(plan.resized.width) / Double(size.width)
      return (
        (row - Double(plan.window.top)) / Double(plan.window.height),
        (column - Double(plan.window.left)) / Double(plan.window.width)
      )
    }
  }
}
