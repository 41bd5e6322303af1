internal import FoundationEssentials

/// `config.json` of a model folder, as transformers writes and reads it.
///
/// Source: transformers' `Dinov2Config` and `Dinov2WithRegistersConfig`. Keys that a backbone does
/// not need are ignored.
public struct HuggingFaceConfig: Codable, Equatable, Sendable {
  var modelType: String
  var architectures: [String]?
  var hiddenSize: Int
  var numHiddenLayers: Int
  var numAttentionHeads: Int
  var patchSize: Int
  var imageSize: Int
  var numChannels: Int?
  var mlpRatio: Double?
  var qkvBias: Bool?
  var layerNormEpsilon: Double?
  var useSwiGLU: Bool?
  var numRegisterTokens: Int?
  var dtype: String?
  /// Class names by index, as text, of a classifier.
  public var idToLabel: [String: String]?

  enum CodingKeys: String, CodingKey {
    case modelType = "model_type"
    case architectures
    case hiddenSize = "hidden_size"
    case numHiddenLayers = "num_hidden_layers"
    case numAttentionHeads = "num_attention_heads"
    case patchSize = "patch_size"
    case imageSize = "image_size"
    case numChannels = "num_channels"
    case mlpRatio = "mlp_ratio"
    case qkvBias = "qkv_bias"
    case layerNormEpsilon = "layer_norm_eps"
    case useSwiGLU = "use_swiglu_ffn"
    case numRegisterTokens = "num_register_tokens"
    case dtype
    case idToLabel = "id2label"
  }

  static let plainType = "dinov2"
  static let registersType = "dinov2_with_registers"

  /// Reads `config.json`.
  ///
  /// - Parameter path: The file.
  /// - Returns: What it says.
  /// - Throws: ``ModelError`` if it cannot be read or describes another kind of model.
  public static func read(_ path: String) throws(ModelError) -> HuggingFaceConfig {
    let config: HuggingFaceConfig
    do {
      let data = try Data(contentsOf: URL(filePath: path))
      config = try JSONDecoder().decode(HuggingFaceConfig.self, from: data)
    } catch let DecodingError.keyNotFound(key, _) {
      throw .configuration(
        path: path, problem: "\(key.stringValue) is missing; expected a DINOv2 config.json")
    } catch {
      throw .configuration(path: path, problem: "cannot be read as JSON of a DINOv2 model")
    }
    guard [plainType, registersType].contains(config.modelType) else {
      throw .configuration(
        path: path,
        problem: "model_type is \(config.modelType), expected \(plainType) or \(registersType)")
    }
    let problems = config.visionTransformer.problems()
    guard problems.isEmpty else {
      throw .configuration(path: path, problem: problems.joined(separator: "; "))
    }
    return config
  }

  /// Writes the file.
  ///
  /// - Parameter path: The file.
  /// - Throws: ``ModelError`` if it cannot be written.
  public func write(_ path: String) throws(ModelError) {
    do {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(self).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw .configuration(path: path, problem: "cannot be written: \(error)")
    }
  }

  /// The sizes of the backbone; positions are resized as transformers resizes them.
  public var visionTransformer: VisionTransformerConfig {
    var config = VisionTransformerConfig()
    config.embedDim = hiddenSize
    config.depth = numHiddenLayers
    config.numHeads = numAttentionHeads
    config.patchSize = patchSize
    config.imageSize = imageSize
    config.inChannels = numChannels ?? 3
    config.mlpRatio = mlpRatio ?? 4
    config.qkvBias = qkvBias ?? true
    config.layerNormEpsilon = layerNormEpsilon ?? 1e-6
    config.ffnLayer = useSwiGLU == true ? .swiGLUFused : .mlp
    let hasRegisters = modelType == Self.registersType
    config.numRegisterTokens = hasRegisters ? numRegisterTokens ?? 4 : 0
    config.posEmbedInterpolation = hasRegisters ? .metaRegisters : .huggingFace
    return config
  }

  /// The configuration of a backbone.
  ///
  /// - Parameter config: The sizes.
  /// - Throws: ``ModelError`` if transformers has no such model.
  public init(_ config: VisionTransformerConfig) throws(ModelError) {
    let hasRegisters = config.numRegisterTokens > 0
    modelType = hasRegisters ? Self.registersType : Self.plainType
    architectures = [hasRegisters ? "Dinov2WithRegistersModel" : "Dinov2Model"]
    hiddenSize = config.embedDim
    numHiddenLayers = config.depth
    numAttentionHeads = config.numHeads
    patchSize = config.patchSize
    imageSize = config.imageSize
    numChannels = config.inChannels
    mlpRatio = config.mlpRatio
    qkvBias = config.qkvBias
    layerNormEpsilon = config.layerNormEpsilon
    useSwiGLU = config.ffnLayer.isGated
    numRegisterTokens = hasRegisters ? config.numRegisterTokens : nil
    dtype = "float32"
    var missing: [String] = []
    if config.layerScale == nil { missing.append("blocks without LayerScale") }
    if !config.projBias { missing.append("proj_bias false") }
    if !config.ffnBias { missing.append("ffn_bias false") }
    guard missing.isEmpty else {
      throw .unsupported(
        format: "a Hugging Face folder",
        problem: "its DINOv2 models have no \(missing.joined(separator: ", "))")
    }
  }
}
