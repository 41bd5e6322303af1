internal import DINOModels
public import Kernels
public import Torch

/// The losses and their weights.
public struct SelfDistillationConfig: Equatable, Sendable {
  /// How teacher logits become targets.
  public enum Centering: String, Codable, CaseIterable, Sendable {
    /// A softmax around a running centre.
    case softmax = "centering"
    /// Sinkhorn-Knopp over the batch.
    case sinkhornKnopp = "sinkhorn_knopp"
  }

  /// How teacher logits become targets.
  public var centering = Centering.softmax
  /// Share of the running centre that is kept.
  public var centerMomentum = 0.9
  /// Weight of the image-level loss.
  public var dinoWeight = 1.0
  /// Weight of the patch-level loss; 0 leaves it out.
  public var ibotWeight = 1.0
  /// Weight of KoLeo on each global view; 0 leaves it out.
  public var koleoWeight = 0.1
  /// Student temperature of the image-level loss.
  public var dinoTemperature = 0.1
  /// Student temperature of the patch-level loss.
  public var ibotTemperature = 0.1
  /// Whether blocks are computed again on the way back, to save memory.
  public var recomputesActivations = false
  /// The dtype of matrix products; nil for that of the parameters.
  public var autocast: DType?

  /// DINOv2's weights, with softmax centring.
  public init() {}
}

/// The student, the teacher that follows it, and the losses between them.
///
/// Source: Oquab et al., 2023, section 4 and appendix B.1; scale factors as in the released code:
/// with `L` local crops every pair of crops weighs `1 / (2L + 2)`.
public final class SelfDistillation {
  /// The losses and their weights.
  public let config: SelfDistillationConfig
  /// The network that is trained.
  public let student: DINONetwork
  /// The network that gives the targets: a running mean of the student.
  public let teacher: DINONetwork

  /// How long the stages of the last batch took.
  public internal(set) var stages = StageSeconds()
  /// Computes losses and targets on the host.
  let kernels: ProcessorKernels?
  let dinoCentering: SoftmaxCentering
  let ibotCentering: SoftmaxCentering

  /// Builds both networks; the teacher starts as the student.
  ///
  /// - Parameters:
  ///   - network: The sizes.
  ///   - config: The losses.
  ///   - seed: Equal seeds give equal networks.
  ///   - kernels: Computes losses and targets on the host; nil leaves them to libtorch.
  /// - Throws: ``TorchError`` if a configuration contradicts itself.
  public init(
    _ network: DINONetworkConfig, _ config: SelfDistillationConfig, seed: UInt64,
    kernels: ProcessorKernels? = nil
  ) throws(TorchError) {
    self.config = config
    self.kernels = kernels
    student = try DINONetwork(network, in: ParameterScope(seed: seed))
    var steady = network
    steady.backbone.dropPathRate = 0
    teacher = try DINONetwork(steady, in: ParameterScope(seed: seed))
    for parameter in teacher.parameters.parameters { try parameter.value.requiringGrad(false) }
    let patchHead = network.ibotHead ?? network.dinoHead
    dinoCentering = try SoftmaxCentering(
      prototypes: network.dinoHead.prototypes, momentum: config.centerMomentum)
    ibotCentering = try SoftmaxCentering(
      prototypes: patchHead.prototypes, momentum: config.centerMomentum)
    try copyStudentToTeacher()
  }

  /// The running centres of both losses, `[1, K]`, as they were last used.
  package var centers: (dino: Tensor, ibot: Tensor) {
    (dinoCentering.center, ibotCentering.center)
  }

  /// Continues from stored centres.
  ///
  /// - Parameters:
  ///   - dino: The centre of the image-level loss.
  ///   - ibot: The centre of the patch-level loss; nil leaves it.
  /// - Throws: ``TorchError`` if the number of prototypes differs.
  package func restoreCenters(dino: Tensor, ibot: Tensor?) throws(TorchError) {
    try dinoCentering.restore(dino)
    if let ibot { try ibotCentering.restore(ibot) }
  }

  /// Makes the teacher equal to the student.
  ///
  /// - Throws: ``TorchError`` if libtorch runs out of memory.
  public func copyStudentToTeacher() throws(TorchError) {
    try withoutGradient { () throws(TorchError) in
      try TensorList(teacher.parameters.values).copy(from: TensorList(student.parameters.values))
    }
  }

  /// Moves the teacher towards the student: `teacher ← m·teacher + (1 − m)·student`.
  ///
  /// - Parameter momentum: `m`.
  /// - Throws: ``TorchError`` if libtorch runs out of memory.
  public func updateTeacher(momentum: Double) throws(TorchError) {
    try withoutGradient { () throws(TorchError) in
      try TensorList(teacher.parameters.trainedValues).move(
        towards: TensorList(student.parameters.trainedValues), weight: 1 - momentum)
    }
  }

  /// Adds the gradients of one batch to the student's.
  ///
  /// With several parts the student sees the batch part by part, and what belongs to the whole batch
  /// (centring, Sinkhorn-Knopp, KoLeo) is still computed over the whole: the gradients are those
  /// of one large batch.
  ///
  /// - Parameters:
  ///   - views: The crops and masks.
  ///   - teacherTemperature: `T` of the targets.
  ///   - parts: How many parts; must divide the number of images.
  ///   - generator: Makes the random numbers of stochastic depth for a part; called again with the
  ///     same part when its pass is repeated.
  /// - Returns: The losses.
  /// - Throws: ``TorchError`` if a shape does not fit.
  public func accumulateGradients(
    of views: ViewTensors, teacherTemperature: Double, parts: Int = 1,
    generator: (_ part: Int) throws(TorchError) -> Generator
  ) throws(TorchError) -> StepLosses {
    stages = StageSeconds()
    let pieces = try views.parts(parts)
    let targets = try stages.time(\.teacher) { () throws(TorchError) in
      try self.targets(pieces, temperature: teacherTemperature)
    }
    let spread = try stages.time(\.student) { () throws(TorchError) in
      try pieces.count > 1 ? koleoGradient(pieces, generator: generator) : nil
    }
    var losses = StepLosses()
    losses.targets = targets.statistics
    if let spread {
      losses.koleo = spread.loss
      losses.total = config.koleoWeight * spread.loss
    }
    for (index, piece) in pieces.enumerated() {
      let context = ForwardContext.training(try generator(index))
      losses.add(
        try addGradients(
          of: piece, of: views.images, targets.rows(of: piece), koleo: spread, context))
    }
    return losses
  }
}

extension ParameterStore {
  /// The values of all parameters and buffers.
  var values: [Tensor] { parameters.map(\.value) }

  /// The values of the trained parameters.
  var trainedValues: [Tensor] { parameters.filter { !$0.isBuffer }.map(\.value) }
}
