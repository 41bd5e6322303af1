import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("Depth heads")
struct DepthHeadTests {
  struct LinearCase: Decodable {
    struct Variant: Decodable {
      let classify: Bool
      let layers: Int
      let minDepth: Double
      let maxDepth: Double
      let bins: Int?
      let spacing: DepthBins.Spacing?
      let weighting: DepthBins.Weighting?
      let scalesSigmoid: Bool?

      enum CodingKeys: String, CodingKey {
        case classify, layers
        case minDepth = "min_depth"
        case maxDepth = "max_depth"
        case bins = "n_bins"
        case spacing = "bins_strategy"
        case weighting = "norm_strategy"
        case scalesSigmoid = "scale_up"
      }

      func config(embedDim: Int, upsampling: Int) -> LinearDepthHeadConfig {
        var config = LinearDepthHeadConfig(embedDim: embedDim, taps: layers)
        (config.minDepth, config.maxDepth) = (minDepth, maxDepth)
        config.bins =
          classify
          ? DepthBins(
            count: bins ?? 256, spacing: spacing ?? .uniform, weighting: weighting ?? .linear)
          : nil
        config.scalesSigmoid = scalesSigmoid ?? false
        config.upsampling = upsampling
        return config
      }
    }
    let dim: Int
    let upsample: Int
    let variants: [String: Variant]
  }

  @Test("linear heads agree with the original", arguments: Golden.named("eval/depth_linear_head"))
  func linear(golden: Golden) throws {
    let settings = try golden.decodeConfig(LinearCase.self)
    let taps = try golden.taps("input.layer.")
    for (name, variant) in settings.variants.sorted(by: { $0.key < $1.key }) {
      let store = ParameterStore(awaitingWeights: .float32)
      let head = try LinearDepthHead(
        variant.config(embedDim: settings.dim, upsampling: settings.upsample), in: store.root)
      try store.load(golden.weights("weights.\(name).decode_head."))

      let depth = try head(Array(taps.prefix(variant.layers)))

      try golden.check(depth, "expected.\(name).depth")
    }
  }

  struct DPTCase: Decodable {
    let dim: Int
    let channels: Int
    let minDepth: Double
    let maxDepth: Double
    let reassembled: [Int]

    enum CodingKeys: String, CodingKey {
      case dim, channels
      case minDepth = "min_depth"
      case maxDepth = "max_depth"
      case reassembled = "post_process_channels"
    }
  }

  @Test("the DPT head agrees with the original", arguments: Golden.named("eval/depth_dpt_head"))
  func dpt(golden: Golden) throws {
    let settings = try golden.decodeConfig(DPTCase.self)
    for readout in [DPTDepthHeadConfig.Readout.project, .add, .ignore] {
      var config = DPTDepthHeadConfig(embedDim: settings.dim)
      config.channels = settings.channels
      config.reassembledChannels = settings.reassembled
      config.readout = readout
      (config.minDepth, config.maxDepth) = (settings.minDepth, settings.maxDepth)
      let store = ParameterStore(awaitingWeights: .float32)
      let head = try DPTDepthHead(config, in: store.root)
      try store.load(golden.weights("weights.\(readout.rawValue).decode_head."))

      try golden.check(
        head(golden.taps("input.layer.")), "expected.\(readout.rawValue).depth")
      try golden.check(
        head(golden.taps("input.odd.layer.")), "expected.\(readout.rawValue).depth_odd")
    }
  }

  @Test("bins give a mean of their centres", arguments: [DepthBins.Weighting.linear, .softmax])
  func binsAreBounded(weighting: DepthBins.Weighting) throws {
    let bins = DepthBins(count: 5, weighting: weighting)
    let logits = try Tensor.randn([2, 5, 3, 4], generator: Generator(seed: 1)) * 9
    let depth = try bins.depth(of: logits, in: 2...4)
    #expect(depth.shape == [2, 1, 3, 4])
    #expect(try depth.floats().allSatisfy { (2...4).contains($0) })
    let even = try bins.depth(of: .zeros([1, 5, 1, 1]), in: 2...4)
    #expect(try abs(even.item() - 3) < 1e-6)
  }

