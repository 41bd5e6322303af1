import DINOInference
import DINOModels
import Foundation
import Imaging
import Testing

@Suite("ShippedModel")
struct ShippedModelTests {
  struct Config: Decodable {
    let cropSize: [String: Int]
    let size: [String: Int]
  }

  @Test("is small, lies beside the program, and says itself how images become its input")
  func folder() throws {
    let folder = try #require(ShippedModel.folder)
    let bytes = try Data(contentsOf: URL(filePath: "\(folder)/model.safetensors")).count
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    let config = try decoder.decode(
      Config.self, from: Data(contentsOf: URL(filePath: "\(folder)/preprocessor_config.json")))
    let card = try String(contentsOfFile: "\(folder)/README.md", encoding: .utf8)

    #expect(bytes < 12_000_000)
    #expect(config.cropSize["height"] == ShippedModel.preprocessing.crop?.height)
    #expect(
      config.size["shortestEdge"] ?? config.size["shortest_edge"]
        == ShippedModel.preprocessing.resize)
    #expect(card.contains("CC BY 4.0") && card.contains("dinov2 pretrain"))
  }

  @Test("is what a request without a name gets, and what its name gets")
  func loading() async throws {
    let image = try PixelBuffer(size: Size(height: 120, width: 160), fill: RGB(200, 90, 20))
    let unnamed = try await DINOv2.load()
    let named = try await DINOv2.load(ShippedModel.name)
    let features = try await unnamed.features(of: image)

    #expect(unnamed.config.parameterCount <= 6_000_000 && unnamed.config.patchSize <= 14)
    #expect(unnamed.preprocessing == ShippedModel.preprocessing)
    #expect(features.patches.grid.count == 49)
    #expect(features.clsToken.allSatisfy { $0.isFinite })
    let same = try await named.features(of: image)
    #expect(same.clsToken == features.clsToken)
  }

  @Test("does not answer for a file of weights or a released name")
  func others() async throws {
    await #expect(throws: InferenceError.self) {
      try await DINOv2.load(ModelRequest("dinov2_vits14"))
    }
    await #expect(throws: InferenceError.self) {
      try await DINOv2.load(ModelRequest(nil, weights: "/no/such/file.pth"))
    }
  }
}
