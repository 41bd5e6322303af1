import DINOData
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("Scene sets")
struct SceneSetTests {
  private struct COCO: Decodable {
    struct Image: Decodable {
      let fileName: String

      enum CodingKeys: String, CodingKey { case fileName = "file_name" }
    }
    struct Category: Decodable {
      let name: String
    }
    struct Annotation: Decodable {
      let imageID: Int
      let categoryID: Int
      let bbox: [Int]

      enum CodingKeys: String, CodingKey {
        case imageID = "image_id"
        case categoryID = "category_id"
        case bbox
      }
    }
    let images: [Image]
    let categories: [Category]
    let annotations: [Annotation]
  }

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  @Test("hold pictures, classes, masks, depth and boxes that agree with the renderer")
  func writesEverything() async throws {
    let size = Size(height: 42, width: 56)
    let count = Scene.classNames.count + 3
    let path = folder.file("set")
    try await SceneSet(seed: 4, size: size).write(train: count, val: 2, to: path)

    let images = try ImageInputs.expand([path + "/train/images"])
    let labelled = try LabelledImages([path + "/by-class/train"])
    let coco = try JSONDecoder().decode(
      COCO.self, from: Data(contentsOf: URL(fileURLWithPath: path + "/train.json")))

    #expect(images.count == count)
    #expect(labelled.classNames == Scene.classNames)
    #expect(labelled.labels.count == count)
    #expect(
      coco.images.map(\.fileName) == images.map { RawPath(bytes: $0.name.lastComponent).text })
    #expect(coco.categories.map(\.name) == Scene.classNames)
    let lines = try ClassNames.read(RawPath(path + "/classes.txt"))
    #expect(lines == ["background"] + Scene.classNames)

    let renderer = SceneRenderer(seed: 4)
    for (number, reference) in images.enumerated() {
      let label = number % Scene.classNames.count
      let scene = try renderer.render(renderer.scene(at: number, classIndex: label), size: size)
      #expect(try reference.decode() == scene.image)
      let boxes = coco.annotations.filter { $0.imageID == number + 1 }
      #expect(boxes.map(\.categoryID) == scene.boxes.map { $0.classIndex + 1 })
      #expect(
        boxes.map(\.bbox)
          == scene.boxes.map {
            [$0.region.left, $0.region.top, $0.region.width, $0.region.height]
          })
      let name = RawPath(bytes: reference.name.lastComponent).text
      let depth = try ImageReference(file: RawPath("\(path)/train/depth/\(name)")).bytes()
      let mask = try ImageReference(file: RawPath("\(path)/train/masks/\(name)")).bytes()
      // Bit depth and colour type stand at fixed places of a PNG's header.
      #expect(Array(depth[24...25]) == [16, 0])
      #expect(Array(mask[24...25]) == [8, 3])
    }
    #expect(try ImageInputs.expand([path + "/val/images"]).count == 2)
  }

  @Test("give depth in millimetres, 0 where it does not fit")
  func convertsDepth() throws {
    let renderer = SceneRenderer(seed: 1)
    for index in 0..<20 {
      let image = try renderer.render(renderer.scene(at: index), size: Size(height: 40, width: 40))
      for (metres, millimetres) in zip(image.depth, image.millimetres) {
        if metres > 65.6 {
          #expect(millimetres == 0)
        } else if metres < 65.5 {
          #expect(abs(Float(millimetres) - metres * 1_000) <= 0.5)
        }
      }
    }
  }

  @Test("refuse a folder that holds something, and impossible numbers")
  func refusesFolders() async throws {
    try folder.write("a", [1])
    let set = SceneSet(seed: 1, size: Size(height: 14, width: 14))
    for (path, train) in [(folder.path, 1), (folder.file("a"), 1), (folder.file("b"), -1)] {
      let error = await #expect(throws: DataError.self) {
        try await set.write(train: train, val: 0, to: path)
      }
      #expect(error?.category == .usage)
    }
    let error = await #expect(throws: DataError.self) {
      try await set.write(train: 1, val: 0, to: folder.file("a/b"))
    }
    #expect(error?.category == .inputOutput)
    await #expect(throws: DataError.self) {
      try await SceneSet(seed: 1, size: Size(height: 0, width: 5))
        .write(train: 1, val: 0, to: folder.file("c"))
    }
  }
}
