import CheckpointFormats
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("Dense pipelines")
struct DensePipelineTests {
  struct DepthCase: Decodable {
    struct Padding: Decodable {
      let image: [Int]
      let padded: [Int]
      let left: Int
      let top: Int
    }
    struct Slide: Decodable {
      let crop: [Int]
      let stride: [Int]
    }
    let file: String
    let layers: [Int]
    let minDepth: Double
    let maxDepth: Double
    let otherSize: [Int]
    let paddings: [Padding]
    let slide: Slide

    enum CodingKeys: String, CodingKey {
      case file, layers, paddings, slide
      case minDepth = "min_depth"
      case maxDepth = "max_depth"
      case otherSize = "other_size"
    }
  }

  static func size(_ sides: [Int]) -> DenseSize { DenseSize(height: sides[0], width: sides[1]) }

  @Test(
    "image to depth agrees with the original",
    arguments: Golden.named("eval/depth_pipeline_linear", "eval/depth_pipeline_dpt"))
  func depth(golden: Golden) throws {
    let settings = try golden.decodeConfig(DepthCase.self)
    let model = try model(golden)
    let head = try DenseHeadFile(path: golden.sideFile(settings.file)).depthHead(
      embedDim: model.config.embedDim, range: settings.minDepth...settings.maxDepth)
    let estimator = DepthEstimator(model, head: head, layers: .listed(settings.layers))
    let image = try golden.tensor("input.image")

    try golden.check(estimator(image), "expected.whole")
    try golden.check(
      estimator(image, size: Self.size(settings.otherSize)), "expected.whole_size")
    let mirrored = try estimator(image.flip(dims: [3])).flip(dims: [3])
    try golden.check(mirrored, "expected.flip")
    var options = DepthEstimator.Options()
    options.averagesFlip = true
    try golden.check(estimator(image, options), "expected.tta")
    options.averagesFlip = false
    options.window = SlidingWindow(
      crop: Self.size(settings.slide.crop), stride: Self.size(settings.slide.stride))
    try golden.check(estimator(image, options), "expected.slide")
  }

  @Test(
    "padding agrees with the original", arguments: Golden.named("eval/depth_pipeline_linear"))
  func padding(golden: Golden) throws {
    let padding = CenterPadding(multiple: try golden.modelConfig().patchSize)
    for expected in try golden.decodeConfig(DepthCase.self).paddings {
      let image = try Tensor.ones([1, 2, expected.image[0], expected.image[1]])
      let margins = padding.margins(height: expected.image[0], width: expected.image[1])
      let padded = try padding(image)

      #expect(margins.left == expected.left && margins.top == expected.top)
      #expect(padded.shape == [1, 2] + expected.padded)
      #expect(try padded.sum().item() == image.sum().item())
    }
    #expect(throws: TorchError.self) { try padding(.ones([1, 3, 0, 4])) }
  }

  struct SegmentationCase: Decodable {
    let classes: Int
    let layers: [Int]
    let crop: [Int]
    let stride: [Int]
    let otherSize: [Int]

    enum CodingKeys: String, CodingKey {
      case classes, layers, crop, stride
      case otherSize = "other_size"
    }
  }

  @Test("image to labels agrees with the original", arguments: Golden.named("eval/seg_pipeline"))
  func segmentation(golden: Golden) throws {
    let settings = try golden.decodeConfig(SegmentationCase.self)
    let model = try model(golden)
    let store = ParameterStore(awaitingWeights: .float32)
    let head = try LinearSegmentationHead(
      LinearSegmentationHeadConfig(
        embedDim: model.config.embedDim, taps: settings.layers.count, classes: settings.classes),
      in: store.root)
    try store.load(golden.weights("decode_head."))
    let segmenter = SemanticSegmenter(model, head: head, layers: .listed(settings.layers))
    let image = try golden.tensor("input.image")

    let logits = try segmenter.logits(image).every(4, dim: 2).every(4, dim: 3)
    try golden.check(logits, "expected.whole.window_logits_every_fourth_pixel")
    let size = Self.size(settings.otherSize)
    for mode in ["whole", "slide"] {
      var options = SemanticSegmenter.Options()
      if mode == "slide" {
        options.window = SlidingWindow(
          crop: Self.size(settings.crop), stride: Self.size(settings.stride))
      }
      let probabilities = try segmenter.probabilities(image, options, size: size)
      try golden.check(
        probabilities.every(3, dim: 2).every(3, dim: 3),
        "expected.\(mode).probs_every_third_pixel")
      try checkLabels(segmenter.labels(image, options, size: size), golden, "\(mode).", "")
      options.averagesFlip = true
      try checkLabels(segmenter.labels(image, options, size: size), golden, "\(mode).", "flip_")
    }
  }

