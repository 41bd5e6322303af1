import CheckpointFormats
import DINOTestSupport
import Foundation
import Imaging
import Testing

/// One entry of `boxes.json` of the golden case `preprocessing/random_resized_crop`.
struct CropBox: Decodable, Sendable, CustomTestStringConvertible {
  private struct Boxes: Decodable { let boxes: [CropBox] }

  let file: String
  let top: Int
  let left: Int
  let height: Int
  let width: Int
  let size: Int
  let sha256: String
  let flip: Bool

  var region: Region { Region(top: top, left: left, height: height, width: width) }
  var testDescription: String { "\(region) of \(file) to \(size)" }

  static let golden = Golden.named("preprocessing/random_resized_crop")
  static let all: [(Int, CropBox)] = {
    guard let path = try? golden.sideFile("boxes.json"),
      let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
      let list = try? JSONDecoder().decode(Boxes.self, from: data)
    else { return [] }
    return Array(list.boxes.enumerated()).map { ($0.offset, $0.element) }
  }()
}

@Suite("Random resized crop")
struct RandomResizedCropTests {
  @Test("the fixtures list boxes")
  func fixturesAreThere() { #expect(!CropBox.all.isEmpty) }

  @Test("equals torchvision's resized crop", arguments: CropBox.all)
  func agrees(index: Int, box: CropBox) throws {
    // The JPEG images come with decoded pixels, so that this does not depend on the JPEG decoder.
    let file =
      box.file.hasSuffix(".jpg") ? box.file.dropLast(4) + "_jpg.decoded.png" : box.file[...]
    let image = try ImageDecoder().decode(
      path: EvaluationImage.golden.sideFile(String(file)))
    let target = Size(height: box.size, width: box.size)

    var result = try image.resizedCrop(box.region, to: target)
    let inTwoSteps = try image.cropped(to: box.region).resized(to: target)
    #expect(result == inTwoSteps)
    if box.flip { result = result.flippedHorizontally() }

    #expect(SHA256.hexadecimal(result.storage) == box.sha256)
    let expected = try CropBox.golden["expected.\(index)"]
    let step = box.size / (expected.shape.first ?? 1)
    expectEqual(
      got: result.thinned(by: step), shape: expected.shape, expected: expected, label: "\(box)")
  }
}
