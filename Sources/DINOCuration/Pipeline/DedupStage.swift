internal import CheckpointFormats
internal import FoundationEssentials
internal import Glibc
internal import Imaging

/// Finds which images of a pool are copies of others, or of reference images.
///
/// First byte-identical copies by their hashes, then near-duplicates: connected components of the graph of
/// nearest neighbours (Oquab et al., 2023, appendix A.3), of which one image each is kept; then images
/// that are like a reference image.
public struct DedupStage: Sendable {
  /// What similarities are measured in.
  public enum Space: String, Sendable, CaseIterable {
    /// The cosine of embeddings as they are.
    case cosine
    /// The cosine in coordinates in which the pool is spread evenly (``PoolWhitening``).
    case whitened
  }

  /// Which image of a component is kept.
  public enum Representative: String, Codable, Sendable, CaseIterable {
    /// The one with the most pixels; of equals that with the most bytes, then the first.
    case largest
    /// The first in the order of the inputs.
    case first
    /// The one with the most near-duplicates; of equals the first.
    case central
  }

  /// The cosine above which two images are near-duplicates.
  public var threshold = 0.6
  /// The cosine above which an image is like a reference.
  public var referenceThreshold = 0.45
  /// The number of nearest images that are looked at for each image.
  public var neighbours = 64
  /// What similarities are measured in; nil for whitened where images were described here, and cosine
  /// where rows were made elsewhere.
  public var space: Space?
  /// Which image of a component is kept.
  public var representative = Representative.largest
  /// Which images are dropped for a reference.
  public var reading = RelativeDeduplication.Reading.component
  /// Called from several threads with the share of the work that is done, 0 to 1.
  public var progress: (@Sendable (Double) -> Void)?

  /// The paper's numbers.
  public init() {}

  /// Reference images, such as those of a benchmark.
  public struct Reference: Sendable {
    /// A name for people.
    public let name: String
    /// Their store.
    public let store: CurationStore

    /// Names references.
    ///
    /// - Parameters:
    ///   - name: A name for people.
    ///   - store: Their store.
    public init(_ name: String, _ store: CurationStore) { (self.name, self.store) = (name, store) }
  }

  /// What was decided.
  public struct Result: Sendable {
    /// How many images met which fate: `images`, `failed`, `kept`, `copies`, `near`, `reference`; the graph's
    /// `components`, `largest_component` and `directed_edges`.
    public let counts: [String: Int]
    /// The images that are kept, ascending.
    public let kept: [Int]
    /// How long the graph of nearest neighbours and its components took, in seconds.
    public let graphSeconds: Double
  }

  /// The name of the table: one row per image that has an embedding.
  static let table = "decisions"
  /// The name of the table of pairs to look at.
  static let pairs = "pairs"

  /// What happened to an image.
  enum Verdict: String {
    case kept
    /// Byte-identical with the representative.
    case copy
    /// In the component of the representative.
    case near
    /// Like a reference image.
    case reference
  }

  /// What similarities in a store are measured in.
  ///
  /// - Parameter store: The store.
  /// - Returns: What was asked for, or what fits the store.
  public func space(of store: CurationStore) -> Space {
    space ?? (store.settings.description == nil ? .cosine : .whitened)
  }

  /// The manifest of a run, without a result.
  func manifest(_ store: CurationStore, _ references: [Reference]) -> StageManifest {
    var inputs = ["store": store.digest]
    for reference in references { inputs["reference \(reference.name)"] = reference.store.digest }
    return StageManifest(
      .dedup,
      options: [
        "threshold": "\(threshold)", "reference_threshold": "\(referenceThreshold)",
        "neighbours": "\(neighbours)", "space": space(of: store).rawValue,
        "representative": representative.rawValue, "reading": reading.rawValue,
      ], inputs: inputs)
  }

  /// Decides, and writes the decisions into the store.
  ///
  /// - Parameters:
  ///   - store: The pool; the caller has its lock.
  ///   - references: Images that the result must not hold.
  /// - Returns: What was decided.
  /// - Throws: ``StoreError`` if stores do not belong together, or a file cannot be written.
  public func callAsFunction(
    _ store: CurationStore, references: [Reference] = []
  ) throws(StoreError) -> Result {
    guard store.matrix.rowCount > 0 else {
      throw .unusable(place: store.folder.escapedForMessage, problem: "holds no embedding")
    }
    for reference in references {
      try reference.store.settings.checkRows(against: store.settings, store.folder)
    }
    removeLeftovers(store.folder)
    var work = DedupWork(self, store)
    work.dropCopies(references)
    try work.dropNear()
    for reference in references { try work.dropLike(reference) }
    var manifest = manifest(store, references)
    manifest.counts = work.counts
    manifest.histograms = work.histograms
    _ = try StageFolder(store.folder, .dedup).write(
      manifest, tables: [Self.table: work.table, Self.pairs: work.pairTable])
    return Result(
      counts: work.counts, kept: work.kept.map { store.imageOfRow[$0] },
      graphSeconds: work.graphSeconds)
  }

