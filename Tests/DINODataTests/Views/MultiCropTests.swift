import CheckpointFormats
import DINOData
import DINOTestSupport
import Foundation
import Imaging
import Testing

/// `boxes.json` of the golden case `preprocessing/random_resized_crop`.
private struct Boxes: Decodable {
  struct Draw: Decodable {
    let box: [Int]
    let height: Int
    let width: Int
    let scale: [Double]
    let ratio: [Double]
    let seed: UInt32?

    var size: Size { Size(height: height, width: width) }
    var region: Region { Region(top: box[0], left: box[1], height: box[2], width: box[3]) }

    func draw(_ source: inout some DrawSource) -> Region {
      .randomCrop(of: size, scale: scale[0]...scale[1], aspect: ratio[0]...ratio[1], &source)
    }
  }

  let fallback: [Draw]
  let sampled: [Draw]

  static func read() throws -> Boxes {
    let path = try Golden.named("preprocessing/random_resized_crop").sideFile("boxes.json")
    return try JSONDecoder().decode(Boxes.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
  }
}

/// The hyper-parameters of the golden case `preprocessing/augmentation_statistics`.
private struct Augmentation: Decodable {
  let file: String
  let globalSize: Int
  let globalScale: [Double]
  let localSize: Int
  let localScale: [Double]
  let localCrops: Int
  let seeds: [UInt32]

  enum CodingKeys: String, CodingKey {
    case file
    case globalSize = "global_size"
    case globalScale = "global_scale"
    case localSize = "local_size"
    case localScale = "local_scale"
    case localCrops = "local_crops"
    case seeds
  }

  static let golden = Golden.named("preprocessing/augmentation_statistics")

  var config: MultiCropConfig {
    var config = MultiCropConfig()
    config.globalSize = globalSize
    config.globalScale = globalScale[0]...globalScale[1]
    config.localSize = localSize
    config.localScale = localScale[0]...localScale[1]
    config.localCount = localCrops
    config.blurRule = .original
    return config
  }

