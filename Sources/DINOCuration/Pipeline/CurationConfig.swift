public import DINOInference

/// What `dinov2 curate run` does: images, thresholds and what comes out, as a YAML file says.
public struct CurationConfig: Codable, Equatable, Sendable {
  /// A set of seeds.
  public struct Seeds: Codable, Equatable, Sendable {
    /// What happens with a set of seeds.
    public enum Mode: String, Codable, CaseIterable, Sendable {
      /// The nearest images of each seed.
      case sample
      /// Images of the clusters that seeds fall into.
      case cluster
      /// The seeds themselves, nothing else.
      case asIs = "as_is"
    }

    /// A name, made of letters, digits, `-` and `_`.
    public var name = ""
    /// Folders, files, lists, patterns or shards.
    public var images: [String] = [""]
    /// What happens with them.
    public var mode = Mode.sample
    /// Nearest images of each seed, for `sample`.
    public var neighbours = 4
    /// A cluster counts if more seeds fall into it, for `cluster`.
    public var minimumHits = 3
    /// The most images of a cluster.
    public var perCluster = 10_000
    /// The most images of the set; 0 for no limit.
    public var cap = 1_000_000
    /// Whether the seeds themselves are part of the result, too.
    public var include = true

    /// The defaults, without images.
    public init() {}

    private enum CodingKeys: String, CodingKey {
      case name, images, mode, neighbours
      case minimumHits = "minimum_hits"
      case perCluster = "per_cluster"
      case cap, include
    }
  }

  /// A set of images that the result must not hold.
  public struct References: Codable, Equatable, Sendable {
    /// A name, made of letters, digits, `-` and `_`.
    public var name = ""
    /// Folders, files, lists, patterns or shards.
    public var images: [String] = [""]

    /// No images yet.
    public init() {}
  }

  /// The model that embeds.
  public struct Model: Codable, Equatable, Sendable {
    /// A released model's name, a model folder, a run folder or a weight file; empty for the small model
    /// that comes along.
    public var name = ""
    /// The weight file of a named model; empty if there is none.
    public var weights = ""
    /// What of an image is kept.
    public var pooling = DescriptorRecipe.Pooling.clsAndMean
    /// Pixels of the shorter side after resizing; 0 for the model's own.
    public var resize = 0
    /// The side of the centre crop; 0 for the model's own.
    public var crop = 0
  }

  /// How embeddings are stored.
  public struct Store: Codable, Equatable, Sendable {
    /// The precision of stored values.
    public var precision = EmbeddingStore.Precision.float16
    /// The most images of a shard.
    public var shardImages = StoreSettings.standardShardImages

    private enum CodingKeys: String, CodingKey {
      case precision
      case shardImages = "shard_images"
    }
  }

  /// De-duplication.
  public struct Dedup: Codable, Equatable, Sendable {
    /// ``DedupStage/Space``, or what fits the store.
    public enum Space: String, Codable, CaseIterable, Sendable {
      /// What fits the store.
      case auto
      /// The cosine of embeddings as they are.
      case cosine
      /// The cosine in coordinates in which the pool is spread evenly.
      case whitened
    }

    /// Whether there is any.
    public var enabled = true
    /// The cosine above which two images are near-duplicates.
    public var threshold = 0.6
    /// The cosine above which an image is like a reference.
    public var referenceThreshold = 0.45
    /// The number of nearest images that are looked at.
    public var neighbours = 64
    /// What similarities are measured in.
    public var space = Space.auto
    /// Which image of a component is kept.
    public var representative = DedupStage.Representative.largest
    /// What is dropped for a reference: its component, or only what is like it.
    public var reading = RelativeDeduplication.Reading.component

    private enum CodingKeys: String, CodingKey {
      case enabled, threshold
      case referenceThreshold = "reference_threshold"
      case neighbours, space, representative, reading
    }
  }

  /// Clusters.
  public struct Cluster: Codable, Equatable, Sendable {
    /// Clusters of each level from the bottom; empty for one per 25 images, and the root of that.
    public var clusters: [Int] = []
    /// How often k-means is repeated on a flatter sample on each level above the lowest.
    public var resamplings = 10
    /// The members of each cluster in such a sample.
    public var sampleSize = 5
    /// The most iterations.
    public var iterations = 50
    /// How first centroids are found.
    public var seeding = ClusterStage.Seeding.plusPlus

    private enum CodingKeys: String, CodingKey {
      case clusters, resamplings
      case sampleSize = "sample_size"
      case iterations, seeding
    }
  }

  /// The balanced sample.
  public struct Sample: Codable, Equatable, Sendable {
    /// The number of images; 0 for all.
    public var target = 0
    /// Which images of a cluster are drawn.
    public var strategy = HierarchicalSampling.Strategy.closest
    /// How often an image may be drawn.
    public var multiplier = 1
  }

  /// What comes out, beside the lists.
  public struct Output: Codable, Equatable, Sendable {
    /// A form of the result.
    public enum Form: String, Codable, CaseIterable, Sendable {
      /// Only lists.
      case list
      /// Tar shards in WebDataset form.
      case shards
      /// A folder of links; members of shards are copied.
      case links
    }

    /// The form.
    public var form = Form.list
    /// The most images of a tar shard.
    public var perShard = 10_000

    private enum CodingKeys: String, CodingKey {
      case form
      case perShard = "per_shard"
    }
  }

  /// Folders, files, lists, patterns or shards to choose from.
  public var pool: [String] = []
  /// Sets of seeds.
  public var seeds: [Seeds] = []
  /// Sets of images that the result must not hold.
  public var references: [References] = []
  /// The model that embeds.
  public var model = Model()
  /// How embeddings are stored.
  public var store = Store()
  /// De-duplication.
  public var dedup = Dedup()
  /// Clusters.
  public var cluster = Cluster()
  /// The balanced sample.
  public var sample = Sample()
  /// What comes out.
  public var output = Output()
  /// The seed of all random numbers.
  public var seed = 0

  /// The defaults, without images.
  public init() {}
}
