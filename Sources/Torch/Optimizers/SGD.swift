/// Stochastic gradient descent with momentum; weight decay is added to the gradient.
///
/// Source: Sutskever et al., 2013, in PyTorch's form `v ← μ·v + g`, `p ← p − lr·v`.
///
/// With a trust coefficient it is LARS: the step of each matrix is scaled by
/// `η · ‖p‖ / ‖g + wd·p‖`, so that every layer moves by a like share of its size.
/// Source: You et al., 2017, equation 6; vectors (biases, norms) are left as they are.
public final class SGD: Optimizer {
  /// The groups; their settings may be changed between steps.
  public var groups: [ParameterGroup]
  private let momentum: Double
  private let trustCoefficient: Double?
  private let velocities: [ObjectIdentifier: Tensor]

  /// Creates the optimiser; all velocities are zero.
  ///
  /// - Parameters:
  ///   - groups: What is to be changed.
  ///   - momentum: Share of the velocity that is kept.
  ///   - trustCoefficient: `η` of LARS, such as 0.001; nil for plain descent.
  /// - Throws: ``TorchError`` if there is not enough memory.
  public init(
    _ groups: [ParameterGroup], momentum: Double = 0.9, trustCoefficient: Double? = nil
  ) throws(TorchError) {
    self.groups = groups
    self.momentum = momentum
    self.trustCoefficient = trustCoefficient
    var velocities: [ObjectIdentifier: Tensor] = [:]
    for parameter in groups.flatMap(\.parameters) {
      let value = parameter.value
      velocities[ObjectIdentifier(parameter)] = try .zeros(
        value.shape, dtype: value.dtype ?? .float32, device: value.device)
    }
    self.velocities = velocities
  }

  /// Takes one step.
  ///
  /// - Throws: ``TorchError`` if a gradient does not fit its parameter.
  public func step() throws(TorchError) {
    try withoutGradient { () throws(TorchError) in
      for group in groups {
        for parameter in group.parameters { try step(parameter, group) }
      }
    }
  }

  private func step(_ parameter: Parameter, _ group: ParameterGroup) throws(TorchError) {
    let value = parameter.value
    guard var direction = value.grad, let velocity = velocities[ObjectIdentifier(parameter)]
    else { return }
    if group.weightDecay != 0 { direction = try direction + value * group.weightDecay }
    if let trustCoefficient, value.rank > 1 {
      let (size, change) = (try value.euclideanNorm(), try direction.euclideanNorm())
      if size > 0, change > 0 { direction = try direction * (trustCoefficient * size / change) }
    }
    try velocity.multiply(inPlace: momentum)
    try velocity.add(inPlace: direction)
    try value.add(inPlace: velocity, scale: -group.learningRate)
  }

  /// The velocities.
  public var state: [(name: String, tensor: Tensor)] {
    parameters.compactMap { parameter in
      velocities[ObjectIdentifier(parameter)].map { ("momentum.\(parameter.name)", $0) }
    }
  }
}

extension Tensor {
  /// The root of the sum of squares of all elements.
  fileprivate func euclideanNorm() throws(TorchError) -> Double {
    try TensorList([self]).norms().item()
  }
}
