import Testing

@testable import DINOHub

@Suite("ModelRegistry")
struct ModelRegistryTests {
  @Test("the eight released backbones are listed once each")
  func models() {
    #expect(
      ModelRegistry.models.map(\.name) == [
        "dinov2_vits14", "dinov2_vits14_reg", "dinov2_vitb14", "dinov2_vitb14_reg",
        "dinov2_vitl14", "dinov2_vitl14_reg", "dinov2_vitg14", "dinov2_vitg14_reg",
      ])
  }

  @Test("each model is found by each of its names", arguments: ModelRegistry.models)
  func names(model: ReleasedModel) throws {
    let names = [
      model.name, model.huggingFaceID, model.timmName, "timm/" + model.timmName,
      String(model.huggingFaceID.dropFirst("facebook/".count)),
      String(model.timmName.dropLast(".lvd142m".count)), model.name.uppercased(),
      "hf-hub:timm/" + model.timmName,
    ]
    for name in names {
      #expect(try ModelRegistry.find(name) == model, "\(name)")
    }
  }

  @Test(
    "the names are those of Python",
    arguments: [
      (
        ReleasedModel(.small), "dinov2_vits14", "facebook/dinov2-small",
        "vit_small_patch14_dinov2.lvd142m"
      ),
      (
        ReleasedModel(.giant, hasRegisters: true), "dinov2_vitg14_reg",
        "facebook/dinov2-with-registers-giant", "vit_giant_patch14_reg4_dinov2.lvd142m"
      ),
    ])
  func spellings(model: ReleasedModel, name: String, huggingFaceID: String, timmName: String) {
    #expect(model.name == name)
    #expect(model.huggingFaceID == huggingFaceID)
    #expect(model.timmName == timmName)
  }

  @Test("Meta's files say reg4, which is accepted as a name too")
  func reg4() throws {
    #expect(
      try ModelRegistry.find("dinov2_vitb14_reg4") == ReleasedModel(.base, hasRegisters: true))
  }

  @Test(
    "an unknown name gives the nearest one, spelled in the same way",
    arguments: [
      ("dinov2_vits15", "dinov2_vits14"), ("dinov2_vitl14_regs", "dinov2_vitl14_reg"),
      ("facebook/dinov2-smal", "facebook/dinov2-small"),
      ("vit_base_patch16_dinov2", "vit_base_patch14_dinov2.lvd142m"),
    ])
  func nearest(name: String, expected: String) {
    let error = #expect(throws: HubError.self) { try ModelRegistry.find(name) }

    #expect(error == .unknownModel(name: name, nearest: expected))
  }

  @Test("a name that resembles none gives none", arguments: ["", "resnet50", "?"])
  func noneIsNear(name: String) {
    let error = #expect(throws: HubError.self) { try ModelRegistry.find(name) }

    #expect(error == .unknownModel(name: name, nearest: nil))
  }

  @Test(
    "the spelling tells where the weights are expected",
    arguments: [
      ("dinov2_vits14", WeightSource.meta), ("facebook/dinov2-small", .huggingFace),
      ("dinov2-with-registers-base", .huggingFace), ("vit_large_patch14_dinov2.lvd142m", .timm),
      ("resnet50", .meta),
    ])
  func source(name: String, expected: WeightSource) {
    #expect(ModelRegistry.source(suggestedBy: name) == expected)
  }
}

@Suite("ReleasedModel")
struct ReleasedModelTests {
  /// Counts every tensor of the released file, after the table of keys and shapes of the release.
  private func count(_ model: ReleasedModel) -> Int {
    let d = model.embedDim
    let tokens = d * (1 + 1 + 1_370 + model.numRegisterTokens)  // class, mask, positions, registers
    let patches = d * 3 * 14 * 14 + d
    let attention = 3 * d * d + 3 * d + d * d + d
    // ViT-g has SwiGLU layers of 4,096: w12 and w3.
    let mlp =
      model.size == .giant
      ? (d * 8_192 + 8_192) + (4_096 * d + d) : (d * 4 * d + 4 * d) + (4 * d * d + d)
    let block = 2 * 2 * d + attention + 2 * d + mlp  // norms, attention, scales, MLP
    return tokens + patches + model.depth * block + 2 * d
  }

  @Test("the count of parameters is that of the tensors", arguments: ModelRegistry.models)
  func parameterCount(model: ReleasedModel) {
    #expect(model.parameterCount == count(model))
  }

  @Test("heads are 64 wide", arguments: zip(ReleasedModel.Size.allCases, [6, 12, 16, 24]))
  func heads(size: ReleasedModel.Size, expected: Int) {
    #expect(ReleasedModel(size).numHeads == expected)
  }

  @Test("files lie in the folder of the size")
  func files() {
    let model = ReleasedModel(.large, hasRegisters: true)

    #expect(ReleasedModel(.small).backbone.path == "dinov2_vits14/dinov2_vits14_pretrain.pth")
    #expect(model.backbone.path == "dinov2_vitl14/dinov2_vitl14_reg4_pretrain.pth")
    #expect(model.backbone.name == "dinov2_vitl14_reg4_pretrain.pth")
    #expect(
      model.imageNetHead(layers: 1).path == "dinov2_vitl14/dinov2_vitl14_reg4_linear_head.pth")
    #expect(ReleasedModel(.small).imageNetHead(layers: 4).name == "dinov2_vits14_linear4_head.pth")
  }

  @Test("every backbone has a hash of its own")
  func hashes() {
    let hashes = ModelRegistry.models.compactMap(\.backbone.sha256)

    #expect(Set(hashes).count == 8)
    #expect(hashes.allSatisfy { $0.utf8.count == 64 && $0.isHexadecimal })
  }

  @Test("a hash in the name of a file is used as torch.hub does")
  func hashInName() {
    #expect(ReleasedFile(path: "a/resnet50-0676ba61.pth").sha256 == "0676ba61")
    #expect(ReleasedFile(path: "a/head-v2.pth").sha256 == nil)
    #expect(ReleasedFile(path: "a/head.pth").sha256 == nil)
    #expect(ReleasedModel(.small).imageNetHead(layers: 4).sha256 == nil)
  }
}
