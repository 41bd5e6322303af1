import CheckpointFormats
import DINOTestSupport
import Imaging
import Testing

@Suite("Colour operations and blur")
struct PhotometryTests {
  private struct Operation: Decodable {
    let input: String
    let `operator`: String
    let parameter: Double?
  }

  private struct Chain: Decodable {
    let file: String
    let box: [Int]
    let size: Int
    let flip: Bool
    let jitter: Bool
    let order: [Int]
    let factors: [Double]
    let gray: Bool
    let blur: Double?
    let solarize: Int?
  }

  private static let golden = Golden.named("preprocessing/operators")

  private func image(_ name: String) throws -> PixelBuffer {
    let tensor = try PhotometryTests.golden[name]
    return try PixelBuffer(
      size: Size(height: tensor.shape[0], width: tensor.shape[1]),
      storage: try tensor.integers().map { UInt8($0) })
  }

  private func applied(_ operation: Operation, to image: PixelBuffer) throws -> PixelBuffer {
    let parameter = operation.parameter ?? 0
    switch operation.operator {
    case "brightness": return image.withBrightness(parameter)
    case "contrast": return image.withContrast(parameter)
    case "saturation": return image.withSaturation(parameter)
    case "hue": return image.withHue(parameter)
    case "grayscale": return image.grayscaled()
    case "flip": return image.flippedHorizontally()
    case "solarize": return image.solarized(threshold: Int(parameter))
    case "blur": return try image.gaussianBlurred(sigma: parameter)
    default: throw GoldenError("unknown operator \(operation.operator)")
    }
  }

  @Test("equal Pillow's, byte for byte")
  func operators() throws {
    let operations = try PhotometryTests.golden.decodeConfig(
      [String: Operation].self, at: "operators")
    #expect(!operations.isEmpty)
    for (name, operation) in operations {
      let expected = try image("expected.\(name)")

      let result = try applied(operation, to: image("input.\(operation.input)"))

      #expect(result.size == expected.size)
      let differences = zip(result.storage, expected.storage).map { abs(Int($0) - Int($1)) }
      let wrong = differences.count { $0 > 0 }
      // A blurred value within rounding of a half may fall to either side.
      let allowed = operation.operator == "blur" ? differences.count / 1000 : 0
      #expect(differences.max() ?? 0 <= (allowed > 0 ? 1 : 0), "\(name)")
      #expect(wrong <= allowed, "\(name): \(wrong) values differ")
    }
  }

  @Test("whole chains of the augmentation equal the original's")
  func chains() throws {
    let chains = try PhotometryTests.golden.decodeConfig([Chain].self, at: "chains")
    #expect(!chains.isEmpty)
    for (index, chain) in chains.enumerated() {
      let path = try EvaluationImage.golden.sideFile(chain.file)
      let region = Region(
        top: chain.box[0], left: chain.box[1], height: chain.box[2], width: chain.box[3])
      var image = try ImageDecoder().decode(path: path)
        .resizedCrop(region, to: Size(height: chain.size, width: chain.size))
      if chain.flip { image = image.flippedHorizontally() }
      for step in chain.jitter ? chain.order : [] {
        let factor = chain.factors[step]
        switch step {
        case 0: image = image.withBrightness(factor)
        case 1: image = image.withContrast(factor)
        case 2: image = image.withSaturation(factor)
        default: image = image.withHue(factor)
        }
      }
      if chain.gray { image = image.grayscaled() }
      if let sigma = chain.blur { image = try image.gaussianBlurred(sigma: sigma) }
      if let threshold = chain.solarize { image = image.solarized(threshold: threshold) }

      let expected = try self.image("expected.chain.\(index).uint8")
      let wrong = zip(image.storage, expected.storage).count { $0 != $1 }
      #expect(wrong <= (chain.blur == nil ? 0 : image.storage.count / 1000), "chain \(index)")
      if wrong == 0 {
        let normalized = try NormalizedImage(image, Preprocessing(resize: nil, crop: image.size))
        let name = "expected.chain.\(index).tensor"
        let tensor = try PhotometryTests.golden[name]
        expectClose(
          got: normalized.values, shape: tensor.shape, expected: tensor,
          tolerance: try PhotometryTests.golden.tolerance(for: name), label: name)
      }
    }
  }

  @Test("a blur with impossible parameters is refused, tiny images are not")
  func blurLimits() throws {
    let image = try ResampleCase.image(seed: 1, Size(height: 1, width: 2))
    #expect(try image.gaussianBlurred(sigma: 2).size == image.size)
    for (sigma, count) in [(0.0, 9), (-1, 9), (.nan, 9), (1, 4), (1, 0)] {
      #expect(throws: ImageError.self) {
        try image.gaussianBlurred(sigma: sigma, kernelSize: count)
      }
    }
  }

  @Test("factors that are not numbers do not trap")
  func oddFactors() throws {
    let image = try ResampleCase.image(seed: 1, Size(height: 4, width: 4))
    for factor in [Double.nan, .infinity, -.infinity, 1e300, -5] {
      _ = image.withBrightness(factor).withContrast(factor).withSaturation(factor)
      _ = image.withHue(factor)
    }
  }
}
