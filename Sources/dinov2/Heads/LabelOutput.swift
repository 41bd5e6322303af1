import DINOData
import DINOInference
import Foundation
import Imaging

/// The folder into which a command writes labels and pictures, a pair for each image.
struct LabelOutput {
  private let folder: String
  /// The name of each image's files, without ending.
  let names: [String]

  /// Chooses names and makes the folder.
  ///
  /// - Parameters:
  ///   - folder: The folder; it may exist.
  ///   - images: The images.
  /// - Throws: ``DataError`` if two images share a name; ``InferenceError`` if the folder cannot be made.
  init(_ folder: String, for images: [ImageReference]) throws {
    self.folder = folder
    names = images.map(\.stem)
    var first: [String: Int] = [:]
    for (index, name) in names.enumerated() {
      if let other = first.updateValue(index, forKey: name) {
        throw DataError.unusable(
          place: images[index].displayName,
          problem: "has the name of \(images[other].displayName) without its ending; their results "
            + "would have one name")
      }
    }
    try MapOutput.makeFolder(folder)
  }

  /// The path of a file of the folder.
  func path(_ name: String) -> String { (folder as NSString).appendingPathComponent(name) }

  /// Writes the labels and the picture of an image.
  func write(_ labels: ValueImage, _ picture: PixelBuffer, _ index: Int) throws {
    try LabelFile.write(labels, to: path(names[index] + ".npy"))
    try ImageEncoder().write(picture, to: path(names[index] + ".png"))
  }
}

/// The colours of objects.
enum ObjectColor {
  /// The colour of a label; none for the background.
  static func of(_ label: UInt16) -> RGB? {
    label == 0 ? nil : ColorMap.categorical(Int(label) - 1)
  }
}

extension DataError {
  /// Says which file an impossible request was about.
  static func naming<Result>(
    _ name: String, _ body: () async throws -> Result
  ) async throws -> Result {
    do {
      return try await body()
    } catch InferenceError.usage(let problem) {
      throw DataError.refused(path: name, problem: problem)
    }
  }
}

/// A few frames of a video for a sheet, evenly spread.
struct PickedFrames {
  private let wanted: Set<Int>
  private var cells: [ContactSheet.Cell] = []

  /// The most frames of a sheet.
  private static let most = 12

  /// Chooses frames of a video.
  init(total: Int) {
    let count = min(total, Self.most)
    wanted = Set((0..<count).map { $0 * (total - 1) / max(count - 1, 1) })
  }

  /// Keeps a frame if it is one of the chosen.
  mutating func offer(_ picture: PixelBuffer, name: String, index: Int) {
    if wanted.contains(index) { cells.append(.init(picture, caption: name)) }
  }

  /// Writes the sheet.
  func write(to path: String, model: String) throws {
    let sheet = ContactSheet(
      title: "Tracked objects, \(model)", cells: cells, columns: 4,
      cellSize: Size(height: 240, width: 320))
    try ImageEncoder().write(sheet.image(), to: path)
  }
}
