import DINOHub
import DINOInference
import DINOModels

/// Weights that were downloaded before.
enum CachedWeights {
  /// The weight file of a released model in the caches of this machine, whoever put it there.
  static func path(of name: ModelName) -> String? {
    guard let model = try? ModelRegistry.find(name.meta) else { return nil }
    let sources: [WeightSource] =
      name.style == .huggingFace ? [.huggingFace, .meta, .timm] : [.meta, .huggingFace, .timm]
    return ModelHub(settings: .fromProcess()).locate(model, from: sources)?.weightsPath
  }
}