  func image() throws -> PixelBuffer {
    try ImageDecoder().decode(
      path: Golden.named("preprocessing/evaluation").sideFile(file))
  }
}

@Suite("Multi-crop")
struct MultiCropTests {
  @Test("draws torchvision's boxes from PyTorch's generator")
  func drawsBoxes() throws {
    let entries = try Boxes.read().sampled
    #expect(!entries.isEmpty)
    for entry in entries {
      var random = MersenneTwister(seed: try #require(entry.seed))
      #expect(entry.draw(&random) == entry.region)
    }
  }

  @Test("falls back to torchvision's central crop, whatever is drawn")
  func fallsBack() throws {
    let entries = try Boxes.read().fallback
    #expect(!entries.isEmpty)
    for entry in entries {
      for seed in 0..<20 {
        var random = ViewRandom(seed: UInt64(seed), .crops)
        #expect(entry.draw(&random) == entry.region)
      }
    }
  }

  @Test("gives the original's crops from PyTorch's generator")
  func repeatsCrops() throws {
    let golden = Augmentation.golden
    let augmentation = try golden.decodeConfig(Augmentation.self)
    let config = augmentation.config
    let image = try augmentation.image()
    let multiCrop = MultiCrop(config, seed: 0)
    #expect(!augmentation.seeds.isEmpty)
    for seed in augmentation.seeds {
      var random = MersenneTwister(seed: seed)
      let views: [(MultiCropConfig.View, String)] =
        [(.firstGlobal, "global.0"), (.secondGlobal, "global.1")]
        + (0..<config.localCount).map { (.local, "local.\($0)") }
      for (view, part) in views {
        let crop = try ViewParameters(view, of: image.size, config, &random)(image)
        let values = try multiCrop.normalized([crop])

        let name = "expected.\(seed).\(part)"
        let expected = try golden[name]
        // Every third row and column are kept.
        let side = crop.height
        let kept = stride(from: 0, to: side, by: 3)
        let thinned = (0..<3).flatMap { channel in
          kept.flatMap { row in kept.map { values[(channel * side + row) * side + $0] } }
        }
        #expect(expected.shape == [3, kept.underestimatedCount, kept.underestimatedCount])
        // One count of 255, where a blurred value lies within rounding of a half.
        let count = 1 / (255 * 0.224)
        let differences = zip(thinned, try expected.doubles()).map { abs(Double($0) - $1) }
        #expect(differences.max() ?? 1 < 1.05 * count, "\(name)")
        #expect(differences.count { $0 > 1e-4 } <= differences.count / 500, "\(name)")
      }
    }
  }

  @Test("distorts as often as the original", arguments: MultiCropConfig.BlurRule.allCases)
  func distortsAsOften(rule: MultiCropConfig.BlurRule) throws {
    struct Statistics: Decodable {
      let counts: [String: Int]
      let intended: [String: Double]
      let samples: Int

      enum CodingKeys: String, CodingKey {
        case counts, samples
        case intended = "intended_probability"
      }
    }
    let path = try Augmentation.golden.sideFile("statistics.json")
    let statistics = try JSONDecoder().decode(
      Statistics.self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    var config = MultiCropConfig()
    config.blurRule = rule
    let samples = 4_000
    let kinds: [(MultiCropConfig.View, String)] = [
      (.firstGlobal, "global_1"), (.secondGlobal, "global_2"), (.local, "local"),
    ]
    for (view, name) in kinds {
      var counts: [String: Int] = [:]
      for sample in 0..<samples {
        var random = ViewRandom(seed: 9, .crops, sample, view.rawValue)
        let drawn = ViewParameters(view, of: Size(height: 300, width: 400), config, &random)
        if drawn.sigma != nil { counts["blur", default: 0] += 1 }
        if drawn.isFlipped { counts["flip", default: 0] += 1 }
        if drawn.isGray { counts["gray", default: 0] += 1 }
        if !drawn.jitter.isEmpty { counts["jitter", default: 0] += 1 }
        if drawn.solarizeThreshold != nil { counts["solarize", default: 0] += 1 }
      }
      for operation in ["blur", "flip", "gray", "jitter", "solarize"] {
        let key = "\(name).\(operation)"
        let released = try #require(statistics.counts[key])
        var wanted = Double(released) / Double(statistics.samples)
        if operation == "blur", rule == .declared {
          wanted = try #require(statistics.intended[key])
        }
        let got = Double(counts[operation, default: 0]) / Double(samples)
        let error = 5 * (wanted * (1 - wanted) / Double(statistics.samples)).squareRoot()
        #expect(abs(got - wanted) <= error, "\(key): \(got), expected \(wanted)")
      }
    }
  }

  @Test("applies whole chains as the original")
  func appliesChains() throws {
    struct Chain: Decodable {
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
    let golden = Golden.named("preprocessing/operators")
    let chains = try golden.decodeConfig([Chain].self, at: "chains")
    #expect(!chains.isEmpty)
    for (index, chain) in chains.enumerated() {
      let image = try ImageDecoder().decode(
        path: Golden.named("preprocessing/evaluation").sideFile(chain.file))
      var parameters = ViewParameters(
        box: Region(
          top: chain.box[0], left: chain.box[1], height: chain.box[2], width: chain.box[3]),
        side: chain.size)
      parameters.isFlipped = chain.flip
      let all: [ViewParameters.Jitter] = [
        .brightness(chain.factors[0]), .contrast(chain.factors[1]),
        .saturation(chain.factors[2]), .hue(chain.factors[3]),
      ]
      if chain.jitter { parameters.jitter = chain.order.map { all[$0] } }
      parameters.isGray = chain.gray
      parameters.sigma = chain.blur
      parameters.solarizeThreshold = chain.solarize

      let crop = try parameters(image)

      let expected = try golden["expected.chain.\(index).uint8"].integers()
      #expect(crop.storage.count == expected.count)
      let wrong = zip(crop.storage, expected).count { Int($0) != $1 }
      #expect(wrong <= (chain.blur == nil ? 0 : expected.count / 1000), "chain \(index)")
    }
  }

  @Test("draws the same at a place whatever came before, and something else elsewhere")
  func dependsOnPlace() {
    let size = Size(height: 200, width: 300)
    let multiCrop = MultiCrop(MultiCropConfig(), seed: 1)
    let first = multiCrop.parameters(for: size, at: 17)
    _ = multiCrop.parameters(for: size, at: 3)

    #expect(multiCrop.parameters(for: size, at: 17) == first)
    #expect(multiCrop.parameters(for: size, at: 18) != first)
    #expect(MultiCrop(MultiCropConfig(), seed: 2).parameters(for: size, at: 17) != first)
    #expect(Set(first.map(\.box)).count == first.count)
  }

  @Test("enlarges images that are smaller than a crop", arguments: [(1, 1), (3, 50), (97, 2)])
  func enlarges(height: Int, width: Int) throws {
    let image = try PixelBuffer(size: Size(height: height, width: width), fill: RGB(10, 200, 90))
    let crops = try MultiCrop(MultiCropConfig(), seed: 3)(image, at: 0)
    #expect(
      crops.map(\.size.height) == [224, 224] + [Int](repeating: 98, count: 8))
  }

  @Test("normalises with the mean and deviation of its settings")
  func normalises() throws {
    var config = MultiCropConfig()
    config.mean = [0, 0.5, 1]
    config.std = [1, 0.5, 2]
    let image = try PixelBuffer(size: Size(height: 1, width: 2), fill: RGB(255, 255, 0))
    #expect(try MultiCrop(config, seed: 0).normalized([image]) == [1, 1, 1, 1, -0.5, -0.5])
  }
}
