import CheckpointFormats
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("Model folders")
struct ModelFolderTests {
  @Test("come back with the same bits and sizes", arguments: [0, 4], [false, true])
  func roundTrip(registers: Int, isGated: Bool) throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random(registers: registers, isGated: isGated)

    try ModelFolder.write(model, to: folder.file("a/b"))
    let (back, file) = try ModelFolder.load(folder.file("a/b"))

    #expect(file.style == .huggingFace)
    #expect(back.config.differences(to: model.config).isEmpty)
    #expect(back.config.numHeads == model.config.numHeads)
    #expect(back.config.imageSize == model.config.imageSize)
    for (name, tensor) in model.stateDict {
      #expect(try back.stateDict[name]?.floats() == tensor.floats(), "\(name)")
    }
    #expect(
      try folder.contents("a/b")
        == ["config.json", "model.safetensors", "preprocessor_config.json"])
    #expect(try folder.contents("a") == ["b"])
  }

  @Test(
    "written again are those of transformers, but for its defaults",
    arguments: Golden.cases(inGroup: "checkpoints") { $0.contains("/hf_dinov2") })
  func sameAsTransformers(golden: Golden) throws {
    let folder = try TemporaryFolder()
    let config = try golden.sideFile("config.json")
    let original = String(config.dropLast("/config.json".count))

    let conversion = try ModelFile.convert(
      original, to: folder.file("copy"), as: WeightForm(.huggingFace))

    #expect(conversion.losses.isEmpty)
    let expected = try Checkpoint.read(original).tensors
    let got = try Checkpoint.read(folder.file("copy")).tensors
    #expect(Set(got.names) == Set(expected.names))
    for (name, tensor) in expected {
      #expect(try got[name]?.floats() == tensor.floats(), "\(name)")
      #expect(got[name]?.shape == tensor.shape, "\(name)")
    }
    let ours = try json(folder.file("copy/config.json"))
    let theirs = try json(config)
    for (key, value) in try #require(ours.object) { #expect(theirs[key] == value, "\(key)") }
    #expect(
      try json(folder.file("copy/preprocessor_config.json"))
        == json(golden.sideFile("preprocessor_config.json")))
  }

  private func json(_ path: String) throws -> JSONValue {
    try JSONDecoder().decode(JSONValue.self, from: Data(contentsOf: URL(filePath: path)))
  }

  @Test("state the type of their numbers", arguments: WeightForm.ElementType.allCases)
  func elementType(type: WeightForm.ElementType) throws {
    let folder = try TemporaryFolder()

    try ModelFolder.write(.random(), to: folder.file("a"), elementType: type)

    #expect(try json(folder.file("a/config.json"))["dtype"]?.string == type.rawValue)
    let checkpoint = try Checkpoint.read(folder.file("a"))
    #expect(checkpoint.tensors.allSatisfy { "\($0.tensor.scalarType)" == type.rawValue })
  }

  @Test("without registers say that transformers resizes positions in its own way")
  func interpolation() throws {
    let folder = try TemporaryFolder()

    let plain = try ModelFolder.write(.random(), to: folder.file("plain"))
    let registers = try ModelFolder.write(.random(registers: 4), to: folder.file("registers"))

    #expect(plain.count == 1)
    #expect(plain[0].contains("without antialiasing and with offset 0.1"))
    #expect(registers.isEmpty)
  }

  @Test("that exist are replaced file by file; others of theirs stay")
  func replaces() throws {
    let folder = try TemporaryFolder()
    try folder.write("a/README.md", [1])
    try folder.write("a/config.json", [1])

    try ModelFolder.write(.random(), to: folder.file("a/"))

    #expect(try ModelFolder.load(folder.file("a")).model.config.depth == 2)
    #expect(try folder.contents("a").contains("README.md"))
    #expect(try folder.contents() == ["a"])
  }

  @Test("are not written for models that transformers does not have, over files or over shards")
  func refusals() throws {
    let folder = try TemporaryFolder()
    var config = VisionTransformer.tinyConfig()
    config.layerScale = nil
    config.ffnBias = false
    let foreign = try VisionTransformer(config, in: ParameterScope(seed: 1))
    try folder.write("file", [1])
    try folder.write("shards/model.safetensors.index.json", [1])

    let error = #expect(throws: ModelError.self) {
      try ModelFolder.write(foreign, to: folder.file("a"))
    }
    #expect("\(try #require(error))".contains("blocks without LayerScale, ffn_bias false"))
    for name in ["file", "shards", "file/below"] {
      #expect(throws: ModelError.self, "\(name)") {
        try ModelFolder.write(.random(), to: folder.file(name))
      }
    }
    #expect(try folder.contents() == ["file", "shards"])
    #expect(try folder.contents("shards") == ["model.safetensors.index.json"])
  }

  @Test("are made for names without an ending, in Hugging Face's form only")
  func folderNames() throws {
    let folder = try TemporaryFolder()
    let model = try VisionTransformer.random()

    _ = try ModelFile.write(model, to: folder.file("plain"), as: WeightForm(.huggingFace))
    _ = try ModelFile.write(model, to: folder.file("v1.5/"), as: WeightForm(.huggingFace))

    #expect(ModelFolder.exists(at: folder.file("plain")))
    #expect(ModelFolder.exists(at: folder.file("v1.5")))
    let error = #expect(throws: ModelError.self) {
      try ModelFile.write(model, to: folder.file("meta"), as: WeightForm(.meta))
    }
    #expect("\(try #require(error))".contains("end the name in .safetensors or .pth"))
  }

  @Test("made without a mask token are read")
  func withoutMaskToken() throws {
    let folder = try TemporaryFolder()
    try ModelFolder.write(.random(), to: folder.file("a"))
    let path = folder.file("a/model.safetensors")
    let kept = try Checkpoint.read(path).tensors.filter { $0.name != "embeddings.mask_token" }
    try Safetensors.write(Array(kept), to: path)

    #expect(try ModelFolder.load(folder.file("a")).model.config.depth == 2)
  }

  @Test(
    "with a config.json that is none of DINOv2's are refused in one line",
    arguments: [
      ("{", "is no JSON"), ("{}", "model_type is missing"),
      (#"{"model_type": 3}"#, "model_type is not of type String"),
      (text(#""vit""#), #"model_type is "vit""#),
      (text(#""dinov2", "hidden_act": "relu""#), "hidden_act"),
      (text(#""dinov2""#, size: "4611686018427387904"), "absurdly large"),
      (text(#""dinov2""#, size: "-16"), "absurdly large"),
      (text(#""dinov2""#, size: "17"), "no multiple of num_heads"),
    ])
  func configurations(text: String, says: String) throws {
    let folder = try TemporaryFolder()
    try folder.write("config.json", Array(text.utf8))

    let error = #expect(throws: ModelError.self) { try ModelFolder.load(folder.path) }

    let message = "\(try #require(error))"
    #expect(message.contains(says) && !message.contains("\n"), "\(message)")
  }

  private static func text(_ type: String, size: String = "16") -> String {
    """
    {"model_type": \(type), "hidden_size": \(size), "num_hidden_layers": 2,
     "num_attention_heads": 2, "patch_size": 8, "image_size": 32}
    """
  }
}
