/// The kind of feed-forward network in a block.
public enum FFNLayer: String, Codable, Sendable {
  /// Linear, GELU, linear.
  case mlp
  /// Gated linear unit with SiLU; both names mean the same layer in the original.
  case swiGLU = "swiglu"
  /// As ``swiGLU``; the name in Meta's configurations.
  case swiGLUFused = "swiglufused"

  /// Whether this is the gated layer.
  public var isGated: Bool { self != .mlp }
}

/// How positions are resized to another grid than the one they were trained on.
///
/// The same weights give different features under different settings: Meta's models without
/// registers pass scale factors with an offset of 0.1, its models with registers and timm filter
/// when shrinking, Hugging Face's plain model does neither.
public struct PosEmbedInterpolation: Equatable, Sendable {
  /// Whether to filter when shrinking.
  public var antialias: Bool
  /// Added to the grid's sides before the scale factors are formed; 0 passes the size itself.
  public var offset: Double

  /// Creates a setting.
  public init(antialias: Bool, offset: Double) {
    self.antialias = antialias
    self.offset = offset
  }

  /// Meta's released models without registers.
  public static let meta = PosEmbedInterpolation(antialias: false, offset: 0.1)
  /// Meta's released models with registers; also Hugging Face's model with registers.
  public static let metaRegisters = PosEmbedInterpolation(antialias: true, offset: 0)
  /// Hugging Face's model without registers.
  public static let huggingFace = PosEmbedInterpolation(antialias: false, offset: 0)
  /// timm, all models.
  public static let timm = PosEmbedInterpolation(antialias: true, offset: 0)
}

/// Every size and switch of a ``VisionTransformer``.
///
/// Keys are the argument names of the original constructor, so Meta's configurations decode as
/// they are. Source: Oquab et al., 2023, table 17, and the released weights.
public struct VisionTransformerConfig: Codable, Equatable, Sendable {
  /// Side in pixels of the square image whose grid the stored positions cover.
  public var imageSize = 518
  /// Side of a patch in pixels.
  public var patchSize = 14
  /// Channels of the image.
  public var inChannels = 3
  /// Width of a token.
  public var embedDim = 384
  /// Number of blocks.
  public var depth = 12
  /// Attention heads per block.
  public var numHeads = 6
  /// Hidden width of the feed-forward network, relative to the token width.
  public var mlpRatio = 4.0
  /// Whether the query/key/value projection has a bias.
  public var qkvBias = true
  /// Whether the output projection of attention has a bias.
  public var projBias = true
  /// Whether the feed-forward layers have biases.
  public var ffnBias = true
  /// The feed-forward network.
  public var ffnLayer = FFNLayer.mlp
  /// Start value of LayerScale; `nil` for blocks without it.
  public var layerScale: Double? = 1.0
  /// Register tokens (Darcet et al., 2023); 0 or 4 in the released models.
  public var numRegisterTokens = 0
  /// Whether positions are filtered when their grid shrinks.
  public var interpolateAntialias = false
  /// See ``PosEmbedInterpolation/offset``.
  public var interpolateOffset = 0.1
  /// Added to the variance in every layer norm.
  public var layerNormEpsilon = 1e-6
  /// Rate of stochastic depth in training.
  public var dropPathRate = 0.0
  /// Whether all blocks have the same rate; else it rises linearly from 0.
  public var dropPathUniform = true
  /// Number of groups that the block keys are written in; 0 writes `blocks.{i}`.
  public var blockChunks = 0

  /// Creates the configuration of a small released model; change what differs.
  public init() {}

  enum CodingKeys: String, CodingKey, CaseIterable {
    case imageSize = "img_size"
    case patchSize = "patch_size"
    case inChannels = "in_chans"
    case embedDim = "embed_dim"
    case depth
    case numHeads = "num_heads"
    case mlpRatio = "mlp_ratio"
    case qkvBias = "qkv_bias"
    case projBias = "proj_bias"
    case ffnBias = "ffn_bias"
    case ffnLayer = "ffn_layer"
    case layerScale = "init_values"
    case numRegisterTokens = "num_register_tokens"
    case interpolateAntialias = "interpolate_antialias"
    case interpolateOffset = "interpolate_offset"
    case layerNormEpsilon = "layer_norm_eps"
    case dropPathRate = "drop_path_rate"
    case dropPathUniform = "drop_path_uniform"
    case blockChunks = "block_chunks"
  }

  /// Decodes a configuration; keys that are left out keep their defaults.
  ///
  /// - Parameter decoder: Where the values come from.
  /// - Throws: `DecodingError` for a value of another type.
  public init(from decoder: any Decoder) throws {
    let values = try decoder.container(keyedBy: CodingKeys.self)
    func read<Value: Decodable>(_ field: inout Value, _ key: CodingKeys) throws {
      if let value = try values.decodeIfPresent(Value.self, forKey: key) { field = value }
    }
    try read(&imageSize, .imageSize)
    try read(&patchSize, .patchSize)
    try read(&inChannels, .inChannels)
    try read(&embedDim, .embedDim)
    try read(&depth, .depth)
    try read(&numHeads, .numHeads)
    try read(&mlpRatio, .mlpRatio)
    try read(&qkvBias, .qkvBias)
    try read(&projBias, .projBias)
    try read(&ffnBias, .ffnBias)
    try read(&ffnLayer, .ffnLayer)
    if values.contains(.layerScale) {
      layerScale = try values.decodeIfPresent(Double.self, forKey: .layerScale)
    }
    try read(&numRegisterTokens, .numRegisterTokens)
    try read(&interpolateAntialias, .interpolateAntialias)
    try read(&interpolateOffset, .interpolateOffset)
    try read(&layerNormEpsilon, .layerNormEpsilon)
    try read(&dropPathRate, .dropPathRate)
    try read(&dropPathUniform, .dropPathUniform)
    try read(&blockChunks, .blockChunks)
  }
}

