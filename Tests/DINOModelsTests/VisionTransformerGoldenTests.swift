import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("VisionTransformer against the original")
struct VisionTransformerGoldenTests {
  static let models = Golden.cases(inGroup: "vit") {
    $0 != "vit/pos_embed_grid37" && $0 != "vit/stochastic_depth"
  }

  @Test("gives the same tokens with and without a mask, at every size", arguments: models)
  func tokens(golden: Golden) throws {
    let model = try model(golden)
    for size in try golden.sizeTags() {
      let image = try golden.tensor("input.\(size).image")
      let mask = try golden.tensor("input.\(size).mask")
      try check(model.forwardFeatures(image), golden, "expected.\(size).plain")
      try check(model.forwardFeatures(image, mask: mask), golden, "expected.\(size).masked")
      try golden.check(model(image), "expected.\(size).forward")
    }
  }

  private func check(
    _ features: BackboneFeatures, _ golden: Golden, _ prefix: String
  ) throws {
    try golden.check(features.clsToken, "\(prefix).x_norm_clstoken")
    try golden.check(features.patchTokens, "\(prefix).x_norm_patchtokens")
    try golden.check(features.prenorm, "\(prefix).x_prenorm")
    if features.numRegisterTokens > 0 {
      try golden.check(features.registerTokens, "\(prefix).x_norm_regtokens")
    }
  }

  @Test("gives the same intermediate layers", arguments: models)
  func intermediateLayers(golden: Golden) throws {
    let model = try model(golden)
    let requests = try golden.decodeConfig([LayerRequest].self, at: "layers")
    for size in try golden.decodeConfig([String].self, at: "layers_sizes") {
      let image = try golden.tensor("input.\(size).image")
      for request in requests {
        let outputs = try model.intermediateLayers(
          image, request.selection, normalize: request.norm)
        for (index, output) in outputs.enumerated() {
          let prefix = "expected.\(size).layers.\(request.tag).\(index)"
          try golden.check(
            request.reshape ? output.patchMaps : output.patchTokens, "\(prefix).patch")
          if request.returnClassToken { try golden.check(output.clsToken, "\(prefix).cls") }
        }
        let expected = try golden.names(prefix: "expected.\(size).layers.\(request.tag).")
        #expect(outputs.count == expected.filter { $0.hasSuffix(".patch") }.count)
      }
    }
  }

  @Test("gives the same class token in half precision", arguments: models)
  func halfPrecision(golden: Golden) throws {
    let size = try golden.decodeConfig(String.self, at: "half_size")
    let image = try golden.tensor("input.\(size).image")
    for (dtype, name) in [(DType.float16, "fp16"), (.bfloat16, "bf16")] {
      let output = try model(golden, dtype: dtype)(image.to(dtype: dtype))
      #expect(output.dtype == dtype)
      try golden.check(output, "expected.\(size).\(name).x_norm_clstoken")
    }
  }

  private struct LayerRequest: Decodable {
    let tag: String
    let norm: Bool
    let reshape: Bool
    let returnClassToken: Bool
    let selection: LayerSelection

    enum CodingKeys: String, CodingKey {
      case tag
      case norm
      case reshape
      case returnClassToken = "return_class_token"
      case n
    }

    init(from decoder: any Decoder) throws {
      let values = try decoder.container(keyedBy: CodingKeys.self)
      tag = try values.decode(String.self, forKey: .tag)
      norm = try values.decode(Bool.self, forKey: .norm)
      reshape = try values.decode(Bool.self, forKey: .reshape)
      returnClassToken = try values.decode(Bool.self, forKey: .returnClassToken)
      selection =
        if let count = try? values.decode(Int.self, forKey: .n) {
          .last(count)
        } else {
          .listed(try values.decode([Int].self, forKey: .n))
        }
    }
  }
}

