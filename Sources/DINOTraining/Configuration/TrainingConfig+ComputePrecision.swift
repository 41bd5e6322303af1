extension TrainingConfig {
  /// Meta's settings of sharding and half precision, kept as they are; without effect here, where
  /// ``Train/precision`` says how numbers are computed.
  ///
  /// Source: `dinov2/configs/ssl_default_config.yaml`, lines 3–41.
  public struct ComputePrecision: Codable, Equatable, Sendable {
    /// Whether losses are scaled for half precision.
    public var gradScaler = true
    /// The teacher's parts.
    public var teacher = Network(headReduction: "fp16")
    /// The student's parts; gradients of heads are summed in single precision.
    public var student = Network(headReduction: "fp32")

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case gradScaler = "grad_scaler"
      case teacher
      case student
    }

    /// The parts of a network.
    public struct Network: Codable, Equatable, Sendable {
      /// The backbone.
      public var backbone = Part()
      /// The head of the class tokens.
      public var dinoHead = Part()
      /// The head of the patch tokens.
      public var ibotHead = Part()

      init(headReduction: String) {
        dinoHead.mixedPrecision.reduceDtype = headReduction
        ibotHead.mixedPrecision.reduceDtype = headReduction
      }

      enum CodingKeys: String, CodingKey {
        case backbone
        case dinoHead = "dino_head"
        case ibotHead = "ibot_head"
      }
    }

    /// How one part is sharded and computed.
    public struct Part: Codable, Equatable, Sendable {
      /// A name of FSDP's strategies.
      public var shardingStrategy = "SHARD_GRAD_OP"
      /// The types of numbers.
      public var mixedPrecision = MixedPrecision()

      enum CodingKeys: String, CodingKey {
        case shardingStrategy = "sharding_strategy"
        case mixedPrecision = "mixed_precision"
      }
    }

    /// The types of numbers of one part.
    public struct MixedPrecision: Codable, Equatable, Sendable {
      /// Of parameters in use.
      public var paramDtype = "fp16"
      /// Of sums over processes.
      public var reduceDtype = "fp16"
      /// Of buffers.
      public var bufferDtype = "fp32"

      enum CodingKeys: String, CodingKey {
        case paramDtype = "param_dtype"
        case reduceDtype = "reduce_dtype"
        case bufferDtype = "buffer_dtype"
      }
    }
  }
}
