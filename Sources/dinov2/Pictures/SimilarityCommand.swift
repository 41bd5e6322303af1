import ArgumentParser
import DINOData
import DINOInference
import DINOModels
import Imaging
import Telemetry

/// `dinov2 similarity`: what resembles a point.
struct SimilarityCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "similarity",
    abstract: "Draw how similar every patch is to a point of an image.",
    discussion: """
      The point is given in pixels of the first image, x from the left and y from the top; --at may be \
      given several times, then the most similar point counts. Further images are compared with the \
      same points.

      Example: dinov2 similarity photo.jpg other.jpg --at 320,200 --model dinov2_vits14 --output sim.png
      """)

  @Argument(help: "The image with the point.", completion: .file())
  var image: String

  @Argument(help: "Images to compare: files, folders, lists or patterns.", completion: .file())
  var others: [String] = []

  @Option(
    help: ArgumentHelp("A point of the first image, in its pixels.", valueName: "x,y"))
  var at: [Place]

  @OptionGroup var picture: PictureOptions

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  private struct Finding: Encodable {
    struct Image: Encodable {
      let path: String
      let grid: [Int]
      /// The most similar patch, x and y in pixels of the image.
      let best: [Double]
      /// The cosine similarity there.
      let score: Float
      /// The least cosine similarity.
      let lowest: Float
    }
    let files: [String]
    /// The points, x and y in pixels of the first image.
    let points: [[Double]]
    let images: [Image]
  }

  /// An image with its similarities.
  private struct Compared {
    let seen: SeenImage
    let values: [Float]

    var best: Int {
      var best = 0
      for index in values.indices where values[index] > values[best] { best = index }
      return best
    }
  }

  func run() async throws {
    try picture.check()
    let first = try ImageInputs.one(image)
    let references =
      others.isEmpty ? [] : try ImageInputs(others.map { RawPath(argument: $0) }).references
    let viewer = try ImageViewer(try await modelOptions.load(), preprocessing)
    let seen = try await viewer.see(first)
    let points = at.map(\.point)
    let patches = try points.map { try seen.geometry.patch(at: $0) }
    let similarity = try PatchSimilarity(to: patches, of: seen.patches)
    var compared = [Compared(seen: seen, values: try similarity(seen.patches))]
    if !references.isEmpty {
      compared += try await viewer.forEach(references, label: "comparing") {
        let other = try await viewer.see($0)
        return Compared(seen: other, values: try similarity(other.patches))
      }
    }
    let (sheet, parts) = try draw(compared, points, viewer.model.name)
    let files = try picture.write(sheet, parts: parts)
    try report(compared, files)
  }

  private func draw(
    _ compared: [Compared], _ points: [Point], _ model: String
  ) throws -> (ContactSheet, [PictureOptions.Part]) {
    // One scale for all images, so that colours can be compared.
    let lowest = compared.flatMap(\.values).min() ?? 0
    var sheet = ContactSheet(
      title: "Similarity to \(points.count == 1 ? "a point" : "\(points.count) points"), \(model)",
      cellSize: Size(height: 300, width: 400))
    var parts: [PictureOptions.Part] = []
    for (index, one) in compared.enumerated() {
      let (image, geometry) = (one.seen.image, one.seen.geometry)
      let drawn = try PatchSimilarity.Picture(
        of: one.values, on: image.view, geometry, range: min(lowest, 0.999)...1)
      var (input, overlay) = (image.view, drawn.overlay)
      let marks =
        index == 0 ? points.map(geometry.viewPlace) : [geometry.viewCenter(of: one.best)]
      let radius = Double(image.view.size.shorterSide) / 45
      for mark in marks {
        let color = index == 0 ? RGB(230, 40, 60) : RGB(30, 30, 34)
        if index == 0 { input.drawMarker(center: mark, radius: radius, color: color) }
        overlay.drawMarker(center: mark, radius: radius, color: color)
      }
      let (least, most) = (one.values.min() ?? 0, one.values.max() ?? 0)
      sheet.rows.append(
        .init(cells: [
          .init(input, caption: image.shortName),
          .init(
            drawn.map,
            caption: "cosine \(NumberFormat.fixed(Double(least), decimals: 2)) (blue) to "
              + "\(NumberFormat.fixed(Double(most), decimals: 2))"),
          .init(overlay, caption: index == 0 ? "overlay" : "overlay, most similar patch"),
        ]))
      parts += [
        .init(input: image.name, kind: "input", image: input),
        .init(input: image.name, kind: "similarity", image: drawn.map),
        .init(input: image.name, kind: "overlay", image: overlay),
      ]
    }
    return (sheet, parts)
  }

  private func report(_ compared: [Compared], _ files: [String]) throws {
    let images = compared.map { one in
      let place = one.seen.geometry.imageCenter(of: one.best)
      return Finding.Image(
        path: one.seen.image.name,
        grid: [one.seen.patches.grid.height, one.seen.patches.grid.width],
        best: [place.column, place.row], score: one.values[one.best],
        lowest: one.values.min() ?? 0)
    }
    if picture.json {
      return try Console.printJSON(
        Finding(files: files, points: at.map { [$0.x, $0.y] }, images: images))
    }
    Console.print(
      "\(picture.destination(files)): \(images.count) \(images.count == 1 ? "image" : "images")")
    for image in images.dropFirst() {
      Console.print(
        "  \(NumberFormat.fixed(Double(image.score), decimals: 3))  \(image.path)  at "
          + image.best.map { "\(Int($0))" }.joined(separator: ","))
    }
  }
}