  /// The name of the file through which whitened rows go.
  static func temporary(_ folder: String) -> String { folder + "/.whitened.npy" }

  private func removeLeftovers(_ folder: String) {
    for ending in ["", ".partial"] { unsafe unlink(Self.temporary(folder) + ending) }
  }
}

/// The state of a run.
private struct DedupWork {
  let stage: DedupStage
  let store: CurationStore
  /// The verdict of each row.
  private var verdicts: [DedupStage.Verdict]
  /// The row that stands for each row.
  private var representatives: [Int]
  private var components: [Int]
  private var similarities: [Float]
  private var references: [String]
  private var examples: [SimilarityGraph.Edge] = []
  private var (largest, edges) = (0, 0)
  private(set) var graphSeconds = 0.0
  private(set) var histograms: [String: [Int]] = [:]
  /// Measured on the rows that are no copies; nil where plain cosines count.
  private var whitening: PoolWhitening?
  /// The rank of each row by size: of two rows the one of higher rank is kept.
  private let ranks: [Double]

  init(_ stage: DedupStage, _ store: CurationStore) {
    self.stage = stage
    self.store = store
    let count = store.matrix.rowCount
    verdicts = [DedupStage.Verdict](repeating: .kept, count: count)
    representatives = Array(0..<count)
    components = Array(0..<count)
    similarities = [Float](repeating: .nan, count: count)
    references = [String](repeating: "", count: count)
    ranks = stage.representative == .largest ? Self.ranks(store) : []
  }

  private static func ranks(_ store: CurationStore) -> [Double] {
    let sizes = store.imageOfRow.map { image in
      let record = store.records[image]
      return (pixels: record.size?.pixels ?? 0, bytes: record.byteCount ?? 0)
    }
    let order = sizes.indices.sorted { sizes[$0] < sizes[$1] }
    var ranks = [Double](repeating: 0, count: sizes.count)
    var rank = 0.0
    for (place, row) in order.enumerated() {
      if place > 0, sizes[row] != sizes[order[place - 1]] { rank += 1 }
      ranks[row] = rank
    }
    return ranks
  }

  var kept: [Int] { verdicts.indices.filter { verdicts[$0] == .kept } }

  private func name(_ row: Int) -> String { store.name(of: store.imageOfRow[row]) }

  // MARK: - Steps

  /// Byte-identical images: the first stands for the others.
  mutating func dropCopies(_ references: [DedupStage.Reference]) {
    var first: [ContentDigest: Int] = [:]
    for (row, image) in store.imageOfRow.enumerated() {
      guard let digest = store.records[image].digest else { continue }
      if let known = first[digest] {
        verdicts[row] = .copy
        representatives[row] = known
        similarities[row] = 1
      } else {
        first[digest] = row
      }
    }
    for reference in references {
      for (image, record) in reference.store.records.enumerated() {
        guard let digest = record.digest, let row = first[digest], verdicts[row] == .kept else {
          continue
        }
        verdicts[row] = .reference
        similarities[row] = 1
        self.references[row] = reference.store.name(of: image)
      }
    }
  }