@Suite("Positions against the original")
struct PosEmbedGoldenTests {
  @Test("are resized alike from the released grid, in every mode")
  func released() throws {
    let golden = Golden.named("vit/pos_embed_grid37")
    let stored = try golden.tensor("pos_embed")
    let patch = try golden.decodeConfig(Int.self, at: "patch_size")
    let modes: [(String, PosEmbedInterpolation)] = [
      ("offset", .meta), ("antialias", .metaRegisters), ("size", .huggingFace),
    ]
    for (mode, interpolation) in modes {
      var config = VisionTransformerConfig()
      config.embedDim = stored.shape[2]
      config.patchSize = patch
      config.imageSize = patch * (try golden.decodeConfig(Int.self, at: "grid"))
      config.posEmbedInterpolation = interpolation
      let store = ParameterStore(awaitingWeights: .float32)
      let positions = try PosEmbed(config, in: store.root)
      try store.load(["pos_embed": stored])
      for size in try golden.decodeConfig([[Int]].self, at: "sizes") {
        let grid = PatchGrid(height: size[0] / patch, width: size[1] / patch)
        let all = try positions(for: grid)
        try golden.check(
          all.narrow(dim: 1, 1..<1 + grid.count)
            .reshape(grid.height, grid.width, -1), "expected.\(mode).\(size[0])x\(size[1])")
      }
    }
  }
}

@Suite("Stochastic depth against the original")
struct StochasticDepthGoldenTests {
  @Test("computes a subset above 0.1", arguments: ["subset"])
  func subset(kind: String) throws {
    try check(kind) { golden, depth, batch in
      let kept = depth.keptCount(of: batch)
      return (
        .subset(order: try golden.tensor("input.subset.perm_attn"), kept: kept),
        .subset(order: try golden.tensor("input.subset.perm_ffn"), kept: kept)
      )
    }
  }

  @Test("masks samples at 0.1 and below", arguments: ["bernoulli"])
  func bernoulli(kind: String) throws {
    try check(kind) { golden, _, _ in
      (
        .mask(try golden.tensor("input.bernoulli.mask_attn")),
        .mask(try golden.tensor("input.bernoulli.mask_ffn"))
      )
    }
  }

  private struct Sizes: Decodable {
    let batch: Int
    let dim: Int
    let numHeads: Int
    let rate: Double

    enum CodingKeys: String, CodingKey {
      case batch
      case dim
      case numHeads = "num_heads"
      case rate
    }
  }

  private func check(
    _ kind: String,
    _ draws: (Golden, StochasticDepth, Int) throws -> (StochasticDepth.Draw, StochasticDepth.Draw)
  ) throws {
    let golden = Golden.named("vit/stochastic_depth")
    let sizes = try golden.decodeConfig(Sizes.self, at: kind)
    var config = VisionTransformerConfig()
    config.embedDim = sizes.dim
    config.numHeads = sizes.numHeads
    let weights = try golden.weights("\(kind).model.")
    if let hidden = weights["mlp.fc1.weight"]?.shape.first {
      config.mlpRatio = Double(hidden) / Double(sizes.dim)
    }
    let scope = try ParameterScope(seed: 1)
    let block = try Block(config, dropPathRate: sizes.rate, in: scope)
    try scope.parameterStore.load(weights)
    let x = try golden.tensor("input.\(kind).x").requiringGrad()
    let upstream = try golden.tensor("input.\(kind).upstream")

    let (attention, ffn) = try draws(golden, StochasticDepth(rate: sizes.rate), sizes.batch)
    let y = try block(x, attentionDraw: attention, ffnDraw: ffn)
    try (y * upstream).sum().backward()

    try golden.check(y, "expected.\(kind).y")
    try golden.check(#require(x.grad), "expected.\(kind).grad_x")
    for parameter in scope.parameterStore.parameters {
      try golden.check(
        #require(parameter.value.grad), "expected.\(kind).grad.\(parameter.name)")
    }
  }
}
