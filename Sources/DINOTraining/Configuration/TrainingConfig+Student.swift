public import DINOModels

extension TrainingConfig {
  /// The student's backbone.
  public struct Student: Codable, Equatable, Sendable {
    /// A named set of sizes.
    public enum Arch: String, CaseIterable, Codable, Sendable {
      /// Ours: width 192, 12 blocks, 3 heads.
      case tiny = "vit_tiny"
      /// Width 384, 12 blocks, 6 heads.
      case small = "vit_small"
      /// Width 768, 12 blocks, 12 heads.
      case base = "vit_base"
      /// Width 1024, 24 blocks, 16 heads.
      case large = "vit_large"
      /// Width 1536, 40 blocks, 24 heads.
      case giant2 = "vit_giant2"
    }

    /// What first weights are.
    public enum Initialization: String, CaseIterable, Codable, Sendable {
      /// Random, as Meta's.
      case random
      /// Computed from the images, block by block: whitened patches, thresholds, regions whose whitened
      /// components the class token holds (`docs/training.md`).
      case whitened
    }

    /// The sizes, as far as the following keys do not say otherwise.
    public var arch = Arch.large
    /// Side of a patch in pixels.
    public var patchSize = 16
    /// Rate of stochastic depth.
    public var dropPathRate = 0.3
    /// Start value of LayerScale; 0 for blocks without it.
    public var layerscale = 1e-5
    /// Whether all blocks have the same rate of stochastic depth; else it rises from 0.
    public var dropPathUniform = true
    /// A checkpoint that the student starts from; empty for a random start.
    public var pretrainedWeights = ""
    /// Ours: what the weights of a student without a checkpoint are before the first step.
    public var initialization = Initialization.random
    /// The feed-forward network.
    public var ffnLayer = FFNLayer.mlp
    /// Groups that the names of blocks are written in; 0 for none.
    public var blockChunks = 0
    /// Whether the query/key/value projection has a bias.
    public var qkvBias = true
    /// Whether the output projection of attention has a bias.
    public var projBias = true
    /// Whether the feed-forward layers have biases.
    public var ffnBias = true
    /// Register tokens.
    public var numRegisterTokens = 0
    /// Whether positions are filtered when their grid shrinks.
    public var interpolateAntialias = false
    /// Added to the grid's sides when positions are resized.
    public var interpolateOffset = 0.1
    /// Ours: width of a token, instead of the named one.
    @Nullable public var embedDim: Int? = nil
    /// Ours: number of blocks, instead of the named one.
    @Nullable public var depth: Int? = nil
    /// Ours: number of attention heads, instead of the named one.
    @Nullable public var numHeads: Int? = nil
    /// Ours: hidden width of the feed-forward network relative to the token, instead of 4.
    @Nullable public var mlpRatio: Double? = nil

    /// Creates the default.
    public init() {}

    enum CodingKeys: String, CodingKey {
      case arch
      case patchSize = "patch_size"
      case dropPathRate = "drop_path_rate"
      case layerscale
      case dropPathUniform = "drop_path_uniform"
      case pretrainedWeights = "pretrained_weights"
      case initialization
      case ffnLayer = "ffn_layer"
      case blockChunks = "block_chunks"
      case qkvBias = "qkv_bias"
      case projBias = "proj_bias"
      case ffnBias = "ffn_bias"
      case numRegisterTokens = "num_register_tokens"
      case interpolateAntialias = "interpolate_antialias"
      case interpolateOffset = "interpolate_offset"
      case embedDim = "embed_dim"
      case depth
      case numHeads = "num_heads"
      case mlpRatio = "mlp_ratio"
    }
  }
}
