import CheckpointFormats
import DINOTestSupport
import Foundation
import Imaging
import Testing

/// One entry of `images.json` of the golden case `preprocessing/evaluation`.
struct EvaluationImage: Decodable, Sendable, CustomTestStringConvertible {
  struct Pixels: Decodable, Sendable {
    let shape: [Int]
    let sha256: String
  }

  struct Resized: Decodable, Sendable {
    let left: Int
    let top: Int
    let resized: [Int]
    let result: Pixels
    let digest: String

    enum CodingKeys: String, CodingKey {
      case left, top, resized, result
      case digest = "resized_sha256"
    }
  }

  let file: String
  let openedMode: String
  let decoded: Pixels
  let resize224: Resized
  let resize256: Resized

  enum CodingKeys: String, CodingKey {
    case file, decoded, resize224, resize256
    case openedMode = "opened_mode"
  }

  var testDescription: String { file }
  /// The name of the file in the names of tensors.
  var key: String {
    (file.split(separator: "/").last.map(String.init) ?? file).replacing(".", with: "_")
  }

  static let golden = Golden.named("preprocessing/evaluation")
  static let all: [EvaluationImage] = {
    guard let path = try? golden.sideFile("images.json"),
      let data = try? Data(contentsOf: URL(fileURLWithPath: path)),
      let images = try? JSONDecoder().decode([EvaluationImage].self, from: data)
    else { return [] }
    return images
  }()
}

@Suite("Evaluation preprocessing")
struct PreprocessingGoldenTests {
  @Test("the fixtures list images")
  func fixturesAreThere() { #expect(!EvaluationImage.all.isEmpty) }

  @Test("decodes to Pillow's bytes", arguments: EvaluationImage.all)
  func decodes(image: EvaluationImage) throws {
    let path = try EvaluationImage.golden.sideFile(image.file)

    let pixels = try ImageDecoder().decode(path: path)
    let info = try ImageDecoder().probe(path: path)

    #expect([pixels.height, pixels.width, 3] == image.decoded.shape)
    #expect(SHA256.hexadecimal(pixels.storage) == image.decoded.sha256)
    #expect(info.size == pixels.size)
  }

  @Test("resizes and crops to the original's bytes", arguments: EvaluationImage.all)
  func resizes(image: EvaluationImage) throws {
    let pixels = try ImageDecoder().decode(path: EvaluationImage.golden.sideFile(image.file))
    var short = Preprocessing.dinov2
    short.resize = 224

    for (preprocessing, wanted) in [
      (Preprocessing.dinov2, image.resize256), (short, image.resize224),
    ] {
      let plan = try preprocessing.plan(for: pixels.size)
      let whole = try pixels.resized(to: plan.resized)
      let result = try preprocessing.crop(pixels)

      #expect([plan.resized.height, plan.resized.width] == wanted.resized)
      #expect(plan.window.top == wanted.top)
      #expect(plan.window.left == wanted.left)
      #expect(SHA256.hexadecimal(whole.storage) == wanted.digest)
      #expect(SHA256.hexadecimal(result.storage) == wanted.result.sha256)
      #expect(try result == whole.cropped(to: plan.window))
    }
  }

  @Test("normalises to the original's tensor", arguments: EvaluationImage.all)
  func normalises(image: EvaluationImage) throws {
    let golden = EvaluationImage.golden
    let pixels = try ImageDecoder().decode(path: golden.sideFile(image.file))
    let every8th = "expected.\(image.key).tensor_every_eighth"
    let every4th = "expected.\(image.key).every_fourth"

    let result = try NormalizedImage(pixels, .dinov2)

    let expected = try golden[every8th]
    expectClose(
      got: result.thinned(by: 8), shape: expected.shape, expected: expected,
      tolerance: try golden.tolerance(for: every8th), label: every8th)
    let bytes = try golden[every4th]
    expectEqual(
      got: result.image.thinned(by: 4), shape: bytes.shape, expected: bytes, label: every4th)
  }

  @Test(
    "agrees with Hugging Face's processor",
    arguments: (try? Golden.named("preprocessing/transformers_processor").names(
      prefix: "expected.pil.")) ?? [])
  func agreesWithHuggingFace(name: String) throws {
    let golden = Golden.named("preprocessing/transformers_processor")
    let file = name.dropFirst("expected.pil.".count)
    let entry = try #require(EvaluationImage.all.first { $0.key == file })
    let pixels = try ImageDecoder().decode(path: EvaluationImage.golden.sideFile(entry.file))

    let result = try NormalizedImage(pixels, .huggingFace)

    let expected = try golden[name]
    let step = result.image.height / (expected.shape.last ?? 1)
    expectClose(
      got: result.thinned(by: step), shape: expected.shape, expected: expected,
      tolerance: try golden.tolerance(for: name), label: name)
  }
}

/// What a preprocessing makes of an image.
struct NormalizedImage {
  let image: PixelBuffer
  let values: [Float]

  init(_ pixels: PixelBuffer, _ preprocessing: Preprocessing) throws {
    let size = try preprocessing.outputSize(for: pixels.size)
    var values = [Float](repeating: .nan, count: 3 * size.height * size.width)
    image = try values.withUnsafeMutableBufferPointer { try preprocessing(pixels, into: $0) }
    self.values = values
  }

  /// `values[:, ::step, ::step]`.
  func thinned(by step: Int) -> [Float] {
    var result: [Float] = []
    for channel in 0..<3 {
      for row in stride(from: 0, to: image.height, by: step) {
        for column in stride(from: 0, to: image.width, by: step) {
          result.append(values[(channel * image.height + row) * image.width + column])
        }
      }
    }
    return result
  }
}

extension PixelBuffer {
  /// `pixels[::step, ::step]`.
  func thinned(by step: Int) -> [Int] {
    stride(from: 0, to: height, by: step).flatMap { row in
      stride(from: 0, to: width, by: step).flatMap { column -> [Int] in
        color(row: row, column: column).map { [Int($0.red), Int($0.green), Int($0.blue)] } ?? []
      }
    }
  }
}
