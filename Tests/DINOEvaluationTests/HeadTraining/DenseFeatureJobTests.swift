import CheckpointFormats
import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Synchronization
import Testing
import Torch

@Suite("DenseFeatureJob")
struct DenseFeatureJobTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    for index in 0..<7 {
      let path = try folder.write("photos/\(index).png", [])
      var image = try PixelBuffer(
        size: Size(height: index % 2 == 0 ? 28 : 30, width: 42), fill: RGB(40, 90, 200))
      for row in 0..<image.height {
        for column in 0..<42 {
          image.setColor(
            RGB(UInt8(6 * row), UInt8(4 * column), UInt8(30 * index)), row: row, column: column)
        }
      }
      try ImageEncoder().write(image, to: path)
      try folder.write("work/.keep", [])
    }
  }

  private func model() async throws -> DINOv2 {
    var config = VisionTransformerConfig()
    (config.embedDim, config.depth, config.numHeads) = (48, 3, 3)
    config.imageSize = 56
    let model = try VisionTransformer(config, in: ParameterScope(seed: 1))
    var tensors: [(name: String, tensor: StoredTensor)] = []
    for (name, tensor) in model.stateDict {
      tensors.append((name, try StoredTensor(floats: tensor.floats(), shape: tensor.shape)))
    }
    try Safetensors.write(tensors, to: folder.file("small.safetensors"))
    var request = ModelRequest(weights: folder.file("small.safetensors"))
    request.numHeads = 3
    return try await DINOv2.load(request)
  }

  private func job(cached: Bool = true) throws -> DenseFeatureJob {
    var preprocessing = Preprocessing(resize: nil, crop: nil)
    preprocessing.patchSize = 1
    var job = DenseFeatureJob(
      try ImageInputs.expand([folder.file("photos")]), preprocessing, blocks: [0, 2],
      normalize: true, workFolder: folder.file("work"))
    job.batch = 2
    job.cache = cached ? FeatureCache(folder: folder.file("cache")) : nil
    return job
  }

  @Test("rows are the tokens of each image, blocks side by side")
  func rows() async throws {
    let model = try await model()
    let found = try #require(try await job(cached: false)(with: model))

    // 28 × 42 pixels are 2 × 3 patches, 30 × 42 are padded to 3 × 3.
    #expect(found.places.map { $0?.grid.height } == [2, 3, 2, 3, 2, 3, 2])
    #expect(found.rows.shape == [4 * 7 + 3 * 10, 96] && found.embedDim == 48)
    let place = try #require(found.places[2])
    let image = try ImageDecoder().decode(path: folder.file("photos/2.png"))
    let batch = try job().preprocessing.batch([image])
    let tokens = try await model.tokens(of: batch, after: [0, 2])
    let cls = try found.clsToken(place).floats()
    let patches = try found.patches(place).floats()
    let expected = (0..<6).flatMap { patch in
      tokens.flatMap { Array($0.patchTokens(0).dropFirst(48 * patch).prefix(48)) }
    }
    let difference = zip(patches, expected).map { abs($0 - $1) }.max() ?? .infinity
    #expect(patches.count == expected.count && difference < 1e-4, "\(difference)")
    let all = tokens.flatMap { Array($0.clsToken(0)) }
    #expect(zip(cls, all).allSatisfy { abs($0 - $1) < 1e-4 } && cls.count == 96)
  }

  @Test("complete sets are found again in the cache, until something changes")
  func cache() async throws {
    let model = try await model()
    let first = try #require(try await job()(with: model))
    let second = try #require(try await job()(with: model))
    #expect(!first.isCached && second.isCached)
    #expect(try first.rows.floats() == second.rows.floats())
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("work")) == [".keep"])

    var other = try job()
    other.normalize = false
    let prenorm = try #require(try await other(with: model))
    #expect(!prenorm.isCached)
    #expect(try prenorm.rows.floats() != first.rows.floats())
    try ImageEncoder().write(
      PixelBuffer(size: Size(height: 28, width: 28), fill: RGB(1, 2, 3)),
      to: folder.file("photos/0.png"))
    let changed = try #require(try await job()(with: model))
    #expect(!changed.isCached)
  }

  @Test("a job that was stopped goes on from what it had", arguments: [true, false])
  func resuming(cached: Bool) async throws {
    let model = try await model()
    let whole = try #require(try await job(cached: false)(with: model))
    let expected = try whole.rows.floats()
    for name in ["features.npy", "features.txt"] {
      try FileManager.default.removeItem(atPath: folder.file("work/\(name)"))
    }
    let seen = Mutex(0)
    let stopped = try await job(cached: cached)(
      with: model, shouldStop: { seen.withLock { $0 >= 4 } },
      progress: { count in seen.withLock { $0 = count } })
    #expect(stopped == nil && seen.withLock { $0 } == 4)
    // An image that was seen is not looked at again for its features.
    let counts = Mutex([Int]())
    let second = try #require(
      try await job(cached: cached)(
        with: model, progress: { count in counts.withLock { $0.append(count) } }))

    #expect(counts.withLock { $0.first } == 4 && counts.withLock { $0.last } == 7)
    #expect(try second.rows.floats() == expected && !second.isCached)
  }

  @Test("images that cannot be read have no place")
  func failures() async throws {
    try folder.write("photos/3.png", Array("no image".utf8))
    let model = try await model()
    for isCached in [false, true] {
      let found = try #require(try await job()(with: model))
      #expect(found.places[3] == nil && found.failures.count == 1 && found.isCached == isCached)
      #expect(found.rows.shape[0] == 4 * 7 + 2 * 10)
    }
  }
}
