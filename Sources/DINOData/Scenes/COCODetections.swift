internal import Foundation
internal import Imaging

/// Boxes in the form of COCO's `instances` files.
struct COCODetections: Encodable {
  private struct Image: Encodable {
    let id: Int
    let fileName: String
    let height: Int
    let width: Int

    enum CodingKeys: String, CodingKey {
      case id
      case fileName = "file_name"
      case height
      case width
    }
  }

  private struct Category: Encodable {
    let id: Int
    let name: String
  }

  private struct Annotation: Encodable {
    let id: Int
    let imageID: Int
    let categoryID: Int
    /// Left, top, width, height in pixels.
    let bbox: [Int]
    let area: Int
    let isCrowd = 0

    enum CodingKeys: String, CodingKey {
      case id
      case imageID = "image_id"
      case categoryID = "category_id"
      case bbox
      case area
      case isCrowd = "iscrowd"
    }
  }

  private var images: [Image] = []
  private var annotations: [Annotation] = []
  private let categories: [Category]

  /// Begins a file; the id of a category is its index + 1.
  init(classNames: [String]) {
    categories = classNames.enumerated().map { Category(id: $0 + 1, name: $1) }
  }

  /// Adds an image; images and boxes are numbered from 1.
  mutating func add(file: String, size: Size, boxes: [SceneImage.Box]) {
    let id = images.count + 1
    images.append(Image(id: id, fileName: file, height: size.height, width: size.width))
    for box in boxes {
      let region = box.region
      annotations.append(
        Annotation(
          id: annotations.count + 1, imageID: id, categoryID: box.classIndex + 1,
          bbox: [region.left, region.top, region.width, region.height], area: box.area))
    }
  }

  /// The file's contents.
  func encoded() throws(DataError) -> Data {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do { return try encoder.encode(self) } catch {
      throw .usage(problem: "boxes cannot be written as JSON: \(error)")
    }
  }
}
