private let fusedAdamW = Operator("aten::_fused_adamw_")

/// Adam with decoupled weight decay.
///
/// Source: Loshchilov and Hutter, 2019, algorithm 2; one pass over memory for each group.
public final class AdamW: Optimizer {
  /// The groups; their settings may be changed between steps.
  public var groups: [ParameterGroup]
  private let settings: Settings
  private let moments: [ObjectIdentifier: Moments]

  /// The constants of the algorithm.
  public struct Settings: Equatable, Sendable {
    /// Decay of the mean of gradients.
    public var beta1 = 0.9
    /// Decay of the mean of squared gradients.
    public var beta2 = 0.999
    /// Added to the root of the mean square.
    public var epsilon = 1e-8

    /// PyTorch's defaults.
    public init() {}
  }

  private struct Moments {
    let first: Tensor
    let second: Tensor
    /// The number of steps taken, a scalar.
    let step: Tensor
  }

  /// Creates the optimiser; all moments are zero.
  ///
  /// - Parameters:
  ///   - groups: What is to be changed.
  ///   - settings: The constants.
  /// - Throws: ``TorchError`` if there is not enough memory.
  public init(_ groups: [ParameterGroup], settings: Settings = Settings()) throws(TorchError) {
    self.groups = groups
    self.settings = settings
    var moments: [ObjectIdentifier: Moments] = [:]
    for parameter in groups.flatMap(\.parameters) {
      let value = parameter.value
      moments[ObjectIdentifier(parameter)] = Moments(
        first: try .zeros(value.shape, dtype: value.dtype ?? .float32, device: value.device),
        second: try .zeros(value.shape, dtype: value.dtype ?? .float32, device: value.device),
        step: try .zeros([], device: value.device))
    }
    self.moments = moments
  }

  /// Takes one step.
  ///
  /// - Throws: ``TorchError`` if a gradient does not fit its parameter.
  public func step() throws(TorchError) {
    try withoutGradient { () throws(TorchError) in
      for group in groups { try step(group) }
    }
  }

  private func step(_ group: ParameterGroup) throws(TorchError) {
    var (values, gradients, states): ([Tensor], [Tensor], [Moments]) = ([], [], [])
    for parameter in group.parameters {
      guard let gradient = parameter.value.grad, let state = moments[ObjectIdentifier(parameter)]
      else { continue }
      values.append(parameter.value)
      gradients.append(gradient)
      states.append(state)
    }
    guard !values.isEmpty else { return }
    for state in states { try state.step.add(inPlace: .ones([])) }
    _ = try fusedAdamW([
      .tensors(values), .tensors(gradients), .tensors(states.map(\.first)),
      .tensors(states.map(\.second)), .tensors([]), .tensors(states.map(\.step)),
      .double(group.learningRate), .double(settings.beta1), .double(settings.beta2),
      .double(group.weightDecay), .double(settings.epsilon), .bool(false), .bool(false),
    ])
  }

  /// The moments and step counts.
  public var state: [(name: String, tensor: Tensor)] {
    parameters.flatMap { parameter -> [(name: String, tensor: Tensor)] in
      guard let state = moments[ObjectIdentifier(parameter)] else { return [] }
      return [
        ("exp_avg.\(parameter.name)", state.first), ("exp_avg_sq.\(parameter.name)", state.second),
        ("step.\(parameter.name)", state.step),
      ]
    }
  }
}
