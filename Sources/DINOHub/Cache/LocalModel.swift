/// Weights of a released model that are on this machine.
public struct LocalModel: Sendable, Hashable {
  /// The model.
  public let model: ReleasedModel
  /// The host whose layout the files have.
  public let source: WeightSource
  /// The path to load from: Meta's file, or a folder with `config.json` and weights.
  public let path: String
  /// The file of the weights.
  public let weightsPath: String
  /// The commit of the repository; `nil` for Meta's files.
  public let commit: String?

  /// SHA-256 of the weights, or its first digits, as far as it is known without reading them.
  public var expectedSHA256: String? {
    guard source != .meta else { return model.backbone.sha256 }
    // Large files have their SHA-256 as tag, small ones a shorter hash of git.
    guard let tag = HuggingFaceRepository.tag(ofFile: weightsPath), tag.utf8.count == 64,
      tag.isHexadecimal
    else { return nil }
    return tag
  }
}
