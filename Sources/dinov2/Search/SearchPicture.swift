import DINOCuration
import DINOData
import Foundation
import Imaging
import Telemetry

/// A contact sheet of queries and what they found.
enum SearchPicture {
  /// The most results of a query that are shown.
  private static let mostColumns = 10
  /// The most queries that are shown.
  private static let mostRows = 40
  private static let cell = Size(height: 180, width: 180)

  /// Refuses a picture that cannot be written, before anything else is done.
  static func check(_ path: String) throws {
    _ = try ImageEncoder.Format(path: path)
    let folder = (path as NSString).deletingLastPathComponent
    if !folder.isEmpty, !FileManager.default.fileExists(atPath: folder) {
      throw GalleryError.system(path: path, problem: "its folder does not exist; make it first")
    }
  }

  /// Draws and writes the sheet.
  ///
  /// - Parameters:
  ///   - queries: The queries.
  ///   - matches: What each of them found.
  ///   - path: The file.
  /// - Throws: `ImageError` if the file cannot be written.
  static func write(
    _ queries: SearchedImages, _ matches: [[Gallery.Match]], to path: String
  ) throws {
    var sheet = ContactSheet(
      title: queries.names.count == 1 ? "Most similar images" : "Most similar images of each query",
      cellSize: cell)
    for (index, found) in matches.enumerated().prefix(mostRows) {
      let name = queries.names[index].split(separator: "/").last.map(String.init) ?? ""
      var query = try (try? queries.image(index)) ?? greyCell()
      frame(&query)
      var cells = [ContactSheet.Cell(query, caption: "query: \(name)")]
      for match in found.prefix(mostColumns) {
        let image = try (try? match.reference?.decode(queries.decoder)) ?? greyCell()
        let score = NumberFormat.fixed(Double(match.similarity), decimals: 3)
        let short = RawPath(bytes: match.name.lastComponent).displayName
        cells.append(.init(image, caption: "\(score) \(short)"))
      }
      sheet.rows.append(.init(cells: cells))
    }
    try ImageEncoder().write(sheet.image(), to: path)
  }

  /// A coloured border, as wide as a fortieth of the image.
  private static func frame(_ image: inout PixelBuffer) {
    let width = max(image.size.shorterSide / 40, 1)
    let color = RGB(230, 40, 60)
    for region in [
      Region(top: 0, left: 0, height: width, width: image.width),
      Region(top: image.height - width, left: 0, height: width, width: image.width),
      Region(top: 0, left: 0, height: image.height, width: width),
      Region(top: 0, left: image.width - width, height: image.height, width: width),
    ] { image.fillRectangle(region, color: color) }
  }

  /// What stands for an image that is gone.
  private static func greyCell() throws -> PixelBuffer {
    try PixelBuffer(size: cell, fill: RGB(225, 225, 222))
  }
}
