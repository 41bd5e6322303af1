internal import CheckpointFormats
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
  var hiddenAct: String?
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
    case hiddenAct = "hidden_act"
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
    let bytes: FileBytes
    do { bytes = try FileBytes(path: path) } catch { throw .checkpoint(error) }
    let config: HuggingFaceConfig
    do {
      let data = unsafe bytes.withUnsafeBytes { unsafe Data($0) }
      config = try JSONDecoder().decode(HuggingFaceConfig.self, from: data)
    } catch {
      throw .configuration(path: path, problem: Self.complaint(about: error))
    }
    guard [plainType, registersType].contains(config.modelType) else {
      throw .configuration(
        path: path,
        problem: "model_type is \(config.modelType.quoted), expected \(plainType) or "
          + registersType)
    }
    guard config.hiddenAct ?? "gelu" == "gelu" else {
      throw .configuration(
        path: path, problem: "hidden_act is \(config.hiddenAct?.quoted ?? ""), expected gelu")
    }
    let sizes = [
      config.hiddenSize, config.numHiddenLayers, config.patchSize, config.imageSize,
      config.numChannels ?? 3, (config.numRegisterTokens ?? 0) + 1,
    ]
    guard sizes.allSatisfy({ VisionTransformerConfig.plausible.contains($0) }) else {
      throw .configuration(path: path, problem: "a size is not positive or absurdly large")
    }
    let problems = config.visionTransformer.problems()
    guard problems.isEmpty else {
      throw .configuration(path: path, problem: problems.joined(separator: "; "))
    }
    return config
  }

  private static func complaint(about error: any Error) -> String {
    switch error {
    case DecodingError.keyNotFound(let key, _):
      "\(key.stringValue) is missing; expected a DINOv2 config.json"
    case DecodingError.typeMismatch(let type, let context),
      DecodingError.valueNotFound(let type, let context):
      "\(context.codingPath.map(\.stringValue).joined(separator: ".")) is not of type \(type)"
    default: "is no JSON; expected a DINOv2 config.json"
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
  /// - Parameters:
  ///   - config: The sizes.
  ///   - elementType: The type of the stored numbers.
  /// - Throws: ``ModelError`` if transformers has no such model.
  init(
    _ config: VisionTransformerConfig, elementType: WeightForm.ElementType
  ) throws(ModelError) {
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
    hiddenAct = "gelu"
    dtype = elementType.rawValue
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
