/// Parameters that are changed with the same settings.
public struct ParameterGroup {
  /// The parameters.
  public let parameters: [Parameter]
  /// The learning rate of the next step.
  public var learningRate: Double
  /// The decoupled weight decay of the next step.
  public var weightDecay: Double

  /// Creates a group.
  ///
  /// - Parameters:
  ///   - parameters: The parameters.
  ///   - learningRate: The learning rate of the next step.
  ///   - weightDecay: The weight decay of the next step.
  public init(_ parameters: [Parameter], learningRate: Double = 0, weightDecay: Double = 0) {
    self.parameters = parameters
    self.learningRate = learningRate
    self.weightDecay = weightDecay
  }
}

/// Changes parameters by their gradients.
public protocol Optimizer: AnyObject {
  /// The groups; their settings may be changed between steps.
  var groups: [ParameterGroup] { get set }

  /// Takes one step; a parameter without a gradient is left alone.
  ///
  /// - Throws: ``TorchError`` if a gradient does not fit its parameter.
  func step() throws(TorchError)

  /// What must be stored to go on later: tensors by name, such as `exp_avg.backbone.cls_token`.
  var state: [(name: String, tensor: Tensor)] { get }
}

extension Optimizer {
  /// All parameters, group by group.
  public var parameters: [Parameter] { groups.flatMap(\.parameters) }

  /// Continues from stored state.
  ///
  /// - Parameter tensors: What ``state`` gave, by name.
  /// - Throws: ``TorchError`` if a tensor is missing or has another shape.
  public func restore(_ tensors: [String: Tensor]) throws(TorchError) {
    for (name, tensor) in state {
      guard let stored = tensors[name], stored.shape == tensor.shape else {
        throw TorchError(
          "restore", "the optimiser's \(name) is missing or has another shape than \(tensor.shape)",
          kind: .mismatchedParameters)
      }
      try tensor.copy(from: stored)
    }
  }

  /// Forgets all gradients.
  public func clearGradients() {
    for parameter in parameters { parameter.value.clearGrad() }
  }
}
