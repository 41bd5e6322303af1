internal import CheckpointFormats
internal import DINOData

/// The images that a run ends with, and why each is among them.
struct CuratedImages: Sendable {
  /// One image of the result.
  struct Item: Sendable, Equatable {
    var entry: ImageList.Entry
    /// `pool`, or `seeds` and the name of the set.
    var source: String
    /// `kept`, `seed`, `sample` or `cluster`: why it is here.
    var reason: String
    /// The seed that brought it.
    var seed = ""
    var similarity = Float.nan
    /// How many seeds brought it, or fell into its cluster.
    var seeds = StageTable.none
    var cluster = StageTable.none
  }

  private(set) var items: [Item] = []

  /// The number of images, copies of one counted as often.
  var count: Int { items.count }

  /// Puts the result together.
  ///
  /// - Parameters:
  ///   - pool: The pool after all its stages.
  ///   - seeds: The sets of seeds.
  ///   - isRetrieved: Whether images were retrieved.
  ///   - isSampled: Whether a sample was drawn.
  /// - Throws: ``StoreError`` if a stage is damaged, or no image is left.
  init(
    _ pool: CurationStore, _ seeds: [(set: CurationConfig.Seeds, store: CurationStore)],
    isRetrieved: Bool, isSampled: Bool
  ) throws(StoreError) {
    var seen: Set<ContentDigest> = []
    for (set, store) in seeds where set.include || set.mode == .asIs {
      for image in store.imageOfRow {
        if let digest = store.records[image].digest, !seen.insert(digest).inserted { continue }
        items.append(
          Item(entry: store.images[image], source: "seeds \(set.name)", reason: "seed"))
      }
    }
    let reasons = isRetrieved ? try Self.retrieved(pool) : [:]
    let images = try Self.images(of: pool, reasons, isRetrieved: isRetrieved, isSampled: isSampled)
    for (image, cluster) in images {
      // A seed that lies in the pool, too, is part of the result already.
      if let digest = pool.records[image].digest, seen.contains(digest) { continue }
      var item =
        reasons[image] ?? Item(entry: pool.images[image], source: "pool", reason: "kept")
      if cluster != StageTable.none { item.cluster = cluster }
      items.append(item)
    }
    guard !items.isEmpty else {
      throw .unusable(
        place: pool.folder.escapedForMessage, problem: "no image is left for the result")
    }
  }

  /// The images of the pool in order, with their clusters where a sample was drawn.
  private static func images(
    of pool: CurationStore, _ reasons: [Int: Item], isRetrieved: Bool, isSampled: Bool
  ) throws(StoreError) -> [(image: Int, cluster: Int)] {
    if isSampled {
      let stage = StageFolder(pool.folder, .sample)
      let table = try stage.table(SampleStage.table, stage.needed())
      return zip(table.integers("image"), table.integers("cluster")).map { ($0, $1) }
    }
    if isRetrieved { return reasons.keys.sorted().map { ($0, StageTable.none) } }
    let kept = try KeptImages(pool, everything: false)
    return kept.rows.map { (pool.imageOfRow[$0], StageTable.none) }
  }

  /// Why each retrieved image was retrieved: by the seed that it is most like.
  private static func retrieved(_ pool: CurationStore) throws(StoreError) -> [Int: Item] {
    let stage = StageFolder(pool.folder, .retrieve)
    let table = try stage.table(RetrieveStage.table, stage.needed())
    let (images, sets) = (table.integers("image"), table.texts("set"))
    let (modes, seeds) = (table.texts("mode"), table.texts("seed"))
    let (similarities, counts) = (table.floats("similarity"), table.integers("seeds"))
    let clusters = table.integers("cluster")
    var items: [Int: Item] = [:]
    for row in images.indices {
      let image = images[row]
      guard image >= 0, image < pool.records.count else {
        throw .damaged(
          path: stage.folder, problem: "names image \(image); run 'dinov2 curate retrieve' again")
      }
      if let known = items[image], !(similarities[row] > known.similarity) { continue }
      items[image] = Item(
        entry: pool.images[image], source: "pool", reason: "\(modes[row]) of \(sets[row])",
        seed: seeds[row], similarity: similarities[row], seeds: counts[row], cluster: clusters[row])
    }
    return items
  }

  /// One row per image.
  var table: StageTable {
    StageTable([
      "source": .texts(items.map(\.source)), "reason": .texts(items.map(\.reason)),
      "seed": .texts(items.map(\.seed)), "similarity": .floats(items.map(\.similarity)),
      "seeds": .integers(items.map(\.seeds)), "cluster": .integers(items.map(\.cluster)),
      "path": .texts(items.map { $0.entry.path.displayName }),
    ])
  }
}

extension ImageList.Entry {
  /// The absolute path; for a member of a shard that of the archive, a slash and the member's name.
  var path: RawPath {
    guard !file.bytes.isEmpty else { return name }
    guard member != nil else { return file }
    // The name ends with the archive's own name, a slash and the member.
    let mark = file.lastComponent + [RawPath.slash]
    let bytes = name.bytes
    guard bytes.count > mark.count else { return name }
    for start in 0..<(bytes.count - mark.count)
    where bytes[start..<(start + mark.count)].elementsEqual(mark) {
      return file.appending(Array(bytes[(start + mark.count)...]))
    }
    return name
  }
}

extension RawPath {
  fileprivate static let slash = UInt8(ascii: "/")
}
