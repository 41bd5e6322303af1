import CheckpointFormats
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("MaskSegmentationHead")
struct MaskSegmentationHeadTests {
  private func config() -> MaskSegmentationHeadConfig {
    var config = MaskSegmentationHeadConfig(embedDim: 8, taps: 2, classes: 3)
    (config.channels, config.queries, config.layers, config.numHeads) = (8, 5, 2, 2)
    return config
  }

  private func maps(_ height: Int, _ width: Int, seed: UInt64 = 1) throws -> [Tensor] {
    let generator = try Generator(seed: seed)
    return try (0..<2).map { _ in
      try .randn([2, 8, height, width], generator: generator, dtype: .float64)
    }
  }

  private func head(
    _ config: MaskSegmentationHeadConfig, seed: UInt64 = 3
  ) throws -> MaskSegmentationHead {
    try MaskSegmentationHead(config, in: ParameterScope(seed: seed, dtype: .float64))
  }

  @Test(
    "predictions are one per layer and one before, finer than the patches", arguments: [1, 2, 4])
  func shapes(upsampling: Int) throws {
    var config = config()
    config.upsampling = upsampling
    let head = try head(config)

    let predictions = try head.predictions(
      Tensor.randn([2, 3, 5, 8], generator: Generator(seed: 1), dtype: .float64))

    #expect(predictions.count == 3 && head.taps == 2 && head.classes == 3)
    for prediction in predictions {
      #expect(prediction.classLogits.shape == [2, 5, 4])
      #expect(prediction.maskLogits.shape == [2, 5, 3 * upsampling, 5 * upsampling])
    }
    #expect(try head(maps(3, 5)).shape == [2, 3, 3 * upsampling, 5 * upsampling])
  }

  @Test("the classes of pixels are the formula's")
  func semantic() throws {
    let classes = try Tensor([1.0, 0, -1, 0, 2, 0.5], [1, 2, 3])
    let masks = try Tensor([0.5, -2, 3, 1], [1, 2, 1, 2])

    let found = try MaskPrediction(classLogits: classes, maskLogits: masks).semanticLogits()

    #expect(found.shape == [1, 2, 1, 2])
    func share(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
    let first = [1.0, 0, -1].map { exp($0) / (exp(1.0) + 1 + exp(-1.0)) }
    let second = [0, 2, 0.5].map { exp($0) / (1 + exp(2.0) + exp(0.5)) }
    let values = try found.array(of: Double.self)
    for (category, pixel) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
      let wanted = log(
        first[category] * share([0.5, -2][pixel]) + second[category] * share([3, 1][pixel]))
      #expect(abs(values[category * 2 + pixel] - wanted) < 1e-12)
    }
  }

  @Test("a class that no query gives stays finite")
  func absentClass() throws {
    let prediction = MaskPrediction(
      classLogits: try Tensor([Float(900), -900, 900], [1, 1, 3]),
      maskLogits: try Tensor([Float(-900)], [1, 1, 1, 1]))

    #expect(try prediction.semanticLogits().floats().allSatisfy(\.isFinite))
  }

