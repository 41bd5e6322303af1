internal import DINOModels
internal import Kernels
internal import Torch

/// Scale and shift of a layer norm, `[D]` each.
struct PackedNorm {
  let weight: FloatBuffer
  let bias: FloatBuffer
}

/// The packed layers of a transformer block.
struct PackedBlock {
  let norm1: PackedNorm
  let qkv: PackedLinear
  let proj: PackedLinear
  let norm2: PackedNorm
  /// `fc1`, or `w12` of the gated network.
  let expand: PackedLinear
  /// `fc2`, or `w3`.
  let contract: PackedLinear

  init(
    _ weights: LayerWeights, _ prefix: String, _ config: VisionTransformerConfig
  ) throws(TorchError) {
    let isGated = config.ffnLayer.isGated
    let hasScale = config.layerScale != nil
    norm1 = try weights.norm(prefix + "norm1")
    qkv = try weights.linear(prefix + "attn.qkv")
    proj = try weights.linear(
      prefix + "attn.proj", scale: hasScale ? prefix + "ls1.gamma" : nil)
    norm2 = try weights.norm(prefix + "norm2")
    expand = try weights.linear(prefix + (isGated ? "mlp.w12" : "mlp.fc1"), isGated: isGated)
    contract = try weights.linear(
      prefix + (isGated ? "mlp.w3" : "mlp.fc2"), scale: hasScale ? prefix + "ls2.gamma" : nil)
  }
}

/// Reads layers out of a model and packs them.
struct LayerWeights {
  private let parameters: [String: Tensor]
  private let level: ProcessorLevel
  private let numbers: ProcessorEngine.Numbers

  init(_ model: VisionTransformer, level: ProcessorLevel, numbers: ProcessorEngine.Numbers) {
    parameters = model.stateDict
    self.level = level
    self.numbers = numbers
  }

  /// A parameter as floats.
  func values(_ name: String) throws(TorchError) -> [Float] {
    guard let tensor = parameters[name] else {
      throw TorchError("pack", "the model has no parameter \(name)")
    }
    return try tensor.floats()
  }

  /// A linear layer or a convolution whose stride is its kernel.
  func linear(
    _ name: String, scale: String? = nil, isGated: Bool = false, isExact: Bool = false
  ) throws(TorchError) -> PackedLinear {
    guard var weight = parameters[name + ".weight"], let outputs = weight.shape.first else {
      throw TorchError("pack", "the model has no parameter \(name).weight")
    }
    if numbers == .rounded { weight = try weight.to(dtype: .bfloat16) }
    let values = PackedLinear.Values(
      weight: try weight.floats(),
      bias: parameters[name + ".bias"] == nil ? [] : try values(name + ".bias"),
      scale: try scale.map { name throws(TorchError) in try self.values(name) } ?? [])
    return PackedLinear(
      values, inputs: weight.elementCount / max(outputs, 1), isGated: isGated,
      isHalf: numbers == .bfloat16 && !isExact, level: level)
  }

  /// A layer norm.
  func norm(_ name: String) throws(TorchError) -> PackedNorm {
    PackedNorm(
      weight: FloatBuffer(try values(name + ".weight")),
      bias: FloatBuffer(try values(name + ".bias")))
  }
}
