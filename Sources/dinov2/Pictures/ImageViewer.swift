import DINOData
import DINOInference
import DINOModels
import Imaging
import Telemetry

/// An image as a model sees it.
struct ViewedImage {
  /// The path, printable.
  let name: String
  /// The size of the image itself.
  let size: Size
  /// The resized and cut image.
  let view: PixelBuffer

  /// The name without its folders.
  var shortName: String { name.split(separator: "/").last.map(String.init) ?? name }
}

/// Patches of an image, and where they lie.
struct SeenImage {
  let image: ViewedImage
  let patches: PatchMap
  let geometry: PatchGeometry

  /// The picture and the places for drawing.
  var pair: PatchMatching.View { .init(image: image.view, geometry: geometry) }
}

/// Reads images for the commands that draw what a model sees.
struct ImageViewer {
  /// The preprocessing of pictures: the shorter side becomes 448 pixels and nothing is cut off but what
  /// does not fill a patch, so that proportions stay.
  static let standard = Preprocessing(resize: 448, crop: nil)

  let model: DINOv2
  let preprocessing: Preprocessing
  private let decoder: ImageDecoder

  /// Prepares to read.
  init(_ model: DINOv2, _ options: PreprocessingOptions) throws {
    self.model = model
    preprocessing = try options.preprocessing(for: model, default: ImageViewer.standard)
    decoder = options.decoder
  }

  /// The preprocessing of a view, which has its size already.
  var viewPreprocessing: Preprocessing {
    var result = preprocessing
    result.resize = nil
    result.crop = nil
    return result
  }

  /// Reads one image.
  func view(_ reference: ImageReference) throws -> ViewedImage {
    let image = try reference.decode(decoder)
    do throws(ImageError) {
      return ViewedImage(
        name: reference.displayName, size: image.size, view: try preprocessing.crop(image))
    } catch { throw DataError(error, path: reference.displayName) }
  }

  /// Where the patches of an image lie.
  func geometry(of image: ViewedImage) throws -> PatchGeometry {
    let grid = PatchGrid(
      height: image.view.height / model.config.patchSize,
      width: image.view.width / model.config.patchSize)
    return try PatchGeometry(imageSize: image.size, preprocessing, grid: grid)
  }

  /// Sees the patches of one image.
  func see(_ reference: ImageReference) async throws -> SeenImage {
    let image = try view(reference)
    let features = try await model.features(of: image.view, viewPreprocessing)
    return SeenImage(
      image: image, patches: features.patches, geometry: try geometry(of: image))
  }

  /// Works through images; those that cannot be read are named and left out.
  ///
  /// - Parameters:
  ///   - references: The images.
  ///   - label: What is done, for the progress.
  ///   - body: What is done with each.
  /// - Returns: The results in order, at least one.
  /// - Throws: What `body` throws; ``DataError`` only if no image is left.
  func forEach<Result>(
    _ references: [ImageReference], label: String,
    _ body: (ImageReference) async throws -> Result
  ) async throws -> [Result] {
    try await references.forEachUsable(label: label, body)
  }
}

extension [ImageReference] {
  /// Works through images; those that cannot be read are named and left out.
  ///
  /// - Parameters:
  ///   - label: What is done, for the progress.
  ///   - body: What is done with each.
  /// - Returns: The results in order, at least one.
  /// - Throws: What `body` throws; ``DataError`` only if no image is left.
  func forEachUsable<Result>(
    label: String, _ body: (ImageReference) async throws -> Result
  ) async throws -> [Result] {
    let references = self
    let progress = ProgressReporter.automatic(
      label: label, total: references.count, unit: .images, json: false)
    defer { progress.stop() }
    var results: [Result] = []
    for reference in references {
      do {
        results.append(try await body(reference))
      } catch let error as DataError {
        // One image that was asked for by name fails the command with its own reason.
        guard references.count > 1 else { throw error }
        progress.warn("left out \(error)")
      }
      progress.advance()
    }
    guard !results.isEmpty else {
      throw DataError.refused(
        path: "\(references[0].displayName) …",
        problem: "none of the \(references.count) images could be used")
    }
    return results
  }
}

extension ImageInputs {
  /// The one image that an argument stands for.
  static func one(_ argument: String) throws -> ImageReference {
    let found = try ImageInputs([RawPath(argument: argument)]).references
    guard found.count == 1 else {
      throw UsageError("\(argument): holds \(found.count) images; name a single one")
    }
    return found[0]
  }
}

/// A number between 0 and 1 as people read it: `42 %`.
func percent(_ share: Double) -> String { "\(Int((share * 100).rounded())) %" }