  @Test("a query sees what its mask shows; one whose mask is empty sees everything")
  func attentionBias() throws {
    let masks = try Tensor([3.0, -1, 0, 2, -1, -2, -3, 0], [1, 2, 2, 2])
    let prediction = MaskPrediction(classLogits: masks, maskLogits: masks)

    let bias = try prediction.attentionBias(height: 2, width: 2)

    #expect(bias.shape == [1, 1, 2, 4])
    #expect(
      try bias.array(of: Double.self).map { $0 == 0 }
        == [true, false, false, true, true, true, true, true])
  }

  @Test("tokens outside of the mask have no influence, those inside have")
  func maskedAttention() throws {
    let generator = try Generator(seed: 4)
    func random(_ shape: [Int]) throws -> Tensor {
      try .randn(shape, generator: generator, dtype: .float64)
    }
    let (queries, tokens) = (try random([1, 5, 8]), try random([1, 4, 8]))
    let masks = try Tensor(
      [Double]((0..<5).flatMap { $0 == 0 ? [-1.0, -1, -1, -1] : [1, -1, 1, -1] }), [1, 5, 2, 2])
    let bias = try MaskPrediction(classLogits: masks, maskLogits: masks)
      .attentionBias(height: 2, width: 2)
    func output(_ tokens: Tensor, _ bias: Tensor?) throws -> Tensor {
      try QueryAttention(8, numHeads: 2, in: ParameterScope(seed: 6, dtype: .float64))(
        queries, keys: tokens, values: tokens, bias: bias)
    }
    func change(_ index: Int) throws -> Tensor {
      let changed = try tokens.clone()
      try changed.select(dim: 1, index).fill(7)
      return changed
    }
    func difference(_ first: Tensor, _ second: Tensor) throws -> [Double] {
      try (first - second).abs().max(dim: 2).values.array(of: Double.self)
    }

    let plain = try output(tokens, bias)
    let outside = try difference(output(change(1), bias), plain)
    let inside = try difference(output(change(2), bias), plain)
    let free = try difference(output(tokens, nil), plain)

    #expect(outside[1...].allSatisfy { $0 == 0 } && outside[0] > 1e-6)
    #expect(inside.allSatisfy { $0 > 1e-6 })
    #expect(free[0] == 0 && free[1...].allSatisfy { $0 > 1e-6 })
  }

  @Test("another order of the queries gives the same classes")
  func permutation() throws {
    let head = try head(config())
    let maps = try maps(3, 4)
    let before = try head(maps)
    let order = [3, 0, 4, 1, 2]

    try withoutGradient { () throws(TorchError) in
      for name in ["query_feat", "query_embed"] {
        guard let value = head.parameters[name]?.value else {
          throw TorchError("test", "\(name) is missing")
        }
        try value.copy(from: value.selecting(order, dim: 0))
      }
    }

    #expect(try (head(maps) - before).abs().max().item() < 1e-12)
    #expect(try before.max().item() - before.min().item() > 1e-3)
  }

  @Test("positions differ from cell to cell, whatever the grid")
  func positions() throws {
    let values = SinePositions.values(height: 3, width: 5, channels: 16)
    let cells = (0..<15).map { Array(values[$0 * 16..<($0 + 1) * 16]) }

    #expect(values.count == 15 * 16 && Set(cells).count == 15)
    #expect(values.allSatisfy { abs($0) <= 1 })
    // Row 0 of 3 is at a sixth of the circle.
    #expect(abs(values[0] - sin(.pi / 3)) < 1e-12 && abs(values[1] - cos(.pi / 3)) < 1e-12)
  }

  @Test("gradients of all predictions agree with finite differences")
  func gradients() throws {
    let head = try head(config())
    let x = try Tensor.randn([2, 3, 2, 16], generator: Generator(seed: 7), dtype: .float64)
    func value() throws -> Tensor {
      var sum = try Tensor.zeros([], dtype: .float64)
      for prediction in try head.predictions(head.project(x)) {
        sum =
          try sum + prediction.classLogits.pow(2).mean() + prediction.maskLogits.pow(2).mean()
          + prediction.semanticLogits().mean()
      }
      return sum
    }
    let generator = try Generator(seed: 5)
    let parameters = head.parameters.parameters
    let gradients = try value().gradients(of: parameters.map(\.value))
    for (parameter, gradient) in zip(parameters, gradients) {
      let gradient = try #require(gradient, "\(parameter.name) has no gradient")
      let tensor = try parameter.value.detached()
      let direction = try Tensor.randn(tensor.shape, generator: generator, dtype: .float64)
      let analytic = try (gradient * direction).sum().item()
      let step = 1e-7
      try tensor.add(inPlace: direction, scale: step)
      let above = try value().item()
      try tensor.add(inPlace: direction, scale: -2 * step)
      let below = try value().item()
      try tensor.add(inPlace: direction, scale: step)
      let numeric = (above - below) / (2 * step)
      #expect(
        abs(numeric - analytic) <= 1e-4 * max(1, abs(numeric)),
        "\(parameter.name): \(analytic), numeric \(numeric)")
    }
  }

  @Test("impossible sizes, other maps and another number of them are refused")
  func refusals() throws {
    for change: (inout MaskSegmentationHeadConfig) -> Void in [
      { $0.queries = 2 }, { $0.channels = 6 }, { $0.numHeads = 3 }, { $0.layers = 0 },
      { $0.upsampling = 3 }, { $0.embedDim = 0 }, { $0.queries = .max },
    ] {
      var changed = config()
      change(&changed)
      #expect(throws: TorchError.self) { try self.head(changed) }
    }
    let head = try head(config())
    let maps = try maps(2, 2)
    #expect(throws: TorchError.self) { try head([maps[0]]) }
    #expect(throws: TorchError.self) { try head([maps[0], maps[1].narrow(dim: 1, 0..<7)]) }
  }
}

@Suite("Mask heads in folders")
struct MaskHeadFolderTests {
  private let folder: TemporaryFolder
  private let model: VisionTransformer

  init() throws {
    folder = try TemporaryFolder()
    model = try .random()
  }

  private func write(
    _ change: (inout HeadConfig) -> Void = { _ in }
  ) throws -> (HeadFolder, MaskSegmentationHead) {
    var sizes = MaskSegmentationHeadConfig(embedDim: 16, taps: 2, classes: 3)
    (sizes.channels, sizes.queries, sizes.layers) = (8, 4, 1)
    let head = try MaskSegmentationHead(sizes, in: ParameterScope(seed: 3))
    let backbone = HeadBackbone(
      name: "tiny", model.config, fingerprint: try model.fingerprint(), blocks: [0, 1],
      normalize: true)
    var config = try HeadConfig(.segmentation, type: "mask", sizes: sizes, backbone: backbone)
    config.classes = ["wall", "floor", "sky"]
    change(&config)
    try HeadFolder.write(
      config, parameters: head.parameters.parameters.map { ($0.name, $0.value) }, card: "",
      to: folder.file("head"))
    return (try HeadFolder(path: folder.file("head")), head)
  }

  @Test("a mask head is read as it was written")
  func roundTrip() throws {
    let (read, head) = try write()
    let generator = try Generator(seed: 1)
    let maps = try (0..<2).map { _ in try Tensor.randn([2, 16, 3, 4], generator: generator) }

    let found = try read.segmentationHead()

    #expect(try (found(maps) - head(maps)).abs().max().item() < 1e-4)
    #expect(found.classes == 3 && found.taps == 2)
    #expect((found as? MaskSegmentationHead)?.config == head.config)
  }

  @Test("blocks, classes and sizes that contradict the weights are refused")
  func contradictions() throws {
    func complaint(_ change: (inout HeadConfig) -> Void) throws -> String {
      let (read, _) = try write(change)
      return (#expect(throws: ModelError.self) { try read.segmentationHead() }).map { "\($0)" }
        ?? ""
    }

    #expect(try complaint { $0.backbone.blocks = [1] }.contains("blocks"))
    #expect(try complaint { $0.classes = ["one"] }.contains("1 are named"))
    #expect(try complaint { $0.head.type = "linear" }.contains("head.sizes"))
  }
}
