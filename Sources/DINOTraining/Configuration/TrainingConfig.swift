/// Everything that a pre-training run can be told; the tree and the defaults are those of Meta's
/// `ssl_default_config.yaml`.
///
/// Keys that are ours say so. Values that follow from others, such as the scaled learning rate, are
/// computed and never stored. ``load(preset:file:overrides:)`` reads a configuration,
/// ``validate()`` checks it.
///
/// Source: `dinov2/configs/ssl_default_config.yaml`; Oquab et al., 2023, tables 16 and 17.
public struct TrainingConfig: Codable, Equatable, Sendable {
  /// Weights of a whole run; without effect here.
  public var model = Model()
  /// Meta's settings of sharding and half precision; without effect here.
  public var computePrecision = ComputePrecision()
  /// The image-level loss and its head.
  public var dino = DINO()
  /// The patch-level loss, its masks and its head.
  public var ibot = IBOT()
  /// Data, length, files and the way of computing.
  public var train = Train()
  /// The student's backbone.
  public var student = Student()
  /// How the teacher follows and how sharp it is.
  public var teacher = Teacher()
  /// The optimiser and its schedules.
  public var optim = Optim()
  /// The crops and their distortions.
  public var crops = Crops()
  /// The evaluation during training.
  public var evaluation = Evaluation()
  /// Ours: which deviations of the released code are kept.
  public var quirks = QuirkSelection.corrected

  /// Creates Meta's defaults.
  public init() {}

  enum CodingKeys: String, CodingKey {
    case model = "MODEL"
    case computePrecision = "compute_precision"
    case dino
    case ibot
    case train
    case student
    case teacher
    case optim
    case crops
    case evaluation
    case quirks
  }
}

extension TrainingConfig {
  /// Weights of a whole run; without effect here.
  public struct Model: Codable, Equatable, Sendable {
    /// A file of weights; without effect here (see ``Student/pretrainedWeights``).
    public var weights = ""

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case weights = "WEIGHTS"
    }
  }

  /// How the teacher follows the student, and how sharp its targets are.
  public struct Teacher: Codable, Equatable, Sendable {
    /// Share of the teacher that is kept in the first step; rises to ``finalMomentum``.
    public var momentum = 0.992
    /// Share of the teacher that is kept at the end.
    public var finalMomentum = 1.0
    /// Temperature of the targets in the first step.
    public var warmupTemperature = 0.04
    /// Temperature of the targets after the warm-up.
    public var temperature = 0.07
    /// Epochs in which the temperature rises.
    public var warmupTemperatureEpochs = 30

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case momentum = "momentum_teacher"
      case finalMomentum = "final_momentum_teacher"
      case warmupTemperature = "warmup_teacher_temp"
      case temperature = "teacher_temp"
      case warmupTemperatureEpochs = "warmup_teacher_temp_epochs"
    }
  }

  /// The evaluation during training.
  public struct Evaluation: Codable, Equatable, Sendable {
    /// Iterations between evaluations; 0 for none.
    public var periodIterations = 12_500
    /// Ours: labelled images that neighbours are looked for in; empty for no k-NN evaluation.
    public var knnTrain = ""
    /// Ours: labelled images that are classified.
    public var knnVal = ""
    /// Ours: numbers of neighbours.
    public var knnK = [10, 20, 100, 200]
    /// Ours: at most this many images of either set, spread evenly; 0 for all.
    public var knnImages = 0

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case periodIterations = "eval_period_iterations"
      case knnTrain = "knn_train"
      case knnVal = "knn_val"
      case knnK = "knn_k"
      case knnImages = "knn_images"
    }
  }
}
