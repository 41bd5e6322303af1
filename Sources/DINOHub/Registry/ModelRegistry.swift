/// The released models, found by any of the names that they have in Python.
public enum ModelRegistry {
  /// The eight released backbones, small to giant, each without and with registers.
  public static let models: [ReleasedModel] = ReleasedModel.Size.allCases.flatMap { size in
    [ReleasedModel(size), ReleasedModel(size, hasRegisters: true)]
  }

  /// Finds a model by the name at `torch.hub`, Hugging Face or timm.
  ///
  /// The owner (`facebook/`, `timm/`), timm's tag (`.lvd142m`) and upper case do not matter.
  ///
  /// - Parameter name: For example `dinov2_vits14_reg`, `facebook/dinov2-with-registers-small` or
  ///   `vit_small_patch14_reg4_dinov2`.
  /// - Returns: The model.
  /// - Throws: ``HubError/unknownModel(name:nearest:)`` with the most similar name, if one is similar.
  public static func find(_ name: String) throws(HubError) -> ReleasedModel {
    let key = bare(name)
    for model in models where spellings(of: model).contains(key) { return model }
    let nearest = NearestSpelling.find(key, among: models.flatMap(spellings))
    let model = models.first { spellings(of: $0).contains(nearest ?? "") }
    throw .unknownModel(name: name, nearest: model.map { fullName(of: $0, like: nearest ?? "") })
  }

  /// The host whose spelling a name uses, which is where a user expects the weights from.
  ///
  /// - Parameter name: A name that ``find(_:)`` knows.
  /// - Returns: The host; ``WeightSource/meta`` for a name that is not known.
  public static func source(suggestedBy name: String) -> WeightSource {
    let key = bare(name)
    if models.contains(where: { bare($0.huggingFaceID) == key }) { return .huggingFace }
    if models.contains(where: { bare($0.timmName) == key }) { return .timm }
    return .meta
  }

  /// A name without what does not tell models apart.
  private static func bare(_ name: String) -> String {
    var key = name.lowercased()[...]
    for owner in ["hf-hub:", "facebook/", "timm/"] where key.hasPrefix(owner) {
      key = key.dropFirst(owner.count)
    }
    if key.hasSuffix(".lvd142m") { key = key.dropLast(".lvd142m".count) }
    return String(key)
  }

  private static func spellings(of model: ReleasedModel) -> [String] {
    [model.name, bare(model.huggingFaceID), bare(model.timmName)]
      // Meta's files say "reg4" where `torch.hub` says "reg".
      + (model.hasRegisters ? [model.name + "4"] : [])
  }

  private static func fullName(of model: ReleasedModel, like spelling: String) -> String {
    if spelling == bare(model.huggingFaceID) { return model.huggingFaceID }
    if spelling == bare(model.timmName) { return model.timmName }
    return model.name
  }
}