  /// Near-duplicates among the rows that are left.
  mutating func dropNear() throws(StoreError) {
    // A copy of a reference takes its near-duplicates with it in the next step only if it is there.
    let rows = verdicts.indices.filter { verdicts[$0] != .copy }
    if stage.space(of: store) == .whitened {
      whitening = try StoreError.curation { () throws(CurationError) in
        try PoolWhitening(store.matrix, rows: rows, columns: store.settings.copyColumns)
      }
    }
    let matrix = try coordinates(of: store.matrix, rows: rows)
    var deduplication = SelfDeduplication()
    deduplication.threshold = stage.threshold
    deduplication.neighbours = stage.neighbours
    deduplication.progress = stage.progress
    switch stage.representative {
    case .first: deduplication.representative = .lowestRow
    case .central: deduplication.representative = .mostConnected
    case .largest: deduplication.representative = .highestScore(rows.map { ranks[$0] })
    }
    let options = deduplication
    let start = ContinuousClock.now
    let result = try StoreError.curation { () throws(CurationError) in try options(matrix) }
    graphSeconds = (ContinuousClock.now - start) / .seconds(1)
    histograms["similarity"] = result.graph.similarities.counts
    histograms["nearest"] = result.graph.nearestSimilarities.counts
    examples = result.graph.examples.map {
      .init(low: rows[$0.low], high: rows[$0.high], similarity: $0.similarity)
    }
    (largest, edges) = (result.largestComponent, result.graph.directedEdgeCount)
    for (index, row) in rows.enumerated() {
      components[row] = rows[result.graph.labels[index]]
      let representative = rows[result.representatives[index]]
      representatives[row] = representative
      guard representative != row else { continue }
      if verdicts[row] == .kept { verdicts[row] = .near }
      similarities[row] = try StoreError.curation { () throws(CurationError) in
        try matrix.cosine(index, result.representatives[index])
      }
    }
    settleCopies()
  }

  /// Copies follow the image that they are copies of.
  private mutating func settleCopies() {
    for row in verdicts.indices where verdicts[row] == .copy {
      components[row] = components[representatives[row]]
    }
  }

  /// Rows that are like reference images among the rows that are left.
  mutating func dropLike(_ reference: DedupStage.Reference) throws(StoreError) {
    let rows = kept
    guard !rows.isEmpty, reference.store.matrix.rowCount > 0 else { return }
    let pool = try coordinates(of: store.matrix, rows: rows)
    let others = try coordinates(
      of: reference.store.matrix, rows: Array(0..<reference.store.matrix.rowCount))
    var deduplication = RelativeDeduplication()
    deduplication.threshold = stage.referenceThreshold
    deduplication.neighbours = stage.neighbours
    deduplication.reading = stage.reading
    deduplication.progress = stage.progress
    let options = deduplication
    let result = try StoreError.curation { () throws(CurationError) in
      try options(pool, references: others)
    }
    for match in result.dropped {
      let row = rows[match.row]
      verdicts[row] = .reference
      similarities[row] = match.similarity ?? .nan
      references[row] = reference.store.name(of: reference.store.imageOfRow[match.reference])
    }
  }

  // MARK: - Coordinates

  private func coordinates(
    of matrix: EmbeddingMatrix, rows: [Int]
  ) throws(StoreError) -> EmbeddingMatrix {
    try StoreError.curation { () throws(CurationError) in
      if let whitening {
        return try whitening(matrix, rows: rows, through: DedupStage.temporary(store.folder))
      }
      return rows.count == matrix.rowCount ? matrix : try matrix.selecting(rows)
    }
  }

  // MARK: - Result

  var counts: [String: Int] {
    var counts = [
      "images": store.records.count, "failed": store.failures.count,
      "components": Set(components).count, "largest_component": largest, "directed_edges": edges,
    ]
    for verdict in [DedupStage.Verdict.kept, .copy, .near, .reference] {
      let name = verdict == .copy ? "copies" : verdict.rawValue
      counts[name] = verdicts.count { $0 == verdict }
    }
    return counts
  }

  var table: StageTable {
    let images = store.imageOfRow
    return StageTable([
      "image": .integers(images),
      "verdict": .texts(verdicts.map(\.rawValue)),
      "representative": .integers(representatives.map { images[$0] }),
      "similarity": .floats(similarities),
      "component": .integers(components.map { images[$0] }),
      "reference": .texts(references),
      "name": .texts(images.map { store.name(of: $0) }),
    ])
  }

  var pairTable: StageTable {
    let images = store.imageOfRow
    return StageTable([
      "image": .integers(examples.map { images[$0.low] }),
      "other": .integers(examples.map { images[$0.high] }),
      "similarity": .floats(examples.map(\.similarity)),
    ])
  }
}

extension EmbeddingMatrix {
  /// The exact similarity of two rows.
  func cosine(_ row: Int, _ other: Int) throws(CurationError) -> Float {
    var values: [Float] = []
    try appendRow(row, to: &values)
    try appendRow(other, to: &values)
    let product = unsafe values.withUnsafeBufferPointer { values in
      unsafe ExactProducts.dot(values.row(0, columns), values.row(1, columns))
    }
    return Float(product * (inverseNorms[row] * inverseNorms[other]))
  }
}
