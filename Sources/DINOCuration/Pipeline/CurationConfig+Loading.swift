internal import DINOInference
public import DINOTraining
internal import Foundation

extension CurationConfig {
  /// Reads a configuration.
  ///
  /// Keys that do not exist, values of another type, keys that are given twice and YAML anchors are
  /// refused. Relative paths of images count from the folder of the file.
  ///
  /// - Parameter file: A YAML file with some or all keys.
  /// - Returns: The configuration with absolute or working paths.
  /// - Throws: `ConfigurationError` that lists every problem with its place.
  public static func load(_ file: String) throws(ConfigurationError) -> CurationConfig {
    var config = try CurationConfig(ConfigDocument(file: file))
    let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? ""
    func placed(_ path: String) -> String {
      if path.hasPrefix("@") { return "@" + placed(String(path.dropFirst())) }
      return path.hasPrefix("/") || path == "-" ? path : folder + path
    }
    config.pool = config.pool.map(placed)
    for index in config.seeds.indices {
      config.seeds[index].images = config.seeds[index].images.map(placed)
    }
    for index in config.references.indices {
      config.references[index].images = config.references[index].images.map(placed)
    }
    try config.validate()
    return config
  }

  /// Reads a configuration from the text of a YAML file, with paths as they stand there.
  ///
  /// - Parameters:
  ///   - yaml: The text.
  ///   - name: What messages call it.
  /// - Throws: `ConfigurationError` that lists every problem with its place.
  public init(yaml: String, name: String = "configuration") throws(ConfigurationError) {
    try self.init(ConfigDocument(text: yaml, place: name))
    try validate()
  }

  private init(_ document: ConfigDocument) throws(ConfigurationError) {
    var merger = ConfigMerger(CurationConfig().tree, form: Self.form, choices: Self.choices)
    merger.apply(document)
    guard merger.problems.isEmpty else { throw .invalid(problems: merger.problems) }
    do {
      self = try JSONDecoder().decode(Self.self, from: JSONEncoder().encode(merger.tree))
    } catch {
      // The merger has checked keys, types and choices: what is left is a mistake of this package.
      throw .invalid(problems: ["the merged values do not decode: \(error)"])
    }
  }

  /// The whole configuration as YAML; loads back equal.
  public var yaml: String { tree.yaml }

  private var tree: ConfigNode {
    do { return try ConfigNodeEncoder.node(of: self) } catch {
      preconditionFailure("a configuration encodes without fail: \(error)")
    }
  }

  /// A tree with every key, for the types of the values.
  private static var form: ConfigNode {
    var config = CurationConfig()
    config.pool = [""]
    config.seeds = [Seeds()]
    config.references = [References()]
    config.cluster.clusters = [1]
    return config.tree
  }

  private static let choices: [String: ConfigChoice] = [
    "seeds.mode": ConfigChoice(Seeds.Mode.allCases.map(\.rawValue)),
    "model.pooling": ConfigChoice(DescriptorRecipe.Pooling.allCases.map(\.rawValue)),
    "store.precision": ConfigChoice(EmbeddingStore.Precision.allCases.map(\.rawValue)),
    "dedup.space": ConfigChoice(Dedup.Space.allCases.map(\.rawValue)),
    "dedup.representative": ConfigChoice(DedupStage.Representative.allCases.map(\.rawValue)),
    "dedup.reading": ConfigChoice(RelativeDeduplication.Reading.allCases.map(\.rawValue)),
    "cluster.seeding": ConfigChoice(ClusterStage.Seeding.allCases.map(\.rawValue)),
    "sample.strategy": ConfigChoice(HierarchicalSampling.Strategy.allCases.map(\.rawValue)),
    "output.form": ConfigChoice(Output.Form.allCases.map(\.rawValue)),
  ]

  /// Looks whether the values make sense.
  ///
  /// - Throws: `ConfigurationError` that lists every problem.
  public func validate() throws(ConfigurationError) {
    var problems: [String] = []
    func demand(_ holds: Bool, _ line: @autoclosure () -> String) {
      if !holds { problems.append(line()) }
    }
    func positive(_ value: Int, _ key: String, least: Int = 1) {
      demand(
        (least...1_000_000_000).contains(value),
        "\(key) is \(value), expected \(least) to 1000000000")
    }
    demand(!pool.isEmpty && !pool.contains(""), "pool names no images")
    for (kind, names) in [("seeds", seeds.map(\.name)), ("references", references.map(\.name))] {
      for (place, name) in names.enumerated() {
        demand(
          name.isStoreName,
          "\(kind)[\(place)].name is \"\(name)\", expected 1 to 64 letters, digits, - or _")
        demand(!names[..<place].contains(name), "\(kind) has two sets named \"\(name)\"")
      }
    }
    for set in seeds {
      demand(!set.images.contains("") && !set.images.isEmpty, "seeds \(set.name) names no images")
      positive(set.neighbours, "neighbours of seeds \(set.name)")
      positive(set.minimumHits, "minimum_hits of seeds \(set.name)", least: 0)
      positive(set.perCluster, "per_cluster of seeds \(set.name)")
      positive(set.cap, "cap of seeds \(set.name)", least: 0)
    }
    for set in references {
      demand(
        !set.images.contains("") && !set.images.isEmpty, "references \(set.name) names no images")
    }
    for (value, key) in [
      (dedup.threshold, "dedup.threshold"), (dedup.referenceThreshold, "dedup.reference_threshold"),
    ] { demand((-1...1).contains(value), "\(key) is \(value), expected -1 to 1") }
    positive(dedup.neighbours, "dedup.neighbours")
    positive(store.shardImages, "store.shard_images")
    positive(model.resize, "model.resize", least: 0)
    positive(model.crop, "model.crop", least: 0)
    positive(cluster.iterations, "cluster.iterations")
    positive(cluster.resamplings, "cluster.resamplings", least: 0)
    positive(cluster.sampleSize, "cluster.sample_size")
    demand(
      cluster.clusters.allSatisfy { $0 > 0 },
      "cluster.clusters is \(cluster.clusters), expected numbers of at least 1")
    positive(sample.target, "sample.target", least: 0)
    positive(sample.multiplier, "sample.multiplier")
    positive(output.perShard, "output.per_shard")
    demand(seed >= 0, "seed is \(seed), expected 0 or more")
    demand(
      dedup.enabled || references.isEmpty, "references need dedup.enabled: true to be taken out")
    guard problems.isEmpty else { throw .invalid(problems: problems) }
  }
}

extension String {
  /// Whether the text is the name of a folder inside a run.
  fileprivate var isStoreName: Bool {
    (1...64).contains(utf8.count)
      && utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || byte == 0x2D || byte == 0x5F
      }
  }
}
