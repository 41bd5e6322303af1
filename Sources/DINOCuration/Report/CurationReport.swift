internal import CheckpointFormats
internal import DINOInference
internal import Imaging
internal import Telemetry

/// The page that shows what curation did with a store: counts of every stage, distributions, duplicates,
/// clusters, retrieved images and outliers.
public struct CurationReport {
  /// From when on an image counts as an outlier.
  public struct Limits: Sendable, Equatable {
    /// Mean brightness below which an image is too dark, 0 to 1.
    public var dark = 0.08
    /// Mean brightness above which an image is too bright.
    public var bright = 0.97
    /// Sharpness below which an image is blurred or empty.
    public var blurred = 20.0
    /// The shorter side below which an image is tiny, in pixels.
    public var tiny = 64
    /// The ratio of sides above which an image is a strip.
    public var strip = 4.0

    /// The usual limits.
    public init() {}
  }

  /// The store.
  public let store: CurationStore
  /// From when on an image counts as an outlier.
  public var limits = Limits()
  let stages: [StageName: StageManifest]
  let thumbnails: Thumbnails

  /// Reads the stages of a store.
  ///
  /// - Parameter store: The store.
  /// - Throws: ``StoreError/damaged(path:problem:)`` if a stage is damaged.
  public init(_ store: CurationStore) throws(StoreError) {
    self.store = store
    var stages: [StageName: StageManifest] = [:]
    for name in StageName.allCases { stages[name] = try StageFolder(store.folder, name).manifest() }
    self.stages = stages
    thumbnails = Thumbnails(store)
  }

  /// Writes the page to a file, which is replaced at one stroke.
  ///
  /// What an earlier attempt left behind when it was killed is removed.
  ///
  /// - Parameters:
  ///   - title: The heading.
  ///   - path: The file.
  /// - Throws: ``StoreError`` if a stage is damaged or the file cannot be written.
  public func write(title: String, to path: String) throws(StoreError) {
    let page = Array(try report(title: title).html.utf8)
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let folder = parts.count > 1 ? parts.dropLast().joined(separator: "/") + "/" : "."
    Leftovers.remove(in: folder) { $0.hasPrefix("\(parts.last ?? "").") }
    try StoreError.files { () throws(CheckpointError) in try AtomicFile.write(page, to: path) }
  }

  /// The page.
  ///
  /// - Parameter title: Its heading.
  /// - Returns: The page with all pictures in it.
  /// - Throws: ``StoreError`` if a stage is damaged.
  func report(title: String) throws(StoreError) -> Report {
    var report = Report(
      title: title,
      subtitle: "\(NumberFormat.grouped(store.records.count)) images, embedded by "
        + store.settings.source)
    addCounts(to: &report)
    if stages[.dedup] != nil { try addDuplicates(to: &report) }
    if stages[.cluster] != nil { try addClusters(to: &report) }
    if stages[.retrieve] != nil { try addRetrieved(to: &report) }
    try addOutliers(to: &report)
    addFailures(to: &report)
    addOptions(to: &report)
    report.footer = "Store: \(store.folder), state `\(store.digest.prefix(12))`"
    return report
  }

  // MARK: - Numbers

  func count(_ stage: StageName, _ name: String) -> Int? { stages[stage]?.counts[name] }

  private func addCounts(to report: inout Report) {
    report.begin("What is left")
    let total = store.records.count
    var figures = [
      KeyFigure(
        "images", NumberFormat.grouped(total),
        detail: "\(NumberFormat.grouped(store.failures.count)) cannot be used")
    ]
    var rows = [
      ["images found", NumberFormat.grouped(total), ""],
      [
        "embedded", NumberFormat.grouped(store.matrix.rowCount),
        Self.share(store.matrix.rowCount, of: total),
      ],
    ]
    func add(_ name: String, _ count: Int?) {
      guard let count else { return }
      rows.append([name, NumberFormat.grouped(count), Self.share(count, of: total)])
    }
    if let kept = count(.dedup, "kept") {
      figures.append(
        KeyFigure(
          "kept", NumberFormat.grouped(kept),
          detail: "\(Self.share(kept, of: total)) after de-duplication"))
      add("– byte-identical copies", count(.dedup, "copies"))
      add("– near-duplicates", count(.dedup, "near"))
      add("– like reference images", count(.dedup, "reference"))
      add("kept", kept)
    }
    if let clusters = count(.cluster, "clusters") {
      figures.append(
        KeyFigure(
          "clusters", NumberFormat.grouped(clusters),
          detail:
            "of \(count(.cluster, "smallest") ?? 0) to \(count(.cluster, "largest") ?? 0) images"))
    }
    if let retrieved = count(.retrieve, "retrieved") {
      let seeds = NumberFormat.grouped(count(.retrieve, "seeds") ?? 0)
      figures.append(
        KeyFigure("retrieved", NumberFormat.grouped(retrieved), detail: "for \(seeds) seeds"))
      add("retrieved", retrieved)
    }
    if let drawn = count(.sample, "images") {
      let clusters = NumberFormat.grouped(count(.sample, "clusters") ?? 0)
      figures.append(
        KeyFigure("sampled", NumberFormat.grouped(drawn), detail: "from \(clusters) clusters"))
      add("sampled", drawn)
    }
    report.add(.keyFigures(figures))
    report.add(.table(ReportTable(columns: ["stage", "images", "share"], rows: rows)))
  }

  static func share(_ count: Int, of total: Int) -> String {
    NumberFormat.fixed(100 * Double(count) / Double(max(total, 1)), decimals: 1) + " %"
  }

  private func addFailures(to report: inout Report) {
    let failures = store.failures
    guard !failures.isEmpty else { return }
    report.begin("Images that cannot be used")
    let shown = failures.prefix(60)
    report.add(
      .table(
        ReportTable(
          columns: ["image", "why"],
          rows: shown.map { [store.name(of: $0.image), $0.problem.reason] },
          caption: failures.count > shown.count
            ? "The first \(shown.count) of \(NumberFormat.grouped(failures.count)); `bad-images.tsv` lists all."
            : "")))
  }

  private func addOptions(to report: inout Report) {
    report.begin("How")
    var rows: [[String]] = [["embed", "model", store.settings.source]]
    if let recipe = store.settings.description?.recipe.text {
      rows.append(["embed", "descriptor", recipe])
    }
    for name in StageName.allCases {
      for (key, value) in (stages[name]?.options ?? [:]).sorted(by: { $0.key < $1.key })
      where !value.isEmpty {
        rows.append([name.rawValue, key.replacing("_", with: " "), value])
      }
    }
    report.add(.table(ReportTable(columns: ["stage", "option", "value"], rows: rows)))
    report.add(
      "Every decision stands in `catalogue.sqlite` of the store, one table per stage, and in `stages/` as text."
    )
  }
}
