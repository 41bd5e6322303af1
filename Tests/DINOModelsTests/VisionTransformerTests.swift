import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("VisionTransformer")
struct VisionTransformerTests {
  private func tiny(_ change: (inout VisionTransformerConfig) -> Void = { _ in }) throws
    -> VisionTransformer
  {
    var config = VisionTransformerConfig()
    config.imageSize = 56
    config.embedDim = 24
    config.depth = 3
    config.numHeads = 3
    change(&config)
    return try VisionTransformer(config, in: ParameterScope(seed: 2))
  }

  private func image(_ height: Int, _ width: Int, batch: Int = 1, channels: Int = 3) throws
    -> Tensor
  {
    try .randn([batch, channels, height, width], generator: Generator(seed: 6))
  }

  @Test(
    "has the released numbers of parameters",
    arguments: [
      ("dinov2_vits14", 22_056_576), ("dinov2_vitb14", 86_580_480),
      ("dinov2_vitl14", 304_368_640), ("dinov2_vitg14", 1_136_480_768),
      ("dinov2_vits14_reg", 22_058_112), ("dinov2_vitb14_reg", 86_583_552),
      ("dinov2_vitl14_reg", 304_372_736), ("dinov2_vitg14_reg", 1_136_486_912),
    ])
  func parameterCounts(name: String, count: Int) throws {
    let config = try #require(VisionTransformerConfig.released(named: name))
    let store = ParameterStore(awaitingWeights: .float32)

    _ = try VisionTransformer(config, in: store.root)

    #expect(store.trainableCount == count)
  }

  @Test("treats the images of a batch independently")
  func batch() throws {
    let model = try tiny()
    let images = try image(42, 28, batch: 3)

    let together = try model(images)

    for index in 0..<3 {
      let alone = try model(images.narrow(dim: 0, index..<index + 1)).floats()
      let row = try together.narrow(dim: 0, index..<index + 1).floats()
      for (a, b) in zip(alone, row) { #expect(abs(a - b) < 1e-4) }
    }
  }

  @Test("gives attention that sums to one over all tokens", arguments: [0, 4])
  func attention(registers: Int) throws {
    let model = try tiny { $0.numRegisterTokens = registers }

    let (weights, grid) = try model.attentionWeights(image(28, 70, batch: 2))

    let count = 1 + registers + 2 * 5
    #expect(grid == PatchGrid(height: 2, width: 5))
    #expect(weights.shape == [2, 3, count, count])
    for sum in try weights.sum(dim: -1).floats() { #expect(abs(sum - 1) < 1e-5) }
  }

  @Test("mixes values by the weights that it reports")
  func attentionIsWhatIsUsed() throws {
    let scope = try ParameterScope(seed: 3)
    var config = VisionTransformerConfig()
    config.embedDim = 8
    config.numHeads = 1
    let attention = try Attention(config, in: scope)
    let x = try Tensor.randn([2, 5, 8], generator: Generator(seed: 1))
    let store = scope.parameterStore
    let qkv = try x.linear(
      weight: #require(store["qkv.weight"]).value, bias: store["qkv.bias"]?.value)

    let values = try qkv.chunk(3, dim: -1)[2]
    let mixed = try attention.weights(x).squeeze(dim: 1).matmul(values)
      .linear(weight: #require(store["proj.weight"]).value, bias: store["proj.bias"]?.value)

    let used = try attention(RecomputedInput(from: [x]) { $0[0] })
    for (a, b) in zip(try used.floats(), try mixed.floats()) { #expect(abs(a - b) < 1e-6) }
  }

  @Test("takes images with other numbers of channels")
  func channels() throws {
    let model = try tiny { $0.inChannels = 7 }

    #expect(try model(image(28, 28, channels: 7)).shape == [1, 24])
    let error = #expect(throws: TorchError.self) { try model(image(28, 28)) }
    #expect(error?.message.contains("3 channels") == true)
  }

  @Test("says which size would fit")
  func sizes() throws {
    let error = #expect(throws: TorchError.self) { try tiny()(image(30, 28)) }

    #expect(error?.message.contains("28 × 28") == true)
  }

  @Test("refuses contradictory sizes with every reason")
  func contradictions() throws {
    let error = #expect(throws: TorchError.self) {
      _ = try tiny {
        $0.numHeads = 5
        $0.patchSize = 0
      }
    }

    #expect(error?.message.contains("num_heads 5") == true)
    #expect(error?.message.contains("patch_size is 0") == true)
  }

  @Test("drops branches in training only, and never all samples")
  func stochasticDepth() throws {
    let model = try tiny { $0.dropPathRate = 0.9 }
    let images = try image(28, 28, batch: 4)

    let still = try model.forwardFeatures(images).clsToken.floats()
    let generator = try Generator(seed: 8)
    let dropped = try model.forwardFeatures(images, .training(generator)).clsToken.floats()

    #expect(try model.forwardFeatures(images).clsToken.floats() == still)
    #expect(dropped != still)
    #expect(StochasticDepth(rate: 0.9).keptCount(of: 4) == 1)
  }
}
