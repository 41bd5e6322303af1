import CheckpointFormats
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

extension Golden {
  /// The model's sizes.
  func modelConfig() throws -> VisionTransformerConfig {
    try decodeConfig(VisionTransformerConfig.self, at: "model")
  }

  /// Image sizes as the tags of tensor names, `56x56`.
  func sizeTags(at key: String = "sizes") throws -> [String] {
    try decodeConfig([[Int]].self, at: key).map { $0.map(String.init).joined(separator: "x") }
  }

  /// An input or weight as a tensor of its stored type.
  func tensor(_ name: String) throws -> Tensor { try DINOTensors.tensor(self[name]) }

  /// Weights below a prefix, by the names without it.
  func weights(_ prefix: String) throws -> [String: Tensor] {
    var weights: [String: Tensor] = [:]
    for name in try names(prefix: prefix) {
      weights[String(name.dropFirst(prefix.count))] = try tensor(name)
    }
    return weights
  }

  /// Checks every element of a computed tensor.
  func check(
    _ got: Tensor, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try expectClose(
      got: got.floats(), shape: got.shape, expected: self[name], tolerance: tolerance(for: name),
      label: "\(self.name) \(name)", sourceLocation: sourceLocation)
  }
}

/// Tensors from fixtures and from closed formulas.
enum DINOTensors {
  static func tensor(_ stored: StoredTensor) throws -> Tensor {
    let dtype = try #require(DType.allCases.first { "\($0)" == "\(stored.scalarType)" })
    return try stored.withContiguousBytes { bytes in
      let copy = try Tensor.empty(stored.shape, dtype: dtype)
      try copy.withHostBytes { target in target.copyMemory(from: bytes) }
      return copy
    }
  }
}

extension VisionTransformer {
  /// The sizes of a model of two blocks and two heads.
  static func tinyConfig(registers: Int = 0, isGated: Bool = false) -> VisionTransformerConfig {
    var config = VisionTransformerConfig()
    config.imageSize = 32
    config.patchSize = 8
    config.embedDim = 16
    config.depth = 2
    config.numHeads = 2
    config.numRegisterTokens = registers
    config.posEmbedInterpolation = registers > 0 ? .metaRegisters : .meta
    config.ffnLayer = isGated ? .swiGLUFused : .mlp
    return config
  }

  /// A tiny model all of whose parameters are random, also those that start from constants.
  static func random(registers: Int = 0, isGated: Bool = false) throws -> VisionTransformer {
    let config = tinyConfig(registers: registers, isGated: isGated)
    let model = try VisionTransformer(config, in: ParameterStore().root)
    let generator = try Generator(seed: 8)
    var weights: [String: Tensor] = [:]
    for parameter in model.parameters.parameters {
      weights[parameter.name] = try Tensor.randn(parameter.value.shape, generator: generator)
    }
    try model.parameters.load(weights)
    return model
  }
}

extension TemporaryFolder {
  /// The names in the folder or in one below it, sorted; hidden ones too.
  func contents(_ name: String = "") throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: file(name)).sorted()
  }
}

/// A model with the weights of a case.
func model(_ golden: Golden, dtype: DType = .float32) throws -> VisionTransformer {
  let store = ParameterStore(awaitingWeights: dtype)
  let model = try VisionTransformer(golden.modelConfig(), in: store.root)
  var weights: [String: Tensor] = [:]
  // Chunked models name their blocks `blocks.{chunk}.{index}`.
  for (name, tensor) in try golden.weights("model.") {
    let parts = name.split(separator: ".")
    let isChunked = parts.count > 3 && parts[0] == "blocks" && Int(parts[2]) != nil
    weights[isChunked ? (parts[..<1] + parts[2...]).joined(separator: ".") : name] = tensor
  }
  try store.load(weights)
  return model
}
