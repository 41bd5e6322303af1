import CheckpointFormats
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("Weights that do not fit")
struct BadWeightsTests {
  /// Names of one missing key, its misspelling, and a key of another shape, by style.
  static let keys: [(style: KeyStyle, missing: String, nearest: String, bent: String)] = [
    (.meta, "blocks.1.norm1.weight", "blocks.1.norm1.weigth", "blocks.0.mlp.fc1.bias"),
    (
      .huggingFace, "encoder.layer.1.attention.attention.key.weight",
      "encoder.layer.1.attention.attention.keys.weight", "encoder.layer.0.mlp.fc1.bias"
    ),
    (.timm, "blocks.1.ls1.gamma", "blocks.1.ls1.gama", "blocks.0.attn.qkv.bias"),
  ]

  @Test("are described key by key under the file's own names", arguments: keys)
  func everyKey(style: KeyStyle, missing: String, nearest: String, bent: String) throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    let model = try VisionTransformer.random()
    _ = try StateDictWriter.write(model, as: WeightForm(style), to: path)
    var entries: [(name: String, tensor: StoredTensor)] = []
    for (name, tensor) in try Checkpoint.read(path).tensors {
      let shape = name == bent ? [3, 2] : tensor.shape
      entries.append(
        name == bent
          ? (name, try StoredTensor(floats: [Float](repeating: 0, count: 6), shape: shape))
          : (name == missing ? nearest : name, tensor))
    }
    try Safetensors.write(entries, to: path)

    for expectation in [nil, ModelExpectation(name: "tiny", config: model.config)] {
      let error = #expect(throws: ModelError.self) {
        try VisionTransformer.load(
          WeightFile(path: path), expecting: expectation, numHeads: model.config.numHeads)
      }

      let message = "\(try #require(error))"
      #expect(message.hasPrefix("\(path): the weights do not fit "))
      #expect(message.contains("missing \(missing) ["), "\(message)")
      #expect(message.contains("(nearest: \(nearest))"), "\(message)")
      #expect(message.contains("unexpected \(nearest) (nearest: \(missing))"), "\(message)")
      #expect(message.contains("\(bent) is [3, 2], expected ["), "\(message)")
      #expect(message.contains("3 problems: ") && !message.contains("\n"), "\(message)")
    }
  }

  @Test("are called by their name if they are another released model's")
  func otherModel() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("vitb.safetensors")
    let file = try WeightFile(path: emptyWeights(of: .base(), at: path))

    for name in ["dinov2_vits14", "dinov2_vitl14", "dinov2_vitg14", "dinov2_vitb14_reg"] {
      let expectation = ModelExpectation(
        name: name, config: try #require(VisionTransformerConfig.released(named: name)))
      let error = #expect(throws: ModelError.self) {
        try VisionTransformer.load(file, expecting: expectation)
      }

      let message = "\(try #require(error))"
      #expect(message.contains("the weights do not fit \(name): "))
      #expect(message.contains("these are weights of dinov2_vitb14"), "\(message)")
      #expect(!message.contains("missing") && message.count < 400, "\(message)")
    }
  }

  /// Writes a file with zeros for all parameters of a model: a header and a hole.
  private func emptyWeights(of config: VisionTransformerConfig, at path: String) throws -> String {
    let model = try VisionTransformer(config, in: ParameterStore().root)
    var entries: [String] = []
    var end = 0
    for (name, tensor) in model.stateDict {
      let start = end
      end += 4 * tensor.shape.reduce(1, *)
      entries.append(
        #""\#(name)": {"dtype": "F32", "shape": \#(tensor.shape), "data_offsets": [\#(start), \#(end)]}"#
      )
    }
    let header = Data("{\(entries.joined(separator: ","))}".utf8)
    let length = withUnsafeBytes(of: UInt64(header.count).littleEndian) { Data($0) }
    try (length + header).write(to: URL(filePath: path))
    let file = try #require(FileHandle(forUpdatingAtPath: path))
    try file.truncate(atOffset: UInt64(8 + header.count + end))
    try file.close()
    return path
  }

  @Test("name no tensor in more than one line, whatever it is called")
  func hostileNames() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    let model = try VisionTransformer.random()
    _ = try StateDictWriter.write(model, as: WeightForm(.meta), to: path)
    let extra = try StoredTensor(floats: [0], shape: [1])
    for name in ["a\nerror: b\u{1B}[2J", "blocks.9223372036854775807.norm1.weight", "blocks.-1.x"] {
      try Safetensors.write(
        Array(Checkpoint.read(path).tensors) + [(name: name, tensor: extra)],
        to: folder.file("hostile.safetensors"))

      for expectation in [nil, ModelExpectation(name: "tiny", config: model.config)] {
        let error = #expect(throws: ModelError.self) {
          try VisionTransformer.load(
            WeightFile(path: folder.file("hostile.safetensors")), expecting: expectation)
        }

        let message = "\(try #require(error))"
        #expect(!message.contains("\n") && !message.contains("\u{1B}"), "\(message)")
      }
    }
  }

  @Test("are refused if two keys become one")
  func collision() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("model.safetensors")
    _ = try StateDictWriter.write(.random(), as: WeightForm(.meta), to: path)
    let extra = try StoredTensor(floats: [0], shape: [1])

    for name in ["blocks.0.1.norm1.weight", "module.cls_token"] {
      try Safetensors.write(
        Array(Checkpoint.read(path).tensors) + [(name: name, tensor: extra)],
        to: folder.file("two.safetensors"))
      #expect(throws: ModelError.self, "\(name)") {
        try VisionTransformer.load(WeightFile(path: folder.file("two.safetensors")))
      }
    }
  }

  @Test("are reported if the file holds something else")
  func noBackbone() throws {
    let folder = try TemporaryFolder()
    let path = folder.file("other.safetensors")
    try Safetensors.write([(name: "a", tensor: StoredTensor(floats: [0], shape: [1]))], to: path)

    let error = #expect(throws: ModelError.self) { try WeightFile(path: path) }

    #expect("\(try #require(error))".contains("found 1 tensor (a) but no DINOv2 backbone"))
  }
}