extension VisionTransformerConfig {
  /// Side of the grid of the stored positions, in patches.
  public var gridSize: Int { imageSize / patchSize }

  /// Width of one attention head.
  public var headDim: Int { embedDim / numHeads }

  /// Hidden width of the feed-forward network.
  ///
  /// The gated layer has two thirds of the width, rounded up to a multiple of 8, because it has
  /// three matrices instead of two.
  public var ffnHiddenDim: Int {
    let hidden = Int(Double(embedDim) * mlpRatio)
    return ffnLayer.isGated ? (hidden * 2 / 3 + 7) / 8 * 8 : hidden
  }

  /// The number of parameters, the mask token included.
  public var parameterCount: Int {
    let (d, h) = (embedDim, ffnHiddenDim)
    func linear(_ inputs: Int, _ outputs: Int, _ hasBias: Bool) -> Int {
      inputs * outputs + (hasBias ? outputs : 0)
    }
    let attention = linear(d, 3 * d, qkvBias) + linear(d, d, projBias)
    let ffn = linear(d, ffnLayer.isGated ? 2 * h : h, ffnBias) + linear(h, d, ffnBias)
    let block = attention + ffn + 4 * d + (layerScale == nil ? 0 : 2 * d)
    let tokens = (1 + numRegisterTokens + 1 + 1 + gridSize * gridSize) * d
    return linear(inChannels * patchSize * patchSize, d, true) + tokens + depth * block + 2 * d
  }

  /// Tokens before the patches: the class token and the registers.
  public var numPrefixTokens: Int { 1 + numRegisterTokens }

  /// How positions are resized.
  public var posEmbedInterpolation: PosEmbedInterpolation {
    get { PosEmbedInterpolation(antialias: interpolateAntialias, offset: interpolateOffset) }
    set {
      interpolateAntialias = newValue.antialias
      interpolateOffset = newValue.offset
    }
  }

  /// Every contradiction in the values, one line each; empty if a model can be built.
  public func problems() -> [String] {
    var problems: [String] = []
    func demand(_ holds: Bool, _ line: String) { if !holds { problems.append(line) } }
    demand(patchSize > 0, "patch_size is \(patchSize); it must be at least 1")
    demand(inChannels > 0, "in_chans is \(inChannels); it must be at least 1")
    demand(depth > 0, "depth is \(depth); it must be at least 1")
    demand(
      numHeads > 0 && embedDim > 0 && embedDim % Swift.max(numHeads, 1) == 0,
      "embed_dim \(embedDim) is no multiple of num_heads \(numHeads)")
    demand(
      patchSize > 0 && imageSize >= patchSize,
      "img_size \(imageSize) is smaller than patch_size \(patchSize)")
    demand(mlpRatio > 0 && mlpRatio < 1e3, "mlp_ratio is \(mlpRatio); it must be positive")
    demand(numRegisterTokens >= 0, "num_register_tokens is \(numRegisterTokens)")
    demand((0..<1).contains(dropPathRate), "drop_path_rate is \(dropPathRate), not in [0, 1)")
    return problems
  }

  /// ViT-S: 22 M parameters.
  public static func small(patch: Int = 14, registers: Int = 0) -> VisionTransformerConfig {
    preset(384, 12, 6, patch, registers)
  }

  /// ViT-B: 87 M parameters. (Table 17 of the paper prints 18 blocks; the weights have 12.)
  public static func base(patch: Int = 14, registers: Int = 0) -> VisionTransformerConfig {
    preset(768, 12, 12, patch, registers)
  }

  /// ViT-L: 304 M parameters.
  public static func large(patch: Int = 14, registers: Int = 0) -> VisionTransformerConfig {
    preset(1024, 24, 16, patch, registers)
  }

  /// ViT-g: 1.1 B parameters, with SwiGLU.
  public static func giant(patch: Int = 14, registers: Int = 0) -> VisionTransformerConfig {
    var config = preset(1536, 40, 24, patch, registers)
    config.ffnLayer = .swiGLUFused
    return config
  }

  private static func preset(
    _ embedDim: Int, _ depth: Int, _ numHeads: Int, _ patch: Int, _ registers: Int
  ) -> VisionTransformerConfig {
    var config = VisionTransformerConfig()
    config.embedDim = embedDim
    config.depth = depth
    config.numHeads = numHeads
    config.patchSize = patch
    // The released grids are 37 × 37 patches: 518 pixels of patch 14.
    config.imageSize = 37 * patch
    config.numRegisterTokens = registers
    config.posEmbedInterpolation = registers > 0 ? .metaRegisters : .meta
    return config
  }
}
