internal import DINOModels

/// About how much memory the tensors of a training process need, in bytes.
///
/// Parameters, gradients and moments are exact. Activations are counted by hand: what a block keeps
/// for the way back (its input, query, key and value, the mixed values of each size of crop and of
/// all, the tokens after attention, the hidden layer before its nonlinearity), and the logits of the
/// heads. Buffers of libtorch, images in the loader and the program itself come on top.
public struct MemoryEstimate: Codable, Equatable, Sendable {
  /// The student's parameters.
  public let student: Int
  /// The teacher's parameters.
  public let teacher: Int
  /// The student's gradients.
  public let gradients: Int
  /// The optimiser's moments.
  public let optimizer: Int
  /// What is kept for the way back, and the logits, of one part of the batch.
  public let activations: Int

  /// Everything.
  public var total: Int { student + teacher + gradients + optimizer + activations }

  /// What a checkpoint takes on the disk: both networks and the moments.
  public var checkpoint: Int { student + teacher + optimizer }

  /// Estimates the memory of one process.
  ///
  /// - Parameter config: The configuration.
  public init(_ config: TrainingConfig) {
    let parameters = config.networkConfig.parts.reduce(0) { $0 + $1.parameters }
    student = 4 * parameters
    teacher = student
    gradients = student
    optimizer = (config.optim.optimizer == .adamW ? 2 : 1) * student
    let images = config.train.batchSizePerGPU / Swift.max(config.train.accumulationSteps, 1)
    let bytes = config.train.precision == .bf16 ? 2 : 4
    activations = Swift.max(images, 1) * (bytes * config.blockValues + 4 * config.logitValues)
  }
}

extension TrainingConfig {
  /// Tokens of a crop, the class token and registers included.
  private func tokens(side: Int) -> Int {
    let grid = side / Swift.max(student.patchSize, 1)
    return modelConfig.numPrefixTokens + grid * grid
  }

  /// Student tokens of one image over all its crops.
  var studentTokens: Int {
    2 * tokens(side: crops.globalSize)
      + (crops.localNumber > 0 ? crops.localNumber * tokens(side: crops.localSize) : 0)
  }

  /// Values that the blocks keep for one image.
  fileprivate var blockValues: Int {
    let model = modelConfig
    let block = 7 * model.embedDim + (model.ffnLayer.isGated ? 2 : 1) * model.ffnHiddenDim
    let kept =
      train.activationCheckpointing ? model.depth * model.embedDim + block : model.depth * block
    return studentTokens * kept
  }

  /// Logits of one image: those of the student twice (with their softmax), and the targets.
  fileprivate var logitValues: Int {
    let patches = tokens(side: crops.globalSize) - modelConfig.numPrefixTokens
    let ratio = ibot.maskRatioMinMax.reduce(0, +) / Double(Swift.max(ibot.maskRatioMinMax.count, 1))
    let masked =
      ibot.lossWeight > 0 ? Int(2 * ibot.maskSampleProbability * ratio * Double(patches)) : 0
    let patchPrototypes = ibot.separateHead ? ibot.headPrototypes : dino.headPrototypes
    return (2 * (2 + crops.localNumber) + 2) * dino.headPrototypes + 3 * masked * patchPrototypes
  }
}

extension DINOHeadConfig {
  /// The number of parameters.
  var parameterCount: Int {
    func linear(_ inputs: Int, _ outputs: Int) -> Int {
      inputs * outputs + (usesBias ? outputs : 0)
    }
    var (count, width) = (0, inputDim)
    for _ in 1..<Swift.max(layers, 1) {
      count += linear(width, hiddenDim) + (usesBatchNorm ? 2 * hiddenDim : 0)
      width = hiddenDim
    }
    return count + linear(width, bottleneckDim) + prototypes * (bottleneckDim + 1)
  }
}
