/// A named tensor of a model, owned by its ``ParameterStore``.
public final class Parameter {
  /// The full name, as in the checkpoint: `blocks.0.attn.qkv.weight`.
  public let name: String
  /// Whether it is state, such as running statistics, rather than something to train.
  public let isBuffer: Bool
  /// The present value; loading replaces it.
  public internal(set) var value: Tensor

  init(name: String, isBuffer: Bool, value: Tensor) {
    self.name = name
    self.isBuffer = isBuffer
    self.value = value
  }
}

/// How a parameter is filled before training.
public enum Initializer: Equatable, Sendable {
  /// One value everywhere.
  case constant(Double)
  /// Normal with mean 0.
  case normal(deviation: Double)
  /// Normal with mean 0, redrawn outside ±2 (absolute).
  ///
  /// Source: `trunc_normal_` of PyTorch, which ViT weights start from.
  case truncatedNormal(deviation: Double)
  /// Uniform in ±bound.
  case uniform(bound: Double)

  /// 0 everywhere.
  public static let zeros = Initializer.constant(0)
  /// 1 everywhere.
  public static let ones = Initializer.constant(1)

  /// Uniform in ±1/√fanIn: what PyTorch starts linear layers and convolutions from.
  ///
  /// - Parameter fanIn: The number of inputs of one output.
  /// - Returns: The initializer.
  public static func kaimingUniform(fanIn: Int) -> Initializer {
    .uniform(bound: 1 / Double(Swift.max(fanIn, 1)).squareRoot())
  }
}

private let erfinvOperator = Operator("aten::erfinv")

extension Initializer {
  func tensor(
    _ shape: [Int], dtype: DType, generator: Generator
  ) throws(TorchError) -> Tensor {
    switch self {
    case .constant(let value):
      return try .full(shape, value, dtype: dtype, device: generator.device)
    case .normal(let deviation):
      return try Tensor.randn(shape, generator: generator, dtype: dtype) * deviation
    case .uniform(let bound):
      return try Tensor.rand(shape, generator: generator, dtype: dtype) * (2 * bound) - bound
    case .truncatedNormal(let deviation):
      // Inverse transform: uniform between the two cumulative probabilities, as ±erf(2/(σ√2)).
      let edge = errorFunction(2 / (deviation * 2.0.squareRoot()))
      let uniform = try Tensor.rand(shape, generator: generator, dtype: dtype) * (2 * edge) - edge
      let normal = try erfinvOperator.tensor(.tensor(uniform)) * (deviation * 2.0.squareRoot())
      return try normal.clamped(from: -2, to: 2)
    }
  }
}
