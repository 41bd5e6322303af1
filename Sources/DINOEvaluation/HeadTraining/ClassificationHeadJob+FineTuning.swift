public import DINOInference
internal import DINOModels
internal import Torch

extension ClassificationHeadJob {
  /// How a classifier and its backbone learn together.
  public struct FineTuning: Sendable, Equatable {
    /// Steps.
    public var steps: Int
    /// Images of a step.
    public var batch: Int
    /// The decoupled weight decay.
    public var weightDecay: Double
    /// How the backbone learns; the classifier has learnt before.
    public var backbone: FineTuningSettings
    /// A folder for what an unfinished run leaves, which exists.
    public var workFolder: String

    /// Describes how they learn.
    ///
    /// - Parameters:
    ///   - steps: Steps.
    ///   - batch: Images of a step.
    ///   - workFolder: A folder for what an unfinished run leaves, which exists.
    public init(steps: Int, batch: Int = 32, workFolder: String) {
      (self.steps, self.batch, self.workFolder) = (steps, batch, workFolder)
      weightDecay = 0.05
      backbone = FineTuningSettings()
      backbone.headAlone = 0
    }

    /// How the classifier learns: at the rate of the last block, more would throw away what it knows.
    func head(seed: UInt64) -> HeadTrainingSettings {
      var head = HeadTrainingSettings()
      (head.steps, head.batch, head.seed) = (steps, batch, seed)
      (head.rates, head.weightDecay) = ([backbone.rate], weightDecay)
      return head
    }
  }

  /// Lets the backbone of a trained classifier learn with it, from random views of the images.
  ///
  /// Source: Kumar et al., 2022 (linear probing, then fine-tuning).
  ///
  /// - Parameters:
  ///   - trained: The classifier that was trained on the frozen backbone.
  ///   - features: What it was trained on.
  ///   - images: How these features were computed.
  ///   - model: The backbone, which stays as it is.
  ///   - settings: How both learn.
  ///   - services: Who is told and asked.
  /// - Returns: Head and backbone; nil if the run was stopped and can go on.
  /// - Throws: `InferenceError` if the backbone cannot be copied or a state is another run's.
  public func fineTuned(
    _ trained: DenseHeadJob.Trained, on features: LabelledFeatures, of images: FeatureJob,
    by model: DINOv2, _ settings: FineTuning,
    _ services: DenseHeadJob.Services = DenseHeadJob.Services()
  ) async throws(InferenceError) -> DenseHeadJob.Trained? {
    let copy = try model.separateModel()
    let blocks = trained.config.backbone.blocks
    var trainer: HeadTrainer
    let objective: ClassificationObjective
    let backbone: FineTunedBackbone
    do throws(TorchError) {
      backbone = try FineTunedBackbone(copy, settings.backbone)
      let parts = try TrainingSubset.holdOut(
        of: features.labels.count, share: heldOutShare, seed: evaluation.seed)
      let parameters = Dictionary(uniqueKeysWithValues: trained.parameters.map { ($0, $1) })
      guard let weight = parameters["weight"], let bias = parameters["bias"] else {
        throw TorchError("fine_tuning", "the classifier has no weight or no bias")
      }
      objective = try ClassificationObjective(
        weight: weight, bias: bias, width: model.config.embedDim)
      func examples(_ rows: [Int], isRandom: Bool) -> ImageExamples {
        ImageExamples(
          job: images, images: rows.map { features.images[$0] }, isRandom: isRandom,
          blocks: blocks, source: backbone, patchSize: model.config.patchSize,
          seed: evaluation.seed)
      }
      trainer = HeadTrainer(
        settings.head(seed: evaluation.seed), objective,
        train: examples(parts.kept, isRandom: true),
        heldOut: examples(parts.heldOut, isRandom: false),
        statePath: settings.workFolder + "/state.safetensors")
    } catch { throw .torch(error) }
    trainer.backbone = backbone

    services.onEvent(.begin("training", total: settings.steps, isSteps: true))
    let outcome = try await trainer(shouldStop: services.shouldStop) { step, losses in
      services.onEvent(.done(step))
      services.onEvent(.losses(step: step, losses))
    }
    guard case .finished(_, let scores) = outcome else { return nil }
    return try trained.replaced(by: objective, copy, settings, top1: scores[0])
  }
}

extension DenseHeadJob.Trained {
  /// The classifier and the backbone that have learnt together since.
  fileprivate func replaced(
    by objective: ClassificationObjective, _ backbone: VisionTransformer,
    _ settings: ClassificationHeadJob.FineTuning, top1: Double
  ) throws(InferenceError) -> DenseHeadJob.Trained {
    var config = config
    let parameters: [(name: String, tensor: Tensor)]
    do throws(TorchError) {
      parameters = try objective.parameters.parameters.map { parameter throws(TorchError) in
        (parameter.name, try parameter.value.detached())
      }
      config.backbone = HeadBackbone(
        name: HeadFolder.backboneName, backbone.config, fingerprint: try backbone.fingerprint(),
        blocks: config.backbone.blocks, normalize: true)
    } catch { throw .torch(error) }
    if var record = config.training {
      (record.steps, record.batch) = (settings.steps, settings.batch)
      record.learningRate = settings.backbone.rate
      record.metrics["held_out_top1_frozen"] = record.metrics["held_out_top1"]
      record.metrics["held_out_top1"] = top1
      config.training = record
    }
    return DenseHeadJob.Trained(
      config: config, parameters: parameters, backbone: backbone, scores: [top1])
  }
}
