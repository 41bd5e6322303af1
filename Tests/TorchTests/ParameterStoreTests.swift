import Testing
import Torch

@Suite("ParameterStore")
struct ParameterStoreTests {
  @Test("keeps the order of registration and the full names")
  func names() throws {
    let scope = try ParameterScope(seed: 0)
    _ = try Linear(2, 3, in: scope / "blocks" / 0 / "attn")
    _ = try LayerNorm(3, epsilon: 1e-6, in: scope / "norm")

    #expect(
      scope.parameterStore.parameters.map(\.name) == [
        "blocks.0.attn.weight", "blocks.0.attn.bias", "norm.weight", "norm.bias",
      ])
    #expect(scope.parameterStore.trainableCount == 6 + 3 + 3 + 3)
  }

  @Test("refuses a name that is taken")
  func duplicate() throws {
    let scope = try ParameterScope(seed: 0)
    _ = try Linear(2, 2, in: scope / "a")

    #expect(throws: TorchError.self) { try Linear(2, 2, in: scope / "a") }
  }

  @Test("lists every missing, unexpected and mis-shaped name with the nearest ones")
  func strictLoading() throws {
    let store = ParameterStore(awaitingWeights: .float32)
    _ = try Linear(2, 3, in: store.root / "proj")
    _ = try LayerNorm(3, epsilon: 1e-6, in: store.root / "norm")

    let error = #expect(throws: TorchError.self) {
      try store.load([
        "proj.weight": .zeros([3, 4]), "proj.bais": .zeros([3]), "norm.weight": .ones([3]),
        "extra.thing.entirely": .zeros([1]),
      ])
    }

    let message = try #require(error?.message)
    #expect(error?.kind == .mismatchedParameters)
    #expect(message.contains("proj.weight is [3, 4], expected [3, 2]"))
    #expect(message.contains("missing proj.bias [3] (nearest: proj.bais)"))
    #expect(message.contains("missing norm.bias"))
    #expect(message.contains("unexpected proj.bais (nearest: proj.bias)"))
    #expect(message.contains("unexpected extra.thing.entirely"))
    #expect(store["norm.weight"]?.value.device == .meta, "a refused load must change nothing")
  }

  @Test("takes over tensors without a copy when the dtype fits")
  func noCopy() throws {
    let store = ParameterStore(awaitingWeights: .float32)
    let layer = try Linear(2, 2, bias: false, in: store.root)
    let weight = try Tensor([Float]([1, 2, 3, 4]), [2, 2])

    try store.load(["weight": weight])
    try weight.fill(5)

    #expect(try layer.weight.value.floats() == [5, 5, 5, 5])
  }

  @Test("loads what fits when asked for part")
  func partial() throws {
    let store = try ParameterScope(seed: 1).parameterStore
    _ = try Linear(2, 3, in: store.root / "proj")
    let before = try #require(store["proj.weight"]).value.floats()

    let loaded = try store.loadPartially([
      "proj.bias": .ones([3]), "proj.weight": .ones([9]), "other": .ones([1]),
    ])

    #expect(loaded == ["proj.bias"])
    #expect(try store["proj.bias"]?.value.floats() == [1, 1, 1])
    #expect(try store["proj.weight"]?.value.floats() == before)
    #expect(store["proj.bias"]?.value.requiresGrad == true)
  }

  @Test("fills from the stated distributions")
  func initializers() throws {
    let scope = try ParameterScope(seed: 11)
    func sample(_ name: String, _ initializer: Initializer) throws -> [Float] {
      try scope.parameter(name, [20_000], initializer).value.floats()
    }
    func deviation(_ values: [Float]) -> Float {
      (values.reduce(0) { $0 + $1 * $1 } / Float(values.count)).squareRoot()
    }

    #expect(try Set(sample("zeros", .zeros)) == [0])
    let normal = try sample("normal", .normal(deviation: 0.5))
    #expect(abs(deviation(normal) - 0.5) < 0.01)
    let truncated = try sample("truncated", .truncatedNormal(deviation: 1.5))
    #expect(truncated.allSatisfy { abs($0) <= 2 })
    // A normal with σ 1.5 cut at ±2 has σ 1.5·√(1 - 2aφ(a)/(2Φ(a)-1)), a = 4/3: 1.0318.
    #expect(abs(deviation(truncated) - 1.0318) < 0.02)
    let uniform = try sample("uniform", .kaimingUniform(fanIn: 16))
    #expect(uniform.allSatisfy { abs($0) <= 0.25 })
    #expect(abs(deviation(uniform) - 0.25 / Float(3).squareRoot()) < 0.005)
  }
}

@Suite("NearestName")
struct NearestNameTests {
  @Test(
    "finds what was probably meant",
    arguments: [
      ("blocks.0.norm1.wieght", "blocks.0.norm1.weight"), ("cls_tokn", "cls_token"),
    ])
  func finds(written: String, meant: String) {
    let names = ["pos_embed", "cls_token", "blocks.0.norm1.bias", "blocks.0.norm1.weight"]

    #expect(NearestName.find(written, among: names) == meant)
  }

  @Test("finds nothing when all are far")
  func findsNothing() {
    #expect(NearestName.find("zzzz", among: ["cls_token", "pos"]) == nil)
    #expect(NearestName.find("a", among: []) == nil)
  }
}
