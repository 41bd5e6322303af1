import DINOData
import DINOEvaluation
import DINOInference
import Foundation

/// Boxes in the forms of COCO's files.
enum DetectionFile {
  /// An entry of a results file, as `loadRes` of pycocotools reads it; it passes over the two names.
  struct Entry: Encodable {
    let imageID: Int
    let categoryID: Int
    /// Left, top, width, height in pixels.
    let bbox: [Double]
    let score: Double
    let fileName: String
    let category: String

    enum CodingKeys: String, CodingKey {
      case bbox, score, category
      case imageID = "image_id"
      case categoryID = "category_id"
      case fileName = "file_name"
    }
  }

  /// A file of images and categories without boxes, for `COCO` of pycocotools.
  struct Images: Encodable {
    struct Image: Encodable {
      let id: Int
      let fileName: String
      let height: Int
      let width: Int

      enum CodingKeys: String, CodingKey {
        case id, height, width
        case fileName = "file_name"
      }
    }

    struct Category: Encodable {
      let id: Int
      let name: String
    }

    let images: [Image]
    let categories: [Category]
    let annotations: [Int] = []
  }

  /// Entries of what was found in an image.
  ///
  /// - Parameters:
  ///   - objects: What was found.
  ///   - image: The image's id.
  ///   - name: Its file.
  ///   - category: The id of a class; nil leaves a box out.
  /// - Returns: One entry per box.
  static func entries(
    _ objects: [DetectedObject], image: Int, name: String, category: (DetectedObject) -> Int?
  ) -> [Entry] {
    objects.compactMap { object in
      category(object).map { id in
        Entry(
          imageID: image, categoryID: id,
          bbox: [object.box.left, object.box.top, object.box.width, object.box.height],
          score: object.score, fileName: name, category: object.label)
      }
    }
  }

  /// Writes a file in one piece.
  static func write(_ value: some Encodable, to path: String) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      try encoder.encode(value).write(to: URL(fileURLWithPath: path), options: .atomic)
    } catch {
      throw InferenceError.output(
        path: path, problem: "cannot be written; check the path, its rights and the space left")
    }
  }
}
