public import Torch

/// The sizes of a ``DINOHead``.
public struct DINOHeadConfig: Equatable, Sendable {
  /// Width of a token.
  public var inputDim: Int
  /// Number of prototypes, `K`.
  public var prototypes: Int
  /// Width of the hidden layers.
  public var hiddenDim = 2048
  /// Width of the normalised bottleneck.
  public var bottleneckDim = 256
  /// Number of linear layers before the prototypes.
  public var layers = 3
  /// Whether a batch norm follows each hidden layer (DINO's convolutional recipes).
  public var usesBatchNorm = false
  /// Whether the linear layers have biases.
  public var usesBias = true
  /// Whether the lengths of the prototypes stay at 1, as DINO's `norm_last_layer` does.
  public var freezesPrototypeLengths = false

  /// Creates sizes; the ones that are left out are DINOv2's.
  ///
  /// - Parameters:
  ///   - inputDim: Width of a token.
  ///   - prototypes: Number of prototypes.
  public init(inputDim: Int, prototypes: Int) {
    self.inputDim = inputDim
    self.prototypes = prototypes
  }
}

/// The projection head: an MLP, a unit-length bottleneck and weight-normalised prototypes.
///
/// `y = L2(MLP(x)) · Wᵀ` with `Wₖ = gₖ · vₖ / ‖vₖ‖`. The lengths `g` start at 1 and are trained,
/// unless they are frozen.
///
/// Source: Caron et al., 2021, section 3.1; Oquab et al., 2023, section 4. Parameter names are
/// those of Meta's training checkpoints: `mlp.{i}.…`, `last_layer.weight_g`, `last_layer.weight_v`.
///
/// Shapes: `x` is `[…, D]`, `y` is `[…, K]`.
public final class DINOHead {
  /// The sizes.
  public let config: DINOHeadConfig
  private let hidden: [(linear: Linear, norm: BatchNorm?)]
  private let bottleneck: Linear
  private let lengths: Parameter
  private let directions: Parameter

  /// Registers the parameters under a scope.
  ///
  /// Linear weights start from a truncated normal with σ 0.02, biases from 0, the prototypes'
  /// directions as PyTorch's linear layers, their lengths from 1.
  ///
  /// - Parameters:
  ///   - config: The sizes.
  ///   - scope: Where the parameters are registered.
  /// - Throws: ``TorchError`` if a name is taken.
  public init(_ config: DINOHeadConfig, in scope: ParameterScope) throws(TorchError) {
    self.config = config
    // Positions in PyTorch's `Sequential`: linear, (norm,) GELU, …, linear. A single layer is no
    // sequence and has no number.
    let stride = config.usesBatchNorm ? 3 : 2
    let last = Swift.max(config.layers, 1) - 1
    var hidden: [(Linear, BatchNorm?)] = []
    var width = config.inputDim
    for layer in 0..<last {
      let linear = try Linear(
        width, config.hiddenDim, bias: config.usesBias, in: scope / "mlp" / (layer * stride),
        initializer: .vitWeights)
      let norm =
        config.usesBatchNorm
        ? try BatchNorm(config.hiddenDim, in: scope / "mlp" / (layer * stride + 1)) : nil
      hidden.append((linear, norm))
      width = config.hiddenDim
    }
    self.hidden = hidden
    bottleneck = try Linear(
      width, config.bottleneckDim, bias: config.usesBias,
      in: last == 0 ? scope / "mlp" : scope / "mlp" / (last * stride), initializer: .vitWeights)
    let prototypes = scope / "last_layer"
    lengths = try prototypes.parameter("weight_g", [config.prototypes, 1], .ones)
    directions = try prototypes.parameter(
      "weight_v", [config.prototypes, config.bottleneckDim],
      .kaimingUniform(fanIn: config.bottleneckDim))
  }

  /// The logits of tokens.
  ///
  /// - Parameters:
  ///   - x: Tokens, `[…, D]`.
  ///   - isTraining: Whether batch norms use the batch; without them nothing changes.
  /// - Returns: Logits, `[…, K]`.
  /// - Throws: ``TorchError`` if the width does not fit.
  public func callAsFunction(_ x: Tensor, isTraining: Bool = true) throws(TorchError) -> Tensor {
    var x = x
    for (linear, norm) in hidden {
      x = try linear(x)
      if let norm { x = try norm(x, isTraining: isTraining) }
      x = try x.gelu()
    }
    x = try bottleneck(x)
    // The smallest half-precision number is above 1e-12.
    x = try x.normalized(dim: -1, epsilon: x.dtype == .float16 ? 1e-6 : 1e-12)
    return try x.linear(weight: prototypes(), bias: nil)
  }

  /// The prototypes, `[K, bottleneck]`.
  private func prototypes() throws(TorchError) -> Tensor {
    let lengths =
      config.freezesPrototypeLengths ? try self.lengths.value.detached() : self.lengths.value
    return try directions.value.weightNormalized(lengths: lengths)
  }
}
