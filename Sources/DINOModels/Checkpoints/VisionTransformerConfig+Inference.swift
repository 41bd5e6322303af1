public import Torch

extension VisionTransformerConfig {
  /// Reads the sizes off a set of weights; `nil` if a tensor is missing that shows one.
  ///
  /// Everything but the number of heads shows in names and shapes; released models have heads of
  /// width 64. How positions are resized does not show either: it follows the presence of registers,
  /// as in Meta's released models.
  ///
  /// - Parameters:
  ///   - tensors: Tensors by Meta's names, unchunked.
  ///   - numHeads: The number of heads, where it is known.
  public init?(inferredFrom tensors: [String: Tensor], numHeads: Int? = nil) {
    guard let cls = tensors["cls_token"]?.shape, let dim = cls.last,
      let filters = tensors["patch_embed.proj.weight"]?.shape, filters.count == 4,
      let positions = tensors["pos_embed"]?.shape, positions.count == 3, positions[1] > 1,
      let last = tensors.keys.compactMap({ BlockName($0, prefix: "blocks.")?.index }).max(),
      // An index beyond the number of tensors belongs to no real model.
      last >= 0, last < tensors.count,
      [dim, filters[1], filters[2], positions[1]].allSatisfy({ Self.plausible.contains($0) })
    else { return nil }
    self.init()
    embedDim = dim
    inChannels = filters[1]
    patchSize = filters[2]
    depth = last + 1
    imageSize = Int(Double(positions[1] - 1).squareRoot().rounded()) * patchSize
    self.numHeads = numHeads ?? (dim % 64 == 0 ? dim / 64 : 1)
    numRegisterTokens = tensors["register_tokens"]?.shape.dropFirst().first ?? 0
    posEmbedInterpolation = numRegisterTokens > 0 ? .metaRegisters : .meta
    qkvBias = tensors["blocks.0.attn.qkv.bias"] != nil
    projBias = tensors["blocks.0.attn.proj.bias"] != nil
    layerScale = tensors["blocks.0.ls1.gamma"] == nil ? nil : 1
    if let gate = tensors["blocks.0.mlp.w3.weight"]?.shape.last, Self.plausible.contains(gate) {
      ffnLayer = .swiGLUFused
      ffnBias = tensors["blocks.0.mlp.w3.bias"] != nil
      // Several ratios give one width, since it is rounded; a whole one is meant if there is any.
      for whole in [4.0, 1, 2, 3, 5, 6, 7, 8] where ffnHiddenDim != gate { mlpRatio = whole }
      if ffnHiddenDim != gate { mlpRatio = Double(gate) * 1.5 / Double(dim) }
    } else if let hidden = tensors["blocks.0.mlp.fc1.weight"]?.shape.first,
      Self.plausible.contains(hidden)
    {
      ffnLayer = .mlp
      ffnBias = tensors["blocks.0.mlp.fc1.bias"] != nil
      mlpRatio = Double(hidden) / Double(dim)
    }
  }

  /// Sizes whose products cannot overflow, far beyond any model.
  static let plausible = 1...(1 << 20)

  /// Where two configurations build different parameters, one line each.
  ///
  /// The grid of stored positions is left out: any grid can be loaded.
  ///
  /// - Parameter found: The configuration that was found.
  /// - Returns: Lines of the form `embed_dim is 768, expected 384`.
  public func differences(to found: VisionTransformerConfig) -> [String] {
    var lines: [String] = []
    func compare<Value: Equatable>(_ key: CodingKeys, _ path: KeyPath<Self, Value>) {
      let (a, b) = (found[keyPath: path], self[keyPath: path])
      if a != b { lines.append("\(key.rawValue) is \(a), expected \(b)") }
    }
    compare(.embedDim, \.embedDim)
    compare(.depth, \.depth)
    compare(.patchSize, \.patchSize)
    compare(.inChannels, \.inChannels)
    compare(.numRegisterTokens, \.numRegisterTokens)
    compare(.ffnLayer, \.ffnLayer.isGated)
    compare(.mlpRatio, \.ffnHiddenDim)
    compare(.qkvBias, \.qkvBias)
    compare(.projBias, \.projBias)
    compare(.ffnBias, \.ffnBias)
    return lines
  }
}
