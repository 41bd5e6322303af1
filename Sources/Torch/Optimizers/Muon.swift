/// Momentum with orthogonal steps for matrices, AdamW for everything else.
///
/// The direction of a matrix is its Nesterov momentum with all singular values brought near 1, times
/// `0.2·√(larger side)`: then the steps are as large as those of AdamW, and its learning rates and weight
/// decay serve as they are.
/// Source: Jordan et al., 2024 (the five Newton-Schulz steps); Liu et al., 2025, equation 4 (the scale).
public final class Muon: Optimizer {
  /// The groups; their settings may be changed between steps.
  public var groups: [ParameterGroup]
  private let momentum: Double
  private let velocities: [ObjectIdentifier: Tensor]
  /// Changes what is not in ``velocities``; its groups correspond to ``groups``.
  private let others: AdamW

  /// Creates the optimiser; all moments are zero.
  ///
  /// - Parameters:
  ///   - groups: What is to be changed.
  ///   - settings: The constants of AdamW.
  ///   - momentum: Share of a matrix's velocity that is kept.
  ///   - isMatrix: Whether a parameter, of rank 2, takes orthogonal steps.
  /// - Throws: ``TorchError`` if there is not enough memory.
  public init(
    _ groups: [ParameterGroup], settings: AdamW.Settings = AdamW.Settings(),
    momentum: Double = 0.95,
    where isMatrix: (Parameter) -> Bool
  ) throws(TorchError) {
    self.groups = groups
    self.momentum = momentum
    var velocities: [ObjectIdentifier: Tensor] = [:]
    for parameter in groups.flatMap(\.parameters) where isMatrix(parameter) {
      let value = parameter.value
      velocities[ObjectIdentifier(parameter)] = try .zeros(
        value.shape, dtype: value.dtype ?? .float32, device: value.device)
    }
    self.velocities = velocities
    others = try AdamW(
      groups.map { group in
        ParameterGroup(group.parameters.filter { velocities[ObjectIdentifier($0)] == nil })
      }, settings: settings)
  }

  /// Takes one step.
  ///
  /// - Throws: ``TorchError`` if a gradient does not fit its parameter.
  public func step() throws(TorchError) {
    for (index, group) in groups.enumerated() {
      others.groups[index].learningRate = group.learningRate
      others.groups[index].weightDecay = group.weightDecay
    }
    try others.step()
    try withoutGradient { () throws(TorchError) in
      for group in groups {
        for parameter in group.parameters { try step(parameter, group) }
      }
    }
  }

  private func step(_ parameter: Parameter, _ group: ParameterGroup) throws(TorchError) {
    let value = parameter.value
    guard let gradient = value.grad, let velocity = velocities[ObjectIdentifier(parameter)]
    else { return }
    try velocity.multiply(inPlace: momentum)
    try velocity.add(inPlace: gradient)
    let direction = try (gradient + velocity * momentum).orthogonalized()
    let scale = 0.2 * Double(max(value.shape[0], value.shape[1])).squareRoot()
    try value.multiply(inPlace: 1 - group.learningRate * group.weightDecay)
    try value.add(inPlace: direction, scale: -group.learningRate * scale)
  }

  /// The velocities of matrices, the moments and step counts of everything else.
  public var state: [(name: String, tensor: Tensor)] {
    let matrices = parameters.compactMap { parameter in
      velocities[ObjectIdentifier(parameter)].map { ("momentum.\(parameter.name)", $0) }
    }
    return matrices + others.state
  }
}

extension Tensor {
  /// A matrix with the same singular vectors whose singular values lie between about 0.7 and 1.2.
  ///
  /// Five Newton-Schulz steps `X ← aX + (bA + cA²)X` with `A = XXᵀ`.
  fileprivate func orthogonalized() throws(TorchError) -> Tensor {
    let isTall = shape[0] > shape[1]
    var x = isTall ? try transpose(0, 1) : self
    x = try x * (1 / (TensorList([x]).norms().item() + 1e-7))
    for _ in 0..<5 {
      let a = try x.matmul(x.transpose(0, 1))
      let b = try a * -4.7750 + a.matmul(a) * 2.0315
      x = try x * 3.4445 + b.matmul(x)
    }
    return isTall ? try x.transpose(0, 1) : x
  }
}
