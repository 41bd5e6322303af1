internal import DINOData
internal import Imaging

/// Small pictures of the images of a store, for sheets.
struct Thumbnails: Sendable {
  private let store: CurationStore
  private let decoder: ImageDecoder
  /// The longest side, in pixels.
  static let side = 132
  private static let margin = 14

  /// Prepares to read images of a store.
  init(_ store: CurationStore) {
    self.store = store
    decoder = store.settings.description?.decoder ?? ImageDecoder()
  }

  /// A cell of a sheet; a grey one if the image cannot be read any more.
  func cell(_ image: Int, _ caption: String) throws(StoreError) -> ContactSheet.Cell {
    try Self.cell(store.images[image].reference, decoder, caption)
  }

  /// A cell of a sheet with an image by its name.
  func cell(named name: String, _ caption: String) throws(StoreError) -> ContactSheet.Cell {
    // A name that looks like a pattern must not be expanded: only what it names counts.
    let path = RawPath(escaped: name)
    let found = (try? ImageInputs([path]))?.references ?? []
    return try Self.cell(found.first { $0.name == path }, decoder, caption)
  }

  private static func cell(
    _ reference: ImageReference?, _ decoder: ImageDecoder, _ caption: String
  ) throws(StoreError) -> ContactSheet.Cell {
    do throws(ImageError) {
      guard let image = try? reference?.decode(decoder) else {
        return ContactSheet.Cell(
          try PixelBuffer(size: Size(height: side, width: side), fill: RGB(208, 208, 204)),
          caption: "cannot be read")
      }
      // Panoramas are cut to what can be seen.
      let shape = try image.cropped(to: middle(of: image.size))
      return ContactSheet.Cell(shape, caption: caption)
    } catch { throw .image(error) }
  }

  /// The middle part of an image, at most three times as long as wide.
  private static func middle(of size: Size) -> Region {
    let (height, width) = (min(size.height, 3 * size.width), min(size.width, 3 * size.height))
    return Region(
      top: (size.height - height) / 2, left: (size.width - width) / 2, height: height, width: width)
  }

  /// A sheet of rows of pictures.
  static func sheet(_ rows: [ContactSheet.Row]) throws(ImageError) -> PixelBuffer {
    var sheet = ContactSheet(rows: rows, cellSize: Size(height: side, width: side))
    sheet.margin = margin
    sheet.captionStyle.scale = 1.6
    sheet.headingStyle.scale = 1.9
    return try sheet.image()
  }

  /// A sheet of so many columns as the bytes of a JPEG file; pages scale figures to one width, so that
  /// sheets with fewer pictures are as wide as others.
  static func jpeg(_ rows: [ContactSheet.Row], columns: Int) throws(StoreError) -> [UInt8] {
    do throws(ImageError) {
      let sheet = try sheet(rows)
      let width = max(sheet.width, columns * (side + margin) + margin)
      var image = try PixelBuffer(
        size: Size(height: sheet.height, width: width), fill: ContactSheet().background)
      image.paste(sheet, top: 0, left: 0)
      return try ImageEncoder(quality: 84).encode(image, as: .jpeg)
    } catch { throw .image(error) }
  }
}
