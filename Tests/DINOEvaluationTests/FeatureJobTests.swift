import CheckpointFormats
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing
import Torch

@Suite("FeatureJob")
struct FeatureJobTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for index in 0..<6 {
      let name = index % 2 == 0 ? "cat" : "dog"
      try FileManager.default.createDirectory(
        atPath: folder.file("photos/\(name)"), withIntermediateDirectories: true)
      var image = try PixelBuffer(
        size: Size(height: 40 + index, width: 60), fill: RGB(UInt8(30 * index), 90, 200))
      for row in 0..<40 {
        for column in 0..<60 {
          image.setColor(
            RGB(UInt8(6 * row), UInt8(4 * column), UInt8(30 * index)), row: row, column: column)
        }
      }
      try ImageEncoder().write(image, to: folder.file("photos/\(name)/\(index).png"))
    }
  }

  private func model(seed: UInt64 = 1) async throws -> DINOv2 {
    var config = VisionTransformerConfig()
    (config.embedDim, config.depth, config.numHeads) = (48, 2, 3)
    config.imageSize = 56
    let model = try VisionTransformer(config, in: ParameterScope(seed: seed))
    var tensors: [(name: String, tensor: StoredTensor)] = []
    for (name, tensor) in model.stateDict {
      tensors.append((name, try StoredTensor(floats: tensor.floats(), shape: tensor.shape)))
    }
    try Safetensors.write(tensors, to: folder.file("small\(seed).safetensors"))
    var request = ModelRequest(weights: folder.file("small\(seed).safetensors"))
    request.numHeads = 3
    return try await DINOv2.load(request)
  }

  private func job(cached: Bool = true) throws -> FeatureJob {
    var job = FeatureJob(
      try LabelledImages([folder.file("photos")]),
      preprocessing: Preprocessing(resize: 32, crop: Size(height: 28, width: 28)))
    job.layers = 2
    job.batch = 4
    job.cache = cached ? FeatureCache(folder: folder.file("cache")) : nil
    return job
  }

  @Test("gives class tokens of the last blocks and the mean patch token")
  func rows() async throws {
    let model = try await model()

    let found = try await job(cached: false)(with: model)

    #expect(found.rows.shape == [6, 3 * 48] && found.labels == [0, 0, 0, 1, 1, 1])
    let image = try ImageDecoder().decode(path: folder.file("photos/dog/3.png"))
    let batch = try job().preprocessing.batch([image])
    let blocks = try await model.tokens(of: batch, after: [0, 1])
    let expected = blocks[0].clsToken(0) + blocks[1].clsToken(0) + blocks[1].patchMean(0)
    // Fifth of cat/0, cat/2, cat/4, dog/1, dog/3, dog/5.
    let row = try found.rows.floats()[4 * 144..<5 * 144]
    let difference = zip(row, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(row.count == expected.count && difference < 1e-4, "\(difference)")
    #expect(try found.clsTokens.floats()[4 * 48] == row[row.startIndex + 48])
  }

  @Test("finds features again, until model, images or preprocessing change")
  func cache() async throws {
    let model = try await model()
    let first = try await job()(with: model)
    let second = try await job()(with: model)
    #expect(!first.isCached && second.isCached)
    #expect(try first.rows.floats() == second.rows.floats() && first.labels == second.labels)

    let other = try await job()(with: self.model(seed: 2))
    #expect(!other.isCached)
    var wider = try job()
    wider.preprocessing.resize = 30
    let resized = try await wider(with: model)
    #expect(!resized.isCached)
    let image = try PixelBuffer(size: Size(height: 33, width: 33), fill: RGB(1, 2, 3))
    try ImageEncoder().write(image, to: folder.file("photos/cat/0.png"))
    let changed = try await job()(with: model)
    #expect(!changed.isCached)
  }

  @Test("leaves out images that cannot be read, also when they come from the cache")
  func badFile() async throws {
    try folder.write("photos/cat/3a.png", Array("no image".utf8))
    let model = try await model()
    for isCached in [false, true] {
      let found = try await job()(with: model)
      #expect(found.isCached == isCached && found.failures.count == 1)
      #expect(found.labels == [0, 0, 0, 1, 1, 1] && found.rows.shape[0] == 6)
    }
  }

  @Test("draws the same random views from the same seed")
  func views() async throws {
    let model = try await model()
    var augmented = try job(cached: false)
    augmented.augmentation = .init(views: 2, seed: 7)
    let one = try await augmented(with: model)
    let other = try await augmented(with: model)
    #expect(one.rows.shape[0] == 12 && one.labels == [0, 0, 0, 1, 1, 1, 0, 0, 0, 1, 1, 1])
    #expect(try one.rows.floats() == other.rows.floats())
    let values = try one.rows.floats()
    #expect(values[0..<144] != values[6 * 144..<7 * 144])
  }

  @Test("gives equal class names equal indices, and refuses unknown ones")
  func agreement() throws {
    let train = try LabelledImages([folder.file("photos")])
    try FileManager.default.createDirectory(
      atPath: folder.file("test/dog"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: folder.file("photos/dog/1.png"), toPath: folder.file("test/dog/1.png"))
    let test = try LabelledImages([folder.file("test")])
    #expect(test.labels == [0])
    #expect(try ClassAgreement.labels(of: test, in: train) == [1])
    let error = #expect(throws: DataError.self) {
      try ClassAgreement.labels(of: train, in: test)
    }
    #expect(error?.category == .unusableDataSet)
  }
}
