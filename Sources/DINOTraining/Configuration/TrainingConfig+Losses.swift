extension TrainingConfig {
  /// The image-level loss and its head.
  public struct DINO: Codable, Equatable, Sendable {
    /// Weight of the image-level loss.
    public var lossWeight = 1.0
    /// Number of prototypes.
    public var headPrototypes = 65_536
    /// Width of the head's bottleneck.
    public var headBottleneckDim = 256
    /// Number of linear layers before the prototypes.
    public var headLayers = 3
    /// Width of the head's hidden layers.
    public var headHiddenDim = 2048
    /// Weight of KoLeo on each global view.
    public var koleoLossWeight = 0.1
    /// Ours: temperature of the student, 0.1 in Meta's code.
    public var studentTemperature = 0.1
    /// Ours: whether batch norms stand in the heads.
    public var headUsesBatchNorm = false
    /// Ours: whether the lengths of prototypes stay at 1, as in DINO.
    public var freezesWeightG = false

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case lossWeight = "loss_weight"
      case headPrototypes = "head_n_prototypes"
      case headBottleneckDim = "head_bottleneck_dim"
      case headLayers = "head_nlayers"
      case headHiddenDim = "head_hidden_dim"
      case koleoLossWeight = "koleo_loss_weight"
      case studentTemperature = "student_temp"
      case headUsesBatchNorm = "head_use_bn"
      case freezesWeightG = "freeze_weight_g"
    }
  }

  /// The patch-level loss, its masks and its head.
  public struct IBOT: Codable, Equatable, Sendable {
    /// Weight of the patch-level loss.
    public var lossWeight = 1.0
    /// Share of the global crops that are masked.
    public var maskSampleProbability = 0.5
    /// Smallest and largest share of masked patches in a masked crop.
    public var maskRatioMinMax = [0.1, 0.5]
    /// Whether patches have a head of their own; else the following sizes have no effect.
    public var separateHead = false
    /// Number of prototypes.
    public var headPrototypes = 65_536
    /// Width of the head's bottleneck.
    public var headBottleneckDim = 256
    /// Number of linear layers before the prototypes.
    public var headLayers = 3
    /// Width of the head's hidden layers.
    public var headHiddenDim = 2048
    /// Ours: temperature of the student, 0.1 in Meta's code.
    public var studentTemperature = 0.1
    /// Ours: whether masks are completed to their exact count, as in DINOv3.
    public var exactMaskCount = false

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case lossWeight = "loss_weight"
      case maskSampleProbability = "mask_sample_probability"
      case maskRatioMinMax = "mask_ratio_min_max"
      case separateHead = "separate_head"
      case headPrototypes = "head_n_prototypes"
      case headBottleneckDim = "head_bottleneck_dim"
      case headLayers = "head_nlayers"
      case headHiddenDim = "head_hidden_dim"
      case studentTemperature = "student_temp"
      case exactMaskCount = "exact_mask_count"
    }
  }
}
