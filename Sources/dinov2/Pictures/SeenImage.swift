import DINOData
import DINOInference
import Imaging
import Telemetry

/// An image as the model saw it, with its patches.
struct SeenImage {
  let name: String
  let image: PixelBuffer
  let patches: PatchMap

  /// The preprocessing of pictures: the shorter side becomes 448 pixels and nothing is cropped but what
  /// does not fill a patch, so that proportions stay.
  static let preprocessing = Preprocessing(resize: 448, crop: nil)

  /// Reads images and sees their patches; those that cannot be read are named and left out.
  static func see(
    _ inputs: [String], with model: DINOv2, _ options: PreprocessingOptions, json: Bool
  ) async throws -> [SeenImage] {
    let references = try ImageInputs(inputs.map { RawPath(argument: $0) }).references
    let preprocessing = try options.preprocessing(
      for: model.config, default: SeenImage.preprocessing)
    let progress = ProgressReporter.automatic(
      label: "seeing", total: references.count, unit: .images, json: false)
    var seen: [SeenImage] = []
    var reason = ""
    for reference in references {
      do {
        let image = try reference.decode(options.decoder)
        let features = try await model.features(of: image, preprocessing)
        seen.append(
          SeenImage(
            name: reference.displayName, image: try preprocessing.crop(image),
            patches: features.patches))
      } catch let error as DataError {
        reason = ": \(error)"
        progress.warn("left out \(error)")
      }
      progress.advance()
    }
    progress.stop()
    guard !seen.isEmpty else {
      throw DataError.refused(
        path: inputs.joined(separator: " "),
        problem: "none of \(references.count) images could be used\(reason)")
    }
    return seen
  }

  /// The name without its folders.
  var shortName: String { name.split(separator: "/").last.map(String.init) ?? name }
}
