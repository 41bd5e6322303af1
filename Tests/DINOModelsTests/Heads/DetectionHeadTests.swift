import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("Detection head")
struct DetectionHeadTests {
  private func config(finest: Int = 1, coarsest: Int = 2) -> DetectionHeadConfig {
    var config = DetectionHeadConfig(embedDim: 6, taps: 2, patchSize: 14, classes: 3)
    config.channels = 16
    (config.finest, config.coarsest) = (finest, coarsest)
    return config
  }

  private func patches(
    _ height: Int, _ width: Int, dtype: DType = .float32
  ) throws -> Tensor {
    try Tensor.randn([2, height, width, 12], generator: Generator(seed: 7), dtype: dtype)
  }

  @Test(
    "gives a score per class and a box at each cell of each level",
    arguments: [(1, 1), (3, 5), (4, 6)])
  func shapes(size: (Int, Int)) throws {
    let head = try DetectionHead(config(), in: ParameterScope(seed: 1))

    let output = try head(patches(size.0, size.1))

    let (h, w) = size
    let cells = [
      4 * h * w, h * w, ((h + 1) / 2) * ((w + 1) / 2),
      (((h + 1) / 2) + 1) / 2 * ((((w + 1) / 2) + 1) / 2),
    ]
    #expect(output.grid.levels.map(\.count) == cells)
    #expect(output.grid.levels.map(\.stride) == [7, 14, 28, 56])
    #expect(output.logits.shape == [2, cells.reduce(0, +), 3])
    #expect(output.boxes.shape == [2, cells.reduce(0, +), 4])
    // Boxes hold their cell's centre; scores begin low.
    let boxes = try output.boxes.select(dim: 0, 1).floats()
    let centers = output.grid.centers
    for place in 0..<output.grid.count {
      #expect(boxes[4 * place] < centers[2 * place] && centers[2 * place] < boxes[4 * place + 2])
      #expect(
        boxes[4 * place + 1] < centers[2 * place + 1]
          && centers[2 * place + 1] < boxes[4 * place + 3])
    }
    let scores = try output.logits.sigmoid().floats()
    #expect(scores.allSatisfy { $0 > 0.001 && $0 < 0.05 })
  }

  @Test("images of a batch do not touch each other")
  func batches() throws {
    let head = try DetectionHead(config(), in: ParameterScope(seed: 1))
    let both = try patches(3, 4)

    let together = try head(both)
    for image in 0..<2 {
      let alone = try head(both.narrow(dim: 0, image..<image + 1))
      let difference = try (alone.boxes.select(dim: 0, 0) - together.boxes.select(dim: 0, image))
        .abs().max().item()
      #expect(difference < 1e-3)
    }
  }

  @Test("gradients agree with finite differences in float64")
  func gradients() throws {
    let store = ParameterStore(initializingFrom: try Generator(seed: 4), dtype: .float64)
    let head = try DetectionHead(config(), in: store.root)
    let input = try patches(3, 3, dtype: .float64)
    func value() throws(TorchError) -> Tensor {
      let output = try head(input)
      return try output.logits.pow(2).mean() + output.boxes.pow(2).mean() / 100
    }
    try value().backward()

    for parameter in store.parameters {
      let gradient = try #require(parameter.value.grad, "\(parameter.name)").array(of: Double.self)
      let index = gradient.count / 3
      func moved(_ change: Double) throws -> Double {
        let shift = (0..<gradient.count).map { $0 == index ? change : 0 }
        return try withoutGradient { () throws(TorchError) in
          try parameter.value.add(inPlace: Tensor(shift, parameter.value.shape))
          return try value().item()
        }
      }
      let step = 1e-5
      let above = try moved(step)
      let below = try moved(-2 * step)
      _ = try moved(step)
      let numeric = (above - below) / (2 * step)
      #expect(
        abs(numeric - gradient[index]) <= 1e-6 * max(1, abs(numeric)),
        "\(parameter.name): \(gradient[index]), numeric \(numeric)")
    }
  }

  @Test("impossible sizes are refused, not made")
  func refusals() throws {
    var configs = [config(finest: 3), config(coarsest: -1), config(), config()]
    configs[2].classes = 0
    configs[3].channels = Int.max
    for wrong in configs {
      #expect(throws: TorchError.self) { try DetectionHead(wrong, in: ParameterScope(seed: 1)) }
    }
    let head = try DetectionHead(config(), in: ParameterScope(seed: 1))
    #expect(throws: TorchError.self) { try head(Tensor.zeros([1, 3, 3, 13])) }
    #expect(throws: TorchError.self) { try head(Tensor.zeros([3, 3, 12])) }
  }

  // MARK: Decoding

  private func box(
    _ x: Float, _ y: Float, _ side: Float, _ score: Float, _ label: Int = 0
  ) -> ScoredBox {
    ScoredBox([x, y, x + side, y + side], score: score, classIndex: label)
  }

  @Test("the weaker of two boxes of a class goes, one of another class stays")
  func suppression() {
    var decoding = DetectionDecoding()
    decoding.overlap = 0.5
    let boxes = [
      box(0, 0, 10, 0.5), box(1, 0, 10, 0.9), box(1, 1, 10, 0.4, 1), box(40, 0, 10, 0.1),
      box(1, 0, 10, 0.9),
    ]

    #expect(decoding.suppressed(boxes) == [boxes[1], boxes[2], boxes[3]])
    decoding.most = 1
    #expect(decoding.suppressed(boxes) == [boxes[1]])
  }

  @Test("what is kept is what the definition keeps", arguments: 0..<8)
  func definition(seed: UInt64) throws {
    let draws = try Tensor.rand([60, 5], generator: Generator(seed: seed)).floats()
    let boxes = (0..<60).map { index in
      box(
        draws[5 * index] * 40, draws[5 * index + 1] * 40, 8 + 20 * draws[5 * index + 2],
        draws[5 * index + 3], Int(draws[5 * index + 4] * 2))
    }
    let decoding = DetectionDecoding()
    let kept = decoding.suppressed(boxes)

    // A box is kept if and only if no kept box of its class that is better overlaps it too much.
    for candidate in boxes {
      let isBeaten = kept.contains {
        $0.classIndex == candidate.classIndex && $0.score > candidate.score
          && $0.overlap(with: candidate) > decoding.overlap
      }
      #expect(kept.contains(candidate) == !isBeaten)
    }
    #expect(zip(kept, kept.dropFirst()).allSatisfy { $0.score >= $1.score })
  }

  @Test("decoding takes scores above the least, at most so many, best first")
  func decoding() throws {
    let grid = DetectionGrid(height: 1, width: 2, config(finest: 0, coarsest: 0))
    let output = DetectionOutput(
      logits: try Tensor([Float(2), -9, 0, -9, -1, 3], [1, 2, 3]),
      boxes: try Tensor([Float(0), 0, 9, 9, 20, 0, 30, 8], [1, 2, 4]), grid: grid)
    var decoding = DetectionDecoding()
    decoding.leastScore = 0.4

    let found = try decoding.boxes(output, image: 0)

    #expect(found.map(\.classIndex) == [2, 0, 2])
    #expect(found.map(\.left) == [20, 0, 0] && found[0].right == 30)
    #expect(abs(found[1].score - 1 / (1 + exp(Float(-2)))) < 1e-6)
    decoding.candidates = 1
    #expect(try decoding.boxes(output, image: 0).count == 1)
    decoding.leastScore = 0.99
    #expect(try decoding.boxes(output, image: 0).isEmpty)
    #expect(throws: TorchError.self) { try decoding.boxes(output, image: 1) }
  }

  // MARK: Folder

  private func folderConfig(_ sizes: DetectionHeadConfig) throws -> HeadConfig {
    var model = VisionTransformerConfig()
    (model.embedDim, model.depth, model.patchSize) = (6, 4, 14)
    let backbone = HeadBackbone(
      name: "tiny", model, fingerprint: "f", blocks: [1, 3], normalize: true)
    var config = try HeadConfig(
      .detection, type: HeadConfig.Kind.anchorFree, sizes: sizes, backbone: backbone)
    config.classes = ["a", "b", "c"]
    return config
  }

  @Test("a head folder gives the same predictions; contradictions are refused")
  func folders() throws {
    let folder = try TemporaryFolder()
    let head = try DetectionHead(config(), in: ParameterScope(seed: 5))
    let parameters = head.parameters.parameters.map { (name: $0.name, tensor: $0.value) }
    let input = try patches(3, 4)
    try HeadFolder.write(
      folderConfig(config()), parameters: parameters, card: "", to: folder.file("head"))

    let read = try HeadFolder(path: folder.file("head")).detectionHead()

    #expect(read.config == head.config)
    #expect(try read(input).boxes.floats() == head(input).boxes.floats())
    #expect(try read(input).logits.floats() == head(input).logits.floats())

    var wrong = config()
    wrong.taps = 1
    try HeadFolder.write(
      folderConfig(wrong), parameters: parameters, card: "", to: folder.file("taps"))
    var unnamed = try folderConfig(config())
    unnamed.classes = ["a", "b"]
    try HeadFolder.write(unnamed, parameters: parameters, card: "", to: folder.file("classes"))
    wrong = config(finest: 2)
    try HeadFolder.write(
      folderConfig(wrong), parameters: parameters, card: "", to: folder.file("keys"))
    for name in ["taps", "classes", "keys"] {
      #expect(throws: ModelError.self, "\(name)") {
        try HeadFolder(path: folder.file(name)).detectionHead()
      }
    }
    #expect(throws: ModelError.self) {
      try HeadFolder(path: folder.file("head")).segmentationHead()
    }
  }
}
