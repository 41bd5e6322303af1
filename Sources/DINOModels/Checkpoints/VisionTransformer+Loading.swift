public import Torch

/// What a model is expected to be before its weights are seen.
public struct ModelExpectation: Equatable, Sendable {
  /// How messages call the model: `dinov2_vits14`.
  public var name: String
  /// The sizes; the grid of stored positions may differ from the file's.
  public var config: VisionTransformerConfig

  /// Creates an expectation.
  public init(name: String, config: VisionTransformerConfig) {
    self.name = name
    self.config = config
  }
}

extension VisionTransformer {
  /// Builds the model that a weight file holds.
  ///
  /// Nothing may be missing or left over. Key style, prefixes, chunks, registers and the grid of positions are found out by themselves.
  /// float32 tensors stay in the mapped file; other types are converted.
  ///
  /// - Parameters:
  ///   - file: The weight file.
  ///   - expectation: What the file must hold; without it the sizes are read off the tensors.
  ///   - numHeads: The number of heads of a model without expectation, if not `D / 64`.
  ///   - dtype: The type of the parameters.
  /// - Returns: The model.
  /// - Throws: ``ModelError`` that lists every missing, unexpected and mis-shaped key.
  public static func load(
    _ file: WeightFile, expecting expectation: ModelExpectation? = nil, numHeads: Int? = nil,
    dtype: DType = .float32
  ) throws(ModelError) -> VisionTransformer {
    do {
      let tensors = try KeyMap.canonical(file)
      let found = VisionTransformerConfig(
        inferredFrom: tensors, numHeads: expectation?.config.numHeads ?? numHeads)
      let config = try config(found, expectation, file)
      let model = try VisionTransformer(
        config, in: ParameterStore(awaitingWeights: dtype).root)
      let problems = try mismatches(of: file, with: model, found)
      guard problems.isEmpty else {
        throw ModelError.mismatch(
          path: file.path, model: expectation?.name ?? "a vision transformer", problems: problems)
      }
      try model.parameters.load(tensors)
      return model
    } catch {
      throw ModelError(error, path: file.path)
    }
  }

  /// What keeps weights from being loaded, one line each.
  ///
  /// Weights that are whole and fit another model are described by its sizes; else every key that is
  /// missing, left over or of another shape is listed too.
  private static func mismatches(
    of file: WeightFile, with model: VisionTransformer, _ found: VisionTransformerConfig?
  ) throws(TorchError) -> [String] {
    let keys = KeyDifferences(file)
    let problems = try keys.problems(with: model)
    guard !problems.isEmpty, var found else { return problems }
    let sizes = model.config.differences(to: found)
    // The number of heads shows in no key.
    found.numHeads = 1
    guard !sizes.isEmpty, found.problems().isEmpty else { return sizes + problems }
    let other = try VisionTransformer(found, in: ParameterStore(awaitingWeights: .float32).root)
    guard try keys.problems(with: other).isEmpty else { return sizes + problems }
    return (found.releasedName.map { ["these are weights of \($0)"] } ?? []) + sizes
  }

  private static func config(
    _ found: VisionTransformerConfig?, _ expectation: ModelExpectation?, _ file: WeightFile
  ) throws(ModelError) -> VisionTransformerConfig {
    guard var config = expectation?.config ?? found else {
      throw .unrecognized(
        path: file.path,
        problem: "pos_embed, patch_embed.proj.weight or the blocks are missing, so the sizes "
          + "cannot be read off: name the model with --model")
    }
    // Any square grid of positions serves any image, so the file decides.
    if let found, found.patchSize == config.patchSize { config.imageSize = found.imageSize }
    return config
  }

  /// The values of all parameters by Meta's names, for export.
  public var stateDict: [String: Tensor] {
    var tensors: [String: Tensor] = [:]
    for parameter in parameters.parameters { tensors[parameter.name] = parameter.value }
    return tensors
  }
}

extension VisionTransformerConfig {
  /// The released models by Meta's names: `dinov2_vits14`, `dinov2_vitg14_reg`, ….
  public static let released: [(name: String, config: VisionTransformerConfig)] = [
    ("dinov2_vits14", .small()), ("dinov2_vitb14", .base()),
    ("dinov2_vitl14", .large()), ("dinov2_vitg14", .giant()),
    ("dinov2_vits14_reg", .small(registers: 4)), ("dinov2_vitb14_reg", .base(registers: 4)),
    ("dinov2_vitl14_reg", .large(registers: 4)), ("dinov2_vitg14_reg", .giant(registers: 4)),
  ]

  /// The configuration of a released model.
  ///
  /// - Parameter name: Meta's name.
  /// - Returns: `nil` if there is no such model.
  public static func released(named name: String) -> VisionTransformerConfig? {
    released.first { $0.name == name }?.config
  }

  /// The released model with the same parameters, if there is one.
  public var releasedName: String? {
    Self.released.first { $0.config.differences(to: self).isEmpty }?.name
  }
}
