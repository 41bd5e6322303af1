import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("LinearSegmentationHead")
struct SegmentationHeadTests {
  struct Case: Decodable {
    struct Variant: Decodable {
      let entries: [String]
      let inputs: [Int]
      let factors: [Double]?

      enum CodingKeys: String, CodingKey {
        case entries
        case inputs = "in_index"
        case factors = "resize_factors"
      }
    }
    let epsilon: Double
    let momentum: Double
    let classes: Int
    let variants: [String: Variant]

    enum CodingKeys: String, CodingKey {
      case classes, variants
      case epsilon = "bn_eps"
      case momentum = "bn_momentum"
    }
  }

  private func head(
    _ golden: Golden, _ name: String, initializing: Bool = false
  ) throws -> (LinearSegmentationHead, inputs: [Tensor]) {
    let settings = try golden.decodeConfig(Case.self)
    let variant = try #require(settings.variants[name])
    let inputs = try variant.entries.map { try golden.tensor("input.\($0)") }
    var config = LinearSegmentationHeadConfig(
      channels: try variant.inputs.map { try inputs[$0].size(1) }, classes: settings.classes)
    config.inputIndices = variant.inputs
    config.resizeFactors = variant.factors
    config.batchNormEpsilon = settings.epsilon
    config.batchNormMomentum = settings.momentum
    config.dropoutRate = 0
    let store =
      initializing
      ? ParameterStore(initializingFrom: try Generator(seed: 0))
      : ParameterStore(awaitingWeights: .float32)
    let head = try LinearSegmentationHead(config, in: store.root)
    try store.load(golden.weights("weights.\(name).decode_head."))
    return (head, inputs)
  }

  @Test("agrees with the original", arguments: Golden.named("eval/seg_linear_head"))
  func golden(golden: Golden) throws {
    for name in try golden.decodeConfig(Case.self).variants.keys.sorted() {
      let (head, inputs) = try head(golden, name)
      try golden.check(head(inputs), "expected.\(name).logits")
    }
  }

  @Test("training agrees with the original", arguments: Golden.named("eval/seg_linear_head"))
  func training(golden: Golden) throws {
    let name = "four_layers"
    let (head, inputs) = try head(golden, name, initializing: true)

    let logits = try head(inputs, .training(Generator(seed: 0)))
    try (logits * golden.tensor("input.upstream")).sum().backward()

    try golden.check(logits, "expected.train.logits")
    for parameter in head.parameters.parameters {
      if parameter.isBuffer {
        let name = "expected.train.after.\(parameter.name)"
        try expectClose(
          got: parameter.value.floats(), shape: parameter.value.shape, expected: golden[name],
          tolerance: golden.tolerance(for: name), label: name)
      } else {
        try golden.check(
          try #require(parameter.value.grad), "expected.train.grad.\(parameter.name)")
      }
    }
  }

  @Test("dropout drops whole channels and keeps the mean")
  func dropout() throws {
    let generator = try Generator(seed: 2)
    let dropped = try Tensor.ones([4, 500, 2, 3]).droppingChannels(rate: 0.4, generator: generator)
    let channels = try dropped.reshape(2000, 6).floats()
    for row in 0..<2000 { #expect(Set(channels[row * 6..<row * 6 + 6]).count == 1) }
    #expect(abs(try dropped.mean().item() - 1) < 0.1)
    #expect(throws: TorchError.self) {
      try Tensor.ones([1, 2]).droppingChannels(rate: 1, generator: generator)
    }
  }

  private static var trainingWithoutGenerator: ForwardContext {
    var context = ForwardContext.evaluation
    context.isTraining = true
    return context
  }

  @Test("impossible sizes and missing maps are refused")
  func refusals() throws {
    #expect(throws: TorchError.self) {
      try LinearSegmentationHead(
        LinearSegmentationHeadConfig(channels: [], classes: 3), in: ParameterScope(seed: 0))
    }
    var config = LinearSegmentationHeadConfig(embedDim: 4, taps: 2, classes: 3)
    let head = try LinearSegmentationHead(config, in: ParameterScope(seed: 0))
    #expect(throws: TorchError.self) { try head([.ones([1, 4, 2, 2])]) }
    #expect(throws: TorchError.self) { try head([.ones([1, 4, 2, 2]), .ones([1, 5, 2, 2])]) }
    let maps = try [Tensor.ones([2, 4, 2, 2]), .ones([2, 4, 2, 2])]
    #expect(throws: TorchError.self) { try head(maps, Self.trainingWithoutGenerator) }
    config.resizeFactors = [1]
    #expect(throws: TorchError.self) {
      try LinearSegmentationHead(config, in: ParameterScope(seed: 0))
    }
    config.resizeFactors = [1, 0]
    let zero = try LinearSegmentationHead(config, in: ParameterScope(seed: 0))
    #expect(throws: TorchError.self) { try zero(maps) }
  }
}
