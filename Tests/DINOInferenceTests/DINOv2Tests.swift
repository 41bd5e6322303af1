import DINOInference
import DINOModels
import DINOTestSupport
import Imaging
import Testing

/// The library's front: loading by every kind of name, features of images.
@Suite("DINOv2")
struct DINOv2Tests {
  private let folder: TemporaryFolder
  private let path: String

  init() throws {
    folder = try TemporaryFolder()
    path = try writeSmallModel(in: folder)
  }

  private func load() async throws -> DINOv2 {
    var request = ModelRequest(path)
    request.numHeads = 3
    return try await DINOv2.load(request)
  }

  @Test("gives class token and patch tokens of the sizes that the model has")
  func sizes() async throws {
    let model = try await load()
    let image = try PixelBuffer(size: Size(height: 300, width: 400), fill: RGB(10, 200, 30))

    let features = try await model.features(of: image)

    #expect(features.clsToken.count == 48 && features.registerTokens.isEmpty)
    #expect(features.patches.grid.height == 16 && features.patches.grid.width == 16)
    #expect(!features.patches.values.contains { !$0.isFinite })
  }

  @Test("handles images of different sizes in one call, in their order")
  func mixedSizes() async throws {
    let model = try await load()
    let whole = Preprocessing(resize: nil, crop: nil)
    let images = try [(28, 42), (56, 28), (28, 42)].enumerated().map { index, size in
      try PixelBuffer(
        size: Size(height: size.0, width: size.1), fill: RGB(UInt8(80 * index), 20, 40))
    }

    let features = try await model.features(of: images, whole)

    #expect(features.map(\.patches.grid.height) == [2, 4, 2])
    for (image, feature) in zip(images, features) {
      let alone = try await model.features(of: image, whole)
      #expect((zip(alone.clsToken, feature.clsToken).map { abs($0 - $1) }.max() ?? 1) < 1e-5)
    }
  }

  @Test("attention weights leave room for the class token")
  func attention() async throws {
    let model = try await load()
    let image = try PixelBuffer(size: Size(height: 56, width: 56), fill: RGB(120, 20, 40))

    let map = try await model.attention(of: image, Preprocessing(resize: nil, crop: nil))

    #expect(map.heads == 3 && map.values.count == 3 * 16)
    for head in 0..<3 {
      let sum = map.values[head * 16..<(head + 1) * 16].reduce(0, +)
      #expect(sum > 0 && sum < 1)
    }
  }

  @Test("serves many tasks at once")
  func concurrentTasks() async throws {
    let model = try await load()
    let image = try PixelBuffer(size: Size(height: 28, width: 28), fill: RGB(1, 2, 3))
    let whole = Preprocessing(resize: nil, crop: nil)
    let expected = try await model.features(of: image, whole).clsToken

    try await withThrowingTaskGroup { group in
      for _ in 0..<20 {
        group.addTask { try await model.features(of: image, whole).clsToken }
      }
      for try await token in group { #expect(token == expected) }
    }
  }

  @Test(
    "understands the three names of a released model",
    arguments: [
      "dinov2_vitb14_reg", "facebook/dinov2-with-registers-base", "dinov2-with-registers-base",
      "vit_base_patch14_reg4_dinov2.lvd142m", "timm/vit_base_patch14_reg4_dinov2",
    ])
  func names(name: String) throws {
    let model = try #require(ModelName(name))

    #expect(model.meta == "dinov2_vitb14_reg")
    #expect(model.config.embedDim == 768 && model.config.numRegisterTokens == 4)
  }

  @Test("says what is wrong with a model that cannot be had")
  func wrongModels() async throws {
    let cases: [(ModelRequest, String)] = [
      (ModelRequest("dinov2_vitx14"), "did you mean dinov2_vit"),
      (ModelRequest("dinov2_vits14"), "pass --weights FILE"),
      (ModelRequest("dinov2_vits14", weights: path), "embed_dim is 48, expected 384"),
      (ModelRequest("dinov2_vits14", weights: "/no/such/file.pth"), "/no/such/file.pth"),
      (ModelRequest(path, weights: path), "leave --weights out"),
    ]
    for (request, text) in cases {
      let error = await #expect(throws: InferenceError.self) { try await DINOv2.load(request) }
      let message = error.map { "\($0)" } ?? ""
      #expect(message.contains(text), "\(message)")
      #expect(!message.contains("\n"))
    }
  }
}
