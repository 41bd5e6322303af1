internal import CheckpointFormats
internal import DINOInference
internal import FoundationEssentials

/// What the rows of a store are: how images were described, and how rows are stored.
public struct StoreSettings: Sendable, Equatable, Codable {
  /// The version of the layout.
  var version = 1
  /// How images were described; nil for rows that were made elsewhere.
  public var description: GallerySettings?
  /// Where rows come from that were made elsewhere, such as the name of a model.
  public var origin: String?
  /// The number of values of a row.
  public var columns: Int
  /// How values are stored.
  public var precision: EmbeddingStore.Precision
  /// The most images of a shard.
  public var shardImages: Int

  /// The number of images of a shard unless something else is asked for.
  public static let standardShardImages = 8192

  /// A store of images that are described here.
  ///
  /// - Parameters:
  ///   - description: How images are described.
  ///   - precision: How values are stored.
  ///   - shardImages: The most images of a shard.
  public init(
    _ description: GallerySettings, precision: EmbeddingStore.Precision = .float16,
    shardImages: Int = standardShardImages
  ) {
    self.description = description
    columns = description.columns
    self.precision = precision
    self.shardImages = shardImages
  }

  /// A store of rows that were made elsewhere.
  ///
  /// - Parameters:
  ///   - origin: What made them, such as the name of a model.
  ///   - columns: The number of values of a row.
  ///   - precision: How values are stored.
  ///   - shardImages: The most rows of a shard.
  public init(
    origin: String, columns: Int, precision: EmbeddingStore.Precision = .float32,
    shardImages: Int = standardShardImages
  ) {
    self.origin = origin
    self.columns = columns
    self.precision = precision
    self.shardImages = shardImages
  }

  /// What made the rows, for people.
  public var source: String { description?.model.name ?? origin ?? "an unknown model" }

  /// The part of a row that de-duplication looks at: of class token and patch mean the patch mean, which
  /// tells copies from look-alikes better; else the whole row.
  var copyColumns: Range<Int> {
    guard let pooling = description?.recipe.pooling else { return 0..<columns }
    return pooling == .clsAndMean || pooling == .clsAndGeM ? columns / 2..<columns : 0..<columns
  }

  static func path(in folder: String) -> String { folder + "/store.json" }

  /// The settings of a store; nil if there is none.
  static func read(_ folder: String) throws(StoreError) -> StoreSettings? {
    let path = path(in: folder)
    guard FileManager.default.fileExists(atPath: path) else { return nil }
    guard let data = FileManager.default.contents(atPath: path) else {
      throw .system(path: path, problem: "cannot be read")
    }
    guard data.count < 1 << 20, let found = try? JSONDecoder().decode(Self.self, from: data),
      found.version == 1, found.columns > 0, found.columns < 1 << 24, found.shardImages > 0
    else {
      throw .damaged(
        path: path,
        problem:
          "holds no settings of a store, or of another version; remove it and embed again with the "
          + "same options, which keeps whole shards")
    }
    return found
  }

  /// Makes a store of a folder.
  func write(_ folder: String) throws(StoreError) {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .prettyPrinted, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(self) else {
      throw .usage(problem: "the settings of \(folder.escapedForMessage) cannot be written as JSON")
    }
    let path = Self.path(in: folder)
    try StoreError.files { () throws(CheckpointError) in
      try AtomicFile.write(Array(data) + [0x0A], to: path)
    }
  }

  /// Throws unless rows made by these settings may stand among those of a store.
  func check(against stored: StoreSettings, _ folder: String) throws(StoreError) {
    try checkRows(against: stored, folder)
    guard precision == stored.precision, shardImages == stored.shardImages else {
      throw .incompatible(
        path: folder,
        problem:
          "holds \(stored.precision.rawValue) in shards of \(stored.shardImages) images, asked for "
          + "were \(precision.rawValue) and \(shardImages); leave these options out or name another --store"
      )
    }
  }

  /// Throws unless rows made by these settings may be compared with those of a store.
  func checkRows(against stored: StoreSettings, _ folder: String) throws(StoreError) {
    guard columns == stored.columns else {
      throw .incompatible(
        path: folder,
        problem:
          "has rows of \(stored.columns) values by \(stored.source), those of \(source) have "
          + "\(columns); name stores of one model")
    }
    switch (description, stored.description) {
    case (let own?, let other?):
      guard own.model.probe.agrees(with: other.model.probe) else {
        throw .incompatible(
          path: folder,
          problem: "was made with \(other.model.name), whose features are others than those of "
            + "\(own.model.name); take one model for both")
      }
      if let difference = own.difference(from: other) {
        throw .incompatible(
          path: folder,
          problem: "was made otherwise (\(difference)); take the same options for both")
      }
    case (nil, nil):
      guard origin == stored.origin else {
        throw .incompatible(
          path: folder,
          problem:
            "holds rows of \(stored.source), these are of \(source); rows of two models cannot be "
            + "compared")
      }
    default:
      throw .incompatible(
        path: folder,
        problem:
          "holds rows of \(stored.source), these are of \(source); rows of two models cannot be "
          + "compared")
    }
  }
}

extension EmbeddingStore.Precision: Codable {}
