/// Who hosts the weights of a released model, in which layout.
public enum WeightSource: String, Sendable, CaseIterable {
  /// Meta's `.pth` file, in the cache of `torch.hub`.
  case meta
  /// The `facebook/…` repository at Hugging Face: `config.json` and `model.safetensors`.
  case huggingFace = "huggingface"
  /// The `timm/…` repository at Hugging Face, with timm's names of parameters.
  case timm
}

extension ReleasedModel {
  /// The repository at Hugging Face; `nil` for Meta's own host.
  func repositoryID(at source: WeightSource) -> String? {
    switch source {
    case .meta: nil
    case .huggingFace: huggingFaceID
    case .timm: "timm/" + timmName
    }
  }
}
