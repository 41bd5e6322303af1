internal import DINOModels
public import Torch

/// Changes the student: parameter groups with their multipliers, clipping for each part, one step.
///
/// Source: Oquab et al., 2023, appendix B; `dinov2/utils/param_groups.py` of the released code.
public final class StudentOptimizer {
  /// The constants.
  public struct Settings: Equatable, Sendable {
    /// Factor on the learning rate from block to block, towards the input.
    public var layerwiseDecay = 1.0
    /// Factor on the learning rate of the patch projection.
    public var patchEmbedMultiplier = 0.2
    /// What changes the parameters.
    public var algorithm = TrainingConfig.Optim.Algorithm.adamW
    /// The constants of AdamW.
    public var adamW = AdamW.Settings()
    /// Momentum of SGD and LARS.
    public var momentum = 0.9

    /// Creates constants.
    public init() {}
  }

  private let optimizer: any Optimizer
  /// The factors of the optimiser's groups.
  private let factors: [FusedParameters]
  /// The parts whose gradients are clipped on their own.
  private let submodules: [[Parameter]]

  /// Creates the optimiser.
  ///
  /// - Parameters:
  ///   - student: What is to be changed.
  ///   - settings: The constants.
  /// - Throws: ``TorchError`` if there is not enough memory.
  public init(_ student: DINONetwork, _ settings: Settings = Settings()) throws(TorchError) {
    submodules = student.submodules.map(student.parameters(of:))
    var factors: [FusedParameters] = []
    for (submodule, parameters) in zip(student.submodules, submodules) {
      let prefix = submodule + "."
      let isBackbone = submodule == "backbone"
      let groups = ParameterGroups(
        names: parameters.map { String($0.name.dropFirst(prefix.count)) },
        depth: isBackbone ? student.config.backbone.depth : nil,
        layerwiseDecay: settings.layerwiseDecay, patchEmbedFactor: settings.patchEmbedMultiplier)
      for var group in groups.fused {
        group.names = group.names.map { prefix + $0 }
        factors.append(group)
      }
    }
    let groups = factors.map { group in
      ParameterGroup(group.names.compactMap { student.parameters[$0] })
    }
    self.factors = factors
    optimizer =
      switch settings.algorithm {
      case .adamW: try AdamW(groups, settings: settings.adamW)
      case .sgd: try SGD(groups, momentum: settings.momentum)
      case .lars: try SGD(groups, momentum: settings.momentum, trustCoefficient: 0.001)
      case .muon: try Muon(groups, settings: settings.adamW) { Self.isHiddenMatrix($0) }
      }
  }

  /// Whether a parameter maps one hidden layer to the next: no token, no prototypes, no projection of patches.
  private static func isHiddenMatrix(_ parameter: Parameter) -> Bool {
    parameter.value.rank == 2 && parameter.value.shape[0] > 1
      && !parameter.name.contains("last_layer")
  }

  /// Forgets all gradients.
  public func clearGradients() { optimizer.clearGradients() }

  /// Limits the gradient of each part to a norm of its own.
  ///
  /// - Parameter limit: The largest norm; 0 for no limit.
  /// - Returns: The norms before, in the order of the student's parts.
  /// - Throws: ``TorchError`` if libtorch runs out of memory.
  public func clipGradients(to limit: Double) throws(TorchError) -> [Double] {
    try submodules.map { parameters throws(TorchError) in
      let gradients = TensorList(parameters.compactMap(\.value.grad))
      let norms = try gradients.norms().array(of: Double.self)
      let norm = norms.reduce(0) { $0 + $1 * $1 }.squareRoot()
      let factor = limit / (norm + 1e-6)
      if limit > 0, factor < 1 { try gradients.multiply(inPlace: factor) }
      return norm
    }
  }

  /// Takes one step.
  ///
  /// - Parameters:
  ///   - learningRate: Before the groups' factors.
  ///   - lastLayerLearningRate: The same for the prototypes; 0 keeps them still.
  ///   - weightDecay: Before the groups' factors.
  /// - Throws: ``TorchError`` if libtorch runs out of memory.
  public func step(
    learningRate: Double, lastLayerLearningRate: Double, weightDecay: Double
  ) throws(TorchError) {
    for (index, factor) in factors.enumerated() {
      let rate = factor.isLastLayer ? lastLayerLearningRate : learningRate
      optimizer.groups[index].learningRate = rate * factor.learningRateFactor
      optimizer.groups[index].weightDecay = weightDecay * factor.weightDecayFactor
    }
    try optimizer.step()
  }

  /// What must be stored to go on later.
  var state: [(name: String, tensor: Tensor)] { optimizer.state }

  /// Continues from stored state.
  func restore(_ tensors: [String: Tensor]) throws(TorchError) {
    try optimizer.restore(tensors)
  }
}
