import CheckpointFormats
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing
import Torch

@Suite("DensePredictor")
struct DensePredictorTests {
  private let folder: TemporaryFolder
  private let weights: String

  init() throws {
    folder = try TemporaryFolder()
    weights = try writeSmallModel(in: folder)
  }

  private func model() async throws -> DINOv2 {
    var request = ModelRequest(weights: weights)
    request.numHeads = 3
    return try await DINOv2.load(request)
  }

  /// The same model as libtorch runs it.
  private func reference() throws -> VisionTransformer {
    try ModelFile.load(weights, numHeads: 3).model
  }

  private func image(_ size: Size) throws -> PixelBuffer {
    var image = try PixelBuffer(size: size, fill: .black)
    for row in 0..<size.height {
      for column in 0..<size.width {
        image.setColor(
          RGB(UInt8(row * 5 % 256), UInt8(column * 7 % 256), UInt8(row * column % 256)),
          row: row, column: column)
      }
    }
    return image
  }

  private func tensor(_ image: PixelBuffer, _ head: HeadPreprocessing) throws -> Tensor {
    let batch = try Preprocessing(head).batch([image])
    return try Tensor(batch.values, [1, 3, batch.size.height, batch.size.width])
  }

  /// Writes a head folder with a random depth head on the last block.
  private func writeDepthHead(
    _ model: DINOv2, resize: Int?
  ) async throws -> (path: String, head: LinearDepthHead, preprocessing: HeadPreprocessing) {
    let backbone = try await model.headBackbone(blocks: [1], normalize: false)
    var sizes = LinearDepthHeadConfig(embedDim: 48, taps: 1)
    sizes.maxDepth = 6
    let head = try LinearDepthHead(sizes, in: ParameterScope(seed: 5))
    var config = try HeadConfig(.depth, type: "linear", sizes: sizes, backbone: backbone)
    config.preprocessing.resize = resize
    let path = folder.file("depth")
    try HeadFolder.write(
      config, parameters: head.parameters.parameters.map { ($0.name, $0.value) }, card: "",
      to: path)
    return (path, head, config.preprocessing)
  }

  @Test(
    "depth is that of the pipeline on libtorch's model, whatever the size of the image",
    arguments: [
      Size(height: 28, width: 42), Size(height: 37, width: 61), Size(height: 1, width: 3),
    ],
    [nil, 30])
  func depth(size: Size, resize: Int?) async throws {
    let model = try await model()
    let (path, head, preprocessing) = try await writeDepthHead(model, resize: resize)
    let predictor = try await DensePredictor(model, head: DenseHead(path: path))
    let image = try image(size)

    let found = try await predictor.depth(of: image)

    let estimator = try DepthEstimator(reference(), head: head, layers: .listed([1]))
    var options = DepthEstimator.Options()
    options.paddingRemoval = .crop
    let expected = try estimator(
      tensor(image, preprocessing), options,
      size: DenseSize(height: size.height, width: size.width)
    ).floats()
    #expect(found.size == size && found.metres.count == expected.count)
    let difference = zip(found.metres, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(difference < 1e-4, "\(difference)")
    #expect(predictor.head.maxDepth == 6 && predictor.head.task == .depth)
  }

  @Test("labels are those of the pipeline, also of windows, scales and flips")
  func labels() async throws {
    let model = try await model()
    let backbone = try await model.headBackbone(blocks: [0, 1], normalize: true)
    let sizes = LinearSegmentationHeadConfig(embedDim: 48, taps: 2, classes: 5)
    let head = try LinearSegmentationHead(sizes, in: ParameterScope(seed: 5))
    var config = try HeadConfig(.segmentation, type: "linear", sizes: sizes, backbone: backbone)
    config.classes = (0..<5).map { "class \($0)" }
    try HeadFolder.write(
      config, parameters: head.parameters.parameters.map { ($0.name, $0.value) }, card: "",
      to: folder.file("head"))
    let predictor = try await DensePredictor(model, head: DenseHead(path: folder.file("head")))
    let size = Size(height: 45, width: 70)
    let image = try image(size)
    let segmenter = try SemanticSegmenter(reference(), head: head, layers: .listed([0, 1]))
    let window = SlidingWindow(
      crop: DenseSize(height: 28, width: 28), stride: DenseSize(height: 14, width: 20))
    for isElaborate in [false, true] {
      var options = DensePredictor.Options()
      var expected = SemanticSegmenter.Options()
      expected.paddingRemoval = .crop
      if isElaborate {
        (options.window, options.scales, options.averagesFlip) = (window, [1, 1.5], true)
        (expected.window, expected.scales, expected.averagesFlip) = (window, [1, 1.5], true)
      }

      let found = try await predictor.labels(of: image, options)

      let wanted = try segmenter.labels(
        tensor(image, config.preprocessing), expected,
        size: DenseSize(height: size.height, width: size.width)
      ).array(of: Int64.self)
      let equal = zip(found.labels, wanted).count { Int64($0) == $1 }
      // Equal logits of two classes may be rounded either way.
      #expect(equal >= wanted.count - 3 && found.size == size, "\(equal) of \(wanted.count)")
      #expect(Set(found.labels).count > 1)
    }
  }

  @Test("released files give the original's maps: squeezed by the padding")
  func released() async throws {
    let model = try await model()
    let head = try LinearSegmentationHead(
      LinearSegmentationHeadConfig(embedDim: 48, taps: 1, classes: 4), in: ParameterScope(seed: 5))
    try Safetensors.write(
      head.parameters.parameters.map {
        (
          "decode_head." + $0.name,
          try StoredTensor(floats: $0.value.floats(), shape: $0.value.shape)
        )
      }, to: folder.file("released.safetensors"))
    let read = try DenseHead(path: folder.file("released.safetensors"))
    let predictor = try await DensePredictor(model, head: read)
    let image = try image(Size(height: 37, width: 50))

    let found = try await predictor.labels(of: image)

    let wanted = try SemanticSegmenter(reference(), head: head)
      .labels(tensor(image, read.preprocessing)).array(of: Int64.self)
    #expect(zip(found.labels, wanted).count { Int64($0) == $1 } >= wanted.count - 3)
    #expect(read.classCount == 4 && read.classNames == nil)
    var options = DenseHead.ReleasedOptions()
    options.classNames = ["one"]
    #expect(throws: InferenceError.self) {
      try DenseHead(path: folder.file("released.safetensors"), released: options)
    }
  }

  @Test("another model, another task and monstrous images are refused")
  func refusals() async throws {
    let model = try await model()
    let (path, _, _) = try await writeDepthHead(model, resize: 280)
    let head = try DenseHead(path: path)
    let predictor = try await DensePredictor(model, head: head)
    let small = try image(Size(height: 28, width: 28))
    let thread = try PixelBuffer(size: Size(height: 1, width: 4000), fill: .black)

    let task = await #expect(throws: InferenceError.self) { try await predictor.labels(of: small) }
    let size = await #expect(throws: InferenceError.self) { try await predictor.depth(of: thread) }
    #expect(task.map { "\($0)" }?.contains("is a head for depth") == true)
    #expect(size.map { "\($0)" }?.contains("280x1120000") == true)

    var request = ModelRequest("dinov2_vits14")
    request.randomSeed = 1
    let other = try await DINOv2.load(request)
    let backbone = await #expect(throws: InferenceError.self) {
      try await DensePredictor(other, head: head)
    }
    #expect(backbone.map { "\($0)" }?.contains("was made for small (width 48") == true)
    #expect(throws: InferenceError.self) { try DenseHead(path: folder.file("absent")) }
  }
}