  private func checkLabels(
    _ labels: Tensor, _ golden: Golden, _ mode: String, _ kind: String
  ) throws {
    let expected = try golden["expected.\(mode)\(kind)labels"]
    let close = try golden["expected.\(mode)\(kind)close"].integers()
    #expect(labels.shape == expected.shape)
    let got = try labels.array(of: Int64.self)
    let wrong = zip(got, try expected.integers()).enumerated().filter {
      $0.element.0 != Int64($0.element.1) && close[$0.offset] == 0
    }
    #expect(wrong.isEmpty, "\(mode)\(kind)labels: \(wrong.count) pixels differ")
  }

  @Test("windows cover every pixel and lie inside")
  func windows() {
    for (h, w) in [(1, 1), (10, 30), (31, 9), (64, 65), (100, 37)] {
      let window = SlidingWindow(
        crop: DenseSize(height: 16, width: 24), stride: DenseSize(height: 11, width: 24))
      var seen = [Int](repeating: 0, count: h * w)
      for (rows, columns) in window.windows(in: DenseSize(height: h, width: w)) {
        #expect(rows.lowerBound >= 0 && rows.upperBound <= h && rows.count == min(16, h))
        #expect(columns.lowerBound >= 0 && columns.upperBound <= w && columns.count == min(24, w))
        for y in rows { for x in columns { seen[y * w + x] += 1 } }
      }
      #expect(seen.allSatisfy { $0 > 0 }, "\(h) × \(w)")
    }
  }

  @Test("registers, any size and both ways to remove padding give maps", arguments: [0, 2])
  func registers(registers: Int) throws {
    let model = try VisionTransformer.random(registers: registers)
    let head = try LinearDepthHead(
      LinearDepthHeadConfig(embedDim: model.config.embedDim, taps: 1),
      in: ParameterScope(seed: 1))
    let estimator = DepthEstimator(model, head: head)
    for (h, w) in [(8, 16), (13, 27), (1, 1)] {
      let image = try Tensor.randn([2, 3, h, w], generator: Generator(seed: 4))
      for removal in [PaddingRemoval.squeeze, .crop] {
        var options = DepthEstimator.Options()
        options.paddingRemoval = removal
        let map = try estimator(image, options)
        #expect(map.shape == [2, 1, h, w])
        #expect(try map.floats().allSatisfy { $0 >= 0.001 && $0 <= 80 })
        #expect(
          try estimator(image, options, size: DenseSize(height: 5, width: 6)).shape == [2, 1, 5, 6])
      }
    }
  }

  @Test("several scales and flips give probabilities")
  func scales() throws {
    let model = try VisionTransformer.random()
    let head = try LinearSegmentationHead(
      LinearSegmentationHeadConfig(embedDim: model.config.embedDim, taps: 2, classes: 5),
      in: ParameterScope(seed: 1))
    let segmenter = SemanticSegmenter(model, head: head)
    let image = try Tensor.randn([1, 3, 21, 35], generator: Generator(seed: 4))
    var options = SemanticSegmenter.Options.multiScale
    options.window = SlidingWindow(
      crop: DenseSize(height: 24, width: 24), stride: DenseSize(height: 16, width: 16))
    let probabilities = try segmenter.probabilities(image, options)

    #expect(probabilities.shape == [1, 5, 21, 35])
    #expect(try probabilities.sum(dim: 1).floats().allSatisfy { abs($0 - 1) < 1e-5 })
    options.scales = []
    #expect(throws: TorchError.self) { try segmenter.probabilities(image, options) }
    options.scales = [0.001]
    #expect(throws: TorchError.self) { try segmenter.probabilities(image, options) }
  }
}
