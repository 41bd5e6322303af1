import CheckpointFormats
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("DINOHead against the original")
struct DINOHeadTests {
  static let cases = Golden.cases(inGroup: "head")

  struct Sizes: Decodable {
    let inDim: Int
    let outDim: Int
    let hiddenDim: Int
    let bottleneckDim: Int
    let nlayers: Int
    let useBn: Bool
    let mlpBias: Bool
    let training: Bool

    var config: DINOHeadConfig {
      var config = DINOHeadConfig(inputDim: inDim, prototypes: outDim)
      config.hiddenDim = hiddenDim
      config.bottleneckDim = bottleneckDim
      config.layers = nlayers
      config.usesBatchNorm = useBn
      config.usesBias = mlpBias
      return config
    }
  }

  private func head(_ golden: Golden, dtype: DType = .float32) throws -> (
    head: DINOHead, store: ParameterStore, isTraining: Bool
  ) {
    let sizes = try golden.settings(Sizes.self)
    let store = ParameterStore(initializingFrom: try Generator(seed: 0), dtype: dtype)
    let head = try DINOHead(sizes.config, in: store.root)
    try store.load(golden.tensors("model."))
    return (head, store, sizes.training)
  }

  @Test("gives the same logits, gradients and running statistics", arguments: cases)
  func values(golden: Golden) throws {
    let (head, store, isTraining) = try head(golden)
    let x = try golden.tensor("input.x").requiringGrad()
    let y = try head(x, isTraining: isTraining)
    try golden.check(y, "expected.y")
    try (y * golden.tensor("input.upstream")).sum().backward()
    for name in try golden.names(prefix: "expected.grad.") {
      let parameter = String(name.dropFirst("expected.grad.".count))
      let gradient = parameter == "x" ? x.grad : try #require(store[parameter]).value.grad
      try golden.check(#require(gradient), name)
    }
    for name in try golden.tensors().names where name.hasPrefix("expected.after.") {
      let buffer = try #require(store[String(name.dropFirst("expected.after.".count))])
      try golden.check(buffer.value, name)
    }
  }

  @Test("takes tokens of any rank", arguments: cases)
  func rank3(golden: Golden) throws {
    guard try golden.tensors()["expected.y3"] != nil else { return }
    let (head, _, isTraining) = try head(golden)
    try golden.check(
      head(golden.tensor("input.x3"), isTraining: isTraining), "expected.y3")
  }

  @Test("gives the same logits in half precision", arguments: cases)
  func half(golden: Golden) throws {
    guard try golden.tensors()["expected.fp16.y"] != nil else { return }
    let (head, _, isTraining) = try head(golden, dtype: .float16)
    let x = try golden.tensor("input.x").to(dtype: .float16)
    try golden.check(head(x, isTraining: isTraining), "expected.fp16.y")
  }

  @Test("has the parameters of the released recipes")
  func parameterCounts() throws {
    func count(_ dim: Int, _ prototypes: Int, _ bottleneck: Int) throws -> Int {
      var config = DINOHeadConfig(inputDim: dim, prototypes: prototypes)
      config.bottleneckDim = bottleneck
      let store = ParameterStore()
      _ = try DINOHead(config, in: store.root)
      return store.trainableCount
    }
    #expect(try count(1024, 65536, 256) == 23_662_848)
    #expect(try count(1536, 131072, 384) == 58_593_664)
    #expect(try count(1536, 131072, 256) == 41_554_176)
  }

  @Test("prototypes can keep their length")
  func frozenLengths() throws {
    var config = DINOHeadConfig(inputDim: 4, prototypes: 5)
    (config.hiddenDim, config.bottleneckDim) = (6, 3)
    config.freezesPrototypeLengths = true
    let store = ParameterStore(initializingFrom: try Generator(seed: 1))
    let head = try DINOHead(config, in: store.root)
    try head(.randn([7, 4], generator: Generator(seed: 2))).sum().backward()
    #expect(store["last_layer.weight_g"]?.value.grad == nil)
    #expect(store["last_layer.weight_v"]?.value.grad != nil)
  }
}
