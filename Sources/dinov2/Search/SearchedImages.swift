import DINOCuration
import DINOData
import Imaging
import Telemetry

/// The images that are looked for.
struct SearchedImages {
  /// What is looked for.
  let queries: [GallerySearch.Query]
  /// Printable names.
  let names: [String]
  let decoder: ImageDecoder
  private let references: [ImageReference?]
  private let region: Region?

  /// Finds queries: images of the gallery by their path, else image files.
  ///
  /// - Parameters:
  ///   - arguments: Files, folders, lists or patterns, or paths of images in the gallery.
  ///   - gallery: The gallery.
  ///   - region: The part that counts, if only a part does.
  /// - Throws: `DataError` if an argument leads nowhere or cannot be decoded.
  init(_ arguments: [String], _ gallery: Gallery, _ region: Region?) throws {
    decoder = gallery.settings.decoder
    self.region = region
    var found: [(query: GallerySearch.Query, name: String, reference: ImageReference?)] = []
    for argument in arguments {
      let path = RawPath(argument: argument)
      if region == nil, let row = try gallery.row(of: path) {
        let reference = path.isRegularFile ? ImageReference(file: path) : nil
        found.append((.row(row), path.displayName, reference))
        continue
      }
      for reference in try ImageInputs([path]).references {
        if region == nil, let row = try gallery.row(of: reference.name) {
          found.append((.row(row), reference.displayName, reference))
        } else {
          let image = try Self.decode(reference, decoder, region)
          found.append((.image(image), reference.displayName, reference))
        }
      }
    }
    guard region == nil || found.count == 1 else {
      throw UsageError("--crop takes one query; \(found.count) images are named")
    }
    queries = found.map(\.query)
    names = found.map(\.name)
    references = found.map(\.reference)
  }

  /// Whether a query has to be described.
  var needsModel: Bool {
    queries.contains { if case .image = $0 { true } else { false } }
  }

  /// The image of a query.
  ///
  /// - Parameter index: The query.
  /// - Returns: The image, or the part that counts.
  /// - Throws: `DataError` if its file is gone.
  func image(_ index: Int) throws -> PixelBuffer {
    if case .image(let image) = queries[index] { return image }
    guard let reference = references[index] else {
      throw DataError.system(
        path: names[index], problem: "is in the index, but there is no such file any more")
    }
    return try Self.decode(reference, decoder, region)
  }

  private static func decode(
    _ reference: ImageReference, _ decoder: ImageDecoder, _ region: Region?
  ) throws -> PixelBuffer {
    let image = try reference.decode(decoder)
    guard let region else { return image }
    guard region.lies(in: image.size) else {
      throw UsageError(
        "--crop \(region.left),\(region.top),\(region.width),\(region.height) does not lie in "
          + "\(reference.displayName), which is \(image.width) wide and \(image.height) high")
    }
    return try image.cropped(to: region)
  }
}
