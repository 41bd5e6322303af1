import DINOModels
import Testing
import Torch

@Suite("Backbone gradients in float64")
struct BackboneGradientTests {
  /// Directional derivative along a random direction against the analytic gradient.
  private func check(
    _ config: VisionTransformerConfig, height: Int, width: Int, masks: Bool
  ) throws {
    let scope = try ParameterScope(seed: 4, dtype: .float64)
    let model = try VisionTransformer(config, in: scope)
    let generator = try Generator(seed: 9)
    let image = try Tensor.randn(
      [2, config.inChannels, height, width], generator: generator, dtype: .float64)
    let count = height / config.patchSize * (width / config.patchSize)
    let mask =
      masks ? try Tensor.rand([2, count], generator: generator).isLess(than: 0.5) : nil
    func loss() throws -> Tensor {
      try model.forwardFeatures(image, mask: mask).normalized.pow(3).mean()
    }
    let parameters = model.parameters.parameters
    let gradients = try loss().gradients(of: parameters.map(\.value))

    let step = 1e-6
    for (parameter, gradient) in zip(parameters, gradients) {
      guard let gradient else {
        #expect(parameter.name == "mask_token" && !masks, "\(parameter.name) has no gradient")
        continue
      }
      let value = try parameter.value.detached()
      let direction = try Tensor.randn(value.shape, generator: generator, dtype: .float64)
      let analytic = try (gradient * direction).sum().item()
      try value.add(inPlace: direction, scale: step)
      let above = try withoutGradientItem(loss)
      try value.add(inPlace: direction, scale: -2 * step)
      let below = try withoutGradientItem(loss)
      try value.add(inPlace: direction, scale: step)
      let numeric = (above - below) / (2 * step)
      #expect(
        abs(numeric - analytic) <= 1e-5 * max(1, abs(numeric)),
        "\(parameter.name): \(analytic), numeric \(numeric)")
    }
  }

  private func withoutGradientItem(_ loss: () throws -> Tensor) throws -> Double {
    try loss().detached().item()
  }

  private func config(_ change: (inout VisionTransformerConfig) -> Void) -> VisionTransformerConfig
  {
    var config = VisionTransformerConfig()
    config.imageSize = 12
    config.patchSize = 4
    config.embedDim = 8
    config.depth = 2
    config.numHeads = 2
    config.layerScale = 0.5
    change(&config)
    return config
  }

  @Test("of a plain model on its own grid, with masked patches")
  func plain() throws {
    try check(config { _ in }, height: 12, width: 12, masks: true)
  }

  @Test("of a model with registers and SwiGLU off its grid")
  func registers() throws {
    let config = config {
      $0.numRegisterTokens = 3
      $0.ffnLayer = .swiGLUFused
      $0.posEmbedInterpolation = .metaRegisters
      $0.inChannels = 5
    }
    try check(config, height: 16, width: 8, masks: false)
  }

  @Test("of a model without LayerScale and biases, positions with offset")
  func bare() throws {
    let config = config {
      $0.layerScale = nil
      $0.qkvBias = false
      $0.projBias = false
      $0.ffnBias = false
    }
    try check(config, height: 8, width: 20, masks: false)
  }
}
