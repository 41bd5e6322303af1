import CheckpointFormats
import DINOInference
import DINOModels
import DINOTestSupport
import Imaging
import Testing
import Torch

/// A model with the weights of a golden case.
func goldenModel(_ golden: Golden) throws -> VisionTransformer {
  let config = try golden.decodeConfig(VisionTransformerConfig.self, at: "model")
  let model = try VisionTransformer(config, in: ParameterStore(awaitingWeights: .float32).root)
  var weights: [String: Tensor] = [:]
  for name in try golden.names(prefix: "model.") {
    // Chunked models name their blocks `blocks.{chunk}.{index}`.
    var parts = name.split(separator: ".").dropFirst().map(String.init)
    if parts.count > 3, parts[0] == "blocks", Int(parts[2]) != nil { parts.remove(at: 1) }
    weights[parts.joined(separator: ".")] = try Tensor(
      golden[name].floats(), golden[name].shape)
  }
  try model.parameters.load(weights)
  return model
}

/// Images of a golden case, `[B, C, H, W]`.
func imageBatch(_ stored: StoredTensor) throws -> ImageBatch {
  let shape = stored.shape
  return ImageBatch(
    values: try stored.floats(), count: shape[0], channels: shape[1],
    size: Size(height: shape[2], width: shape[3]))
}

/// Writes the weights of a small random model and returns the path.
func writeSmallModel(in folder: TemporaryFolder, width: Int = 48) throws -> String {
  var config = VisionTransformerConfig()
  (config.embedDim, config.depth, config.numHeads) = (width, 2, 3)
  config.imageSize = 56
  let model = try VisionTransformer(config, in: ParameterScope(seed: 1))
  let path = folder.file("small.safetensors")
  var tensors: [(name: String, tensor: StoredTensor)] = []
  for (name, tensor) in model.stateDict {
    tensors.append((name, try StoredTensor(floats: tensor.floats(), shape: tensor.shape)))
  }
  try Safetensors.write(tensors, to: path)
  return path
}