  @Test("gradients of a DPT head agree with finite differences")
  func gradients() throws {
    var config = DPTDepthHeadConfig(embedDim: 8)
    config.channels = 4
    config.reassembledChannels = [1, 2, 3, 4]
    let head = try DPTDepthHead(config, in: ParameterScope(seed: 3, dtype: .float64))
    try checkGradients(head, embedDim: 8)
  }

  @Test("gradients of a linear head agree with finite differences")
  func linearGradients() throws {
    let config = LinearDepthHeadConfig(embedDim: 3, taps: 4)
    let head = try LinearDepthHead(config, in: ParameterScope(seed: 3, dtype: .float64))
    try checkGradients(head, embedDim: 3)
  }

  private func checkGradients(_ head: any DepthHead, embedDim: Int) throws {
    let generator = try Generator(seed: 5)
    let taps = try (0..<4).map { _ in
      try FeatureTap(
        maps: .randn([2, embedDim, 3, 2], generator: generator, dtype: .float64),
        clsToken: .randn([2, embedDim], generator: generator, dtype: .float64))
    }
    let parameters = head.parameters.parameters
    let gradients = try head(taps).pow(2).mean().gradients(of: parameters.map(\.value))
    for (parameter, gradient) in zip(parameters, gradients) {
      let gradient = try #require(gradient, "\(parameter.name) has no gradient")
      let value = try parameter.value.detached()
      let direction = try Tensor.randn(value.shape, generator: generator, dtype: .float64)
      let analytic = try (gradient * direction).sum().item()
      let step = 1e-6
      try value.add(inPlace: direction, scale: step)
      let above = try head(taps).pow(2).mean().item()
      try value.add(inPlace: direction, scale: -2 * step)
      let below = try head(taps).pow(2).mean().item()
      try value.add(inPlace: direction, scale: step)
      let numeric = (above - below) / (2 * step)
      #expect(
        abs(numeric - analytic) <= 1e-4 * max(1, abs(numeric)),
        "\(parameter.name): \(analytic), numeric \(numeric)")
    }
  }

  @Test("a wrong number of taps, grid or width is refused")
  func refusals() throws {
    let config = LinearDepthHeadConfig(embedDim: 4, taps: 2)
    let head = try LinearDepthHead(config, in: ParameterScope(seed: 0))
    func tap(_ d: Int, _ h: Int) throws -> FeatureTap {
      try FeatureTap(maps: .ones([1, d, h, 2]), clsToken: .ones([1, d]))
    }
    #expect(throws: TorchError.self) { try head([tap(4, 2)]) }
    #expect(throws: TorchError.self) { try head([tap(4, 2), tap(4, 3)]) }
    #expect(throws: TorchError.self) { try head([tap(4, 2), tap(5, 2)]) }
    #expect(throws: TorchError.self) {
      try FeatureTap(maps: .ones([1, 4, 2, 2]), clsToken: .ones([2, 4]))
    }
    #expect(throws: TorchError.self) {
      try LinearDepthHead(LinearDepthHeadConfig(embedDim: 0, taps: 1), in: ParameterScope(seed: 0))
    }
    #expect(throws: TorchError.self) {
      var config = DPTDepthHeadConfig(embedDim: 8)
      config.reassembledChannels = [1, 2, 4]
      return try DPTDepthHead(config, in: ParameterScope(seed: 0))
    }
  }
}

extension Golden {
  /// The taps below a prefix, by number.
  func taps(_ prefix: String) throws -> [FeatureTap] {
    let count = try names(prefix: prefix).filter { $0.hasSuffix(".patch") }.count
    return try (0..<count).map {
      try FeatureTap(
        maps: tensor("\(prefix)\($0).patch"), clsToken: tensor("\(prefix)\($0).cls"))
    }
  }
}
