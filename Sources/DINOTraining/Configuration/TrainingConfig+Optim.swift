extension TrainingConfig {
  /// The optimiser and its schedules; lengths are in epochs of ``Train/officialEpochLength``.
  public struct Optim: Codable, Equatable, Sendable {
    /// How the learning rate follows from the batch.
    public enum ScalingRule: String, CaseIterable, Codable, Sendable {
      /// `base_lr · √(batch / 1024)`, Meta's only rule.
      case sqrtWrt1024 = "sqrt_wrt_1024"
      /// Ours: `base_lr · batch / 256`, DINO's rule.
      case linearWrt256 = "linear_wrt_256"
      /// Ours: `base_lr` as it is.
      case none
    }

    /// What changes the parameters.
    public enum Algorithm: String, CaseIterable, Codable, Sendable {
      /// Adam with decoupled weight decay.
      case adamW = "adamw"
      /// Gradient descent with momentum.
      case sgd
      /// Gradient descent with a rate per layer.
      case lars
      /// Orthogonal steps for the matrices of the blocks and heads, AdamW for the rest.
      case muon
    }

    /// Length of the training.
    public var epochs = 100
    /// Weight decay in the first step.
    public var weightDecay = 0.04
    /// Weight decay at the end.
    public var weightDecayEnd = 0.4
    /// Learning rate of the scaling rule's batch.
    public var baseLearningRate = 0.004
    /// Without effect: Meta's code writes the scaled rate here.
    public var learningRate = 0.0
    /// Epochs in which the learning rate rises.
    public var warmupEpochs = 10
    /// Learning rate at the end.
    public var minLearningRate = 1e-6
    /// Largest norm of the gradient of each part; 0 for no limit.
    public var clipGrad = 3.0
    /// Epochs in which the prototypes stand still.
    public var freezeLastLayerEpochs = 1
    /// How the learning rate follows from the batch.
    public var scalingRule = ScalingRule.sqrtWrt1024
    /// Factor on the learning rate of the patch projection.
    public var patchEmbedLearningRateFactor = 0.2
    /// Factor on the learning rate from block to block, towards the input.
    public var layerwiseDecay = 0.9
    /// AdamW's decay of the mean of gradients.
    public var adamWBeta1 = 0.9
    /// AdamW's decay of the mean of squares.
    public var adamWBeta2 = 0.999
    /// Ours: what changes the parameters.
    public var optimizer = Algorithm.adamW
    /// Ours: momentum of SGD and LARS.
    public var momentum = 0.9
    /// Ours: added to the root of AdamW's mean square.
    public var adamWEpsilon = 1e-8

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case epochs
      case weightDecay = "weight_decay"
      case weightDecayEnd = "weight_decay_end"
      case baseLearningRate = "base_lr"
      case learningRate = "lr"
      case warmupEpochs = "warmup_epochs"
      case minLearningRate = "min_lr"
      case clipGrad = "clip_grad"
      case freezeLastLayerEpochs = "freeze_last_layer_epochs"
      case scalingRule = "scaling_rule"
      case patchEmbedLearningRateFactor = "patch_embed_lr_mult"
      case layerwiseDecay = "layerwise_decay"
      case adamWBeta1 = "adamw_beta1"
      case adamWBeta2 = "adamw_beta2"
      case optimizer
      case momentum
      case adamWEpsilon = "adamw_eps"
    }
  }
}
