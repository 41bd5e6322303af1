extension TrainingConfig {
  /// Data, length, files and the way of computing.
  public struct Train: Codable, Equatable, Sendable {
    /// How numbers are computed.
    public enum Precision: String, CaseIterable, Codable, Sendable {
      /// Single precision.
      case fp32
      /// Matrix products in bfloat16, everything else in single precision.
      case bf16
    }

    /// Images of one step and process.
    public var batchSizePerGPU = 64
    /// The images: a folder, shards, or one of Meta's dataset strings.
    public var datasetPath = "ImageNet:split=TRAIN"
    /// The run folder.
    public var outputDir = "."
    /// Without effect, in Meta's code too; see ``checkpointPeriod``.
    public var saveckpFreq = 20
    /// Seed of everything random. (Meta's code takes it from the command line instead.)
    public var seed = 0
    /// Without effect here; see ``loaderThreads``.
    public var numWorkers = 10
    /// Iterations in an epoch, whatever the number of images.
    public var officialEpochLength = 1250
    /// Without effect, in Meta's code too; see ``cacheGB``.
    public var cacheDataset = true
    /// How teacher logits become targets.
    public var centering = SelfDistillationConfig.Centering.softmax
    /// Ours: the batch is computed in this many parts, to save memory.
    public var accumulationSteps = 1
    /// Ours: how numbers are computed.
    public var precision = Precision.fp32
    /// Ours: whether blocks are computed again on the way back, to save memory.
    public var activationCheckpointing = false
    /// Ours: iterations between checkpoints; null for three epochs, as in Meta's code.
    @Nullable public var checkpointPeriod: Int? = nil
    /// Ours: how many of the newest checkpoints are kept.
    public var keepCheckpoints = 3
    /// Ours: checkpoints at multiples of this iteration are kept for good; 0 for none.
    public var keepEvery = 0
    /// Ours: threads that read and crop images; 0 chooses.
    public var loaderThreads = 0
    /// Ours: memory for decoded images, in GB (10⁹ bytes).
    public var cacheGB = 2.0
    /// Ours: whether JPEG files are decoded smaller where crops stay as good as the same; null is true,
    /// but false with `quirks=original`.
    @Nullable public var reducedDecoding: Bool? = nil
    /// Ours: whether only algorithms with a fixed order of sums are used.
    public var deterministic = false

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case batchSizePerGPU = "batch_size_per_gpu"
      case datasetPath = "dataset_path"
      case outputDir = "output_dir"
      case saveckpFreq = "saveckp_freq"
      case seed
      case numWorkers = "num_workers"
      case officialEpochLength = "OFFICIAL_EPOCH_LENGTH"
      case cacheDataset = "cache_dataset"
      case centering
      case accumulationSteps = "accumulation_steps"
      case precision
      case activationCheckpointing = "activation_checkpointing"
      case checkpointPeriod = "checkpoint_period"
      case keepCheckpoints = "keep_checkpoints"
      case keepEvery = "keep_every"
      case loaderThreads = "loader_threads"
      case cacheGB = "cache_gb"
      case reducedDecoding = "reduced_decoding"
      case deterministic
    }
  }
}

extension KeyedDecodingContainer where Key == TrainingConfig.Train.CodingKeys {
  /// Decodes ``TrainingConfig/Train/reducedDecoding``, which checkpoints lack that were written when all
  /// images were decoded whole.
  func decode(_ type: Nullable<Bool>.Type, forKey key: Key) throws -> Nullable<Bool> {
    try decodeIfPresent(type, forKey: key) ?? Nullable(wrappedValue: contains(key) ? nil : false)
  }
}
