import CheckpointFormats
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("Released weight formats")
struct CheckpointGoldenTests {
  static let metaFiles = Golden.cases(inGroup: "checkpoints") {
    $0.contains("/pretrain_") || $0.contains("/teacher_checkpoint")
  }

  @Test("load strictly from every file of Meta's and give its features", arguments: metaFiles)
  func meta(golden: Golden) throws {
    let path = try golden.sideFile(golden.decodeConfig(String.self, at: "file"))
    let file = try WeightFile(path: path)
    #expect(file.style == .meta)

    let model = try load(file, golden)

    for size in try golden.sizeTags() {
      let features = try model.forwardFeatures(golden.tensor("input.\(size).image"))
      for name in try golden.names(prefix: "expected.\(size).") {
        try golden.check(output(name, of: features), name)
      }
    }
  }

  @Test(
    "are found in a training checkpoint, teacher and student", arguments: ["teacher", "student"])
  func training(network: String) throws {
    let golden = Golden.named("checkpoints/training_checkpoint")
    let path = try golden.sideFile("training_checkpoint.pth")
    let file = try WeightFile(path: path, network: #require(.init(rawValue: network)))

    let model = try load(file, golden)

    let names = try golden.names(prefix: "expected.\(network).")
    for name in names {
      let parts = name.split(separator: ".")
      let features = try model.forwardFeatures(golden.tensor("input.\(parts[2]).image"))
      try golden.check(output(name, of: features), name)
    }
    #expect(!names.isEmpty)
  }

  @Test(
    "load from timm's files",
    arguments: Golden.cases(inGroup: "checkpoints") { $0.contains("/timm_") })
  func timm(golden: Golden) throws {
    let file = try WeightFile(
      path: golden.sideFile(golden.decodeConfig(String.self, at: "file")))
    #expect(file.style == .timm)

    let model = try load(file, golden)

    for size in try golden.sizeTags() {
      let features = try model.forwardFeatures(golden.tensor("input.\(size).image"))
      try golden.check(features.normalized, "expected.\(size).forward_features")
    }
  }

  @Test(
    "load from Hugging Face's folders",
    arguments: Golden.cases(inGroup: "checkpoints") { $0.contains("/hf_dinov2") })
  func huggingFace(golden: Golden) throws {
    let config = try golden.sideFile("config.json")
    let folder = String(config.dropLast("/config.json".count))

    let (model, file) = try ModelFolder.load(folder)

    #expect(file.style == .huggingFace)
    #expect(model.config.differences(to: try golden.modelConfig()).isEmpty)
    for size in try golden.sizeTags() {
      let image = try golden.tensor("input.\(size).image")
      let features = try model.forwardFeatures(image)
      try golden.check(features.normalized, "expected.\(size).last_hidden_state")
      try golden.check(features.clsToken, "expected.\(size).pooler_output")
      let layers = try model.intermediateLayers(image, .last(model.config.depth))
      for (index, layer) in layers.enumerated() {
        try golden.check(layer.prenorm, "expected.\(size).hidden.\(index + 1)")
      }
    }
  }

  @Test("give Meta's features from Hugging Face's file under Meta's name")
  func metaNumericsFromHuggingFace() throws {
    let golden = Golden.named("checkpoints/hf_dinov2")
    var config = try golden.modelConfig()
    config.posEmbedInterpolation = .meta
    let file = try WeightFile(path: golden.sideFile("model.safetensors"))
    let model = try VisionTransformer.load(
      file, expecting: ModelExpectation(name: "test", config: config))

    for name in try golden.names(prefix: "expected.") where name.contains("meta_offset") {
      let size = name.split(separator: ".")[1]
      let features = try model.forwardFeatures(golden.tensor("input.\(size).image"))
      try golden.check(output(name, of: features), name)
    }
  }

  @Test("include transformers' pickle file")
  func pickledHuggingFace() throws {
    let golden = Golden.named("checkpoints/hf_dinov2")
    let safetensors = try WeightFile(path: golden.sideFile("model.safetensors"))
    let pickle = try WeightFile(path: golden.sideFile("pytorch_model.bin"))

    #expect(Set(safetensors.backbone.keys) == Set(pickle.backbone.keys))
    for (name, tensor) in pickle.backbone {
      #expect(try tensor.floats() == safetensors.backbone[name]?.floats(), "\(name)")
    }
  }

  @Test(
    "classify with the official heads",
    arguments: Golden.cases(inGroup: "checkpoints") { $0.contains("/linear_head_") })
  func officialHeads(golden: Golden) throws {
    let name = try #require(golden.name.split(separator: "/").last)
    let backbone = try WeightFile(path: golden.sideFile("\(name)_backbone.pth"))
    let model = try load(backbone, golden)
    let head = try LinearClassifier.read(
      golden.sideFile("\(name).pth"), embedDim: model.config.embedDim)

    #expect(head.classes == (try golden.decodeConfig(Int.self, at: "classes")))
    for size in try golden.sizeTags() {
      let features = try model.intermediateLayers(
        golden.tensor("input.\(size).image"), .last(head.layers))
      try golden.check(head(features), "expected.\(size).logits")
    }
  }

  @Test("classify with a classifier of Hugging Face")
  func huggingFaceClassifier() throws {
    let golden = Golden.named("checkpoints/hf_classifier")
    let config = try golden.sideFile("config.json")
    let (model, file) = try ModelFolder.load(String(config.dropLast("/config.json".count)))
    let head = try LinearClassifier(
      file.classifier, path: file.path, embedDim: model.config.embedDim)

    for size in try golden.sizeTags() {
      let features = try model.intermediateLayers(
        golden.tensor("input.\(size).image"), .last(head.layers))
      try golden.check(head(features), "expected.\(size).logits")
    }
  }

  private func load(_ file: WeightFile, _ golden: Golden) throws -> VisionTransformer {
    let expectation = ModelExpectation(name: golden.name, config: try golden.modelConfig())
    return try VisionTransformer.load(file, expecting: expectation)
  }

  private func output(_ name: String, of features: BackboneFeatures) throws -> Tensor {
    switch name.split(separator: ".").last {
    case "x_norm_clstoken", "forward": try features.clsToken
    case "x_norm_patchtokens": try features.patchTokens
    case "x_norm_regtokens": try features.registerTokens
    case "x_prenorm": features.prenorm
    default: throw GoldenError("no output is called \(name)")
    }
  }
}
