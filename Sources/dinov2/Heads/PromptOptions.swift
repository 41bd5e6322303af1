import ArgumentParser
import DINOData
import DINOInference
import Foundation
import Imaging

/// Clicks on an object of an image, and what becomes of them.
struct PromptOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A click on an object, in pixels of the image: its mask is made instead of a map of classes. May be "
        + "given several times for one object.", valueName: "x,y"))
  var prompt: [Place] = []

  @Option(
    help: ArgumentHelp("A click beside the object, in pixels of the image.", valueName: "x,y"))
  var negative: [Place] = []

  /// Which of the regions around a click is meant.
  enum Preference: String, CaseIterable, ExpressibleByArgument {
    case small, medium, large

    /// The exponent of the area for ``PromptSegmenter/Settings/sizeExponent``.
    var sizeExponent: Double {
      switch self {
      case .small: 0.75
      case .medium: PromptSegmenter.Settings().sizeExponent
      case .large: 0.35
      }
    }
  }

  @Option(help: "Whether a part, a thing or a group around the clicks is meant.")
  var prefer = Preference.medium

  func validate() throws {
    guard negative.isEmpty || !prompt.isEmpty else {
      throw ValidationError("--negative needs --prompt: say where the object is.")
    }
  }

  /// Whether an object was clicked on.
  var isUsed: Bool { !prompt.isEmpty }

  /// The clicks.
  var clicks: Clicks {
    Clicks(positive: prompt.map(\.point), negative: negative.map(\.point))
  }

  /// The settings that the options make.
  ///
  /// - Parameter resize: To about how many pixels the shorter side is resized.
  /// - Returns: The settings.
  func settings(resize: Int?) -> PromptSegmenter.Settings {
    var settings = PromptSegmenter.Settings()
    settings.shorterSide = resize ?? settings.shorterSide
    settings.sizeExponent = prefer.sizeExponent
    return settings
  }

  private struct Finding: Encodable {
    struct Files: Encodable {
      let npy: String
      let mask: String
      let png: String
    }
    let path: String
    let files: Files
    /// Height and width.
    let size: [Int]
    /// Pixels of the object.
    let area: Int
    /// x, y, width and height in pixels.
    let box: [Int]
  }

  /// Makes and writes the mask of the object under the clicks.
  ///
  /// - Parameters:
  ///   - reference: The image.
  ///   - model: The model.
  ///   - resize: To about how many pixels the shorter side is resized.
  ///   - output: Where the results go.
  /// - Throws: What reading, computing and writing throw.
  func run(
    _ reference: ImageReference, _ model: DINOv2, resize: Int?, _ output: MapOutput
  ) async throws {
    let image = try reference.decode(output.decoder)
    let region = try await PromptSegmenter(settings(resize: resize))(image, clicks, by: model)
    try output.prepare()
    let paths = output.paths(for: [reference])[0]
    let maskPath = String(paths.png.dropLast(4)) + "_mask.png"
    try LabelFile.write(region.mask, to: paths.npy)
    try ImageEncoder().writeIndexed(
      region.mask.values.map { UInt8(clamping: $0) }, size: region.mask.size,
      palette: [.black, Self.color], to: maskPath)
    try output.write(picture(of: region, on: image), to: paths)
    let box = region.box ?? Region(top: 0, left: 0, height: 0, width: 0)
    if output.json {
      return try Console.printJSON(
        Finding(
          path: reference.displayName,
          files: .init(npy: paths.npy, mask: maskPath, png: paths.png),
          size: [image.height, image.width], area: region.area,
          box: [box.left, box.top, box.width, box.height]))
    }
    let share = Double(region.area) / Double(image.height * image.width)
    Console.print(
      "\(paths.png): \(region.area) pixels, \(percent(share)) of the image, \(box.width)x\(box.height) at "
        + "x \(box.left), y \(box.top)")
  }

  /// Green on photographs is rarer than blue.
  private static let color = RGB(40, 205, 90)

  /// The image with the object in colour and the clicks: green on it, red beside it.
  private func picture(of region: PromptedRegion, on image: PixelBuffer) throws -> PixelBuffer {
    var picture = try image.overlaid(with: region.mask) { $0 == 0 ? nil : Self.color }
    let radius = max(Double(image.size.shorterSide) / 60, 3)
    for click in clicks.negative {
      picture.drawMarker(center: click, radius: radius, color: RGB(225, 40, 50))
    }
    for click in clicks.positive {
      picture.drawMarker(center: click, radius: radius, color: RGB(20, 110, 40))
    }
    return picture
  }
}
