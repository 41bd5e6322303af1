internal import Imaging
internal import Telemetry

extension CurationReport {
  /// The most rows of a gallery.
  private static let galleryRows = 8
  /// The pictures of a row.
  private static let galleryColumns = 7

  private func fixed(_ value: Float) -> String {
    value.isNaN ? "" : NumberFormat.fixed(Double(value), decimals: 3)
  }

  private func add(_ rows: [ContactSheet.Row], _ caption: String, to report: inout Report)
    throws(StoreError)
  {
    guard rows.contains(where: { !$0.cells.isEmpty }) else { return }
    report.add(
      .figures([
        ReportFigure(
          .jpeg(try Thumbnails.jpeg(rows, columns: Self.galleryColumns)), caption: caption)
      ]))
  }

  // MARK: - Duplicates

  /// Similarities, pairs of every similarity, and groups of duplicates.
  func addDuplicates(to report: inout Report) throws(StoreError) {
    guard let manifest = stages[.dedup] else { return }
    let preview = try DedupPreview(store)
    report.begin("Duplicates")
    let space =
      manifest.options["space"] == "whitened"
      ? "Similarities are cosines in coordinates in which this pool is spread evenly."
      : "Similarities are cosines of embeddings."
    report.add(
      space + " The kept image of a group of near-duplicates is the "
        + (manifest.options["representative"] ?? "") + " one.")
    if let warning = DedupStage.warning(manifest.counts) { report.add(.note(warning)) }
    report.add(
      .figures([
        ReportFigure(
          .plot(preview.plot.plot),
          caption: "How similar images are to their nearest and to all of their neighbours.")
      ]))
    try add(
      preview.rows(most: 4),
      "Pairs from the most similar down; the threshold should part copies from "
        + "images that are only alike.", to: &report)
    let table = try StageFolder(store.folder, .dedup).table(DedupStage.table, manifest)
    try add(
      groups(table, .near),
      "Groups of near-duplicates: first the image that is kept, then what it stands "
        + "for, with the similarity to it. Groups are chains: their ends may be less alike than the "
        + "threshold.", to: &report)
    try add(groups(table, .copy), "Byte-identical copies.", to: &report)
    try add(
      references(table), "Images that are like reference images, and the reference.", to: &report)
  }

  private func groups(
    _ table: StageTable, _ verdict: DedupStage.Verdict
  ) throws(StoreError) -> [ContactSheet.Row] {
    let (images, verdicts) = (table.integers("image"), table.texts("verdict"))
    let (kept, similarities) = (table.integers("representative"), table.floats("similarity"))
    var members: [Int: [Int]] = [:]
    for row in images.indices where verdicts[row] == verdict.rawValue {
      members[kept[row], default: []].append(row)
    }
    let largest = members.keys.sorted { one, other in
      let (count, otherCount) = (members[one]?.count ?? 0, members[other]?.count ?? 0)
      return (otherCount, one) < (count, other)
    }
    var rows: [ContactSheet.Row] = []
    for representative in spread(largest) where representative < store.records.count {
      let dropped = (members[representative] ?? []).sorted { similarities[$0] > similarities[$1] }
      var cells = [try thumbnails.cell(representative, "kept")]
      for row in dropped.prefix(Self.galleryColumns - 1) {
        cells.append(try thumbnails.cell(images[row], fixed(similarities[row])))
      }
      rows.append(.init(heading: "\(dropped.count + 1) images", cells: cells))
    }
    return rows
  }

  /// The first few of a list and some from all over the rest.
  private func spread(_ list: [Int]) -> [Int] {
    let most = Self.galleryRows
    guard list.count > most else { return list }
    let head = most / 2
    let rest = Array(list.dropFirst(head))
    let step = max(rest.count / (most - head), 1)
    return list.prefix(head)
      + stride(from: 0, to: rest.count, by: step).prefix(most - head).map { rest[$0] }
  }

  private func references(_ table: StageTable) throws(StoreError) -> [ContactSheet.Row] {
    let (images, verdicts) = (table.integers("image"), table.texts("verdict"))
    let (names, similarities) = (table.texts("reference"), table.floats("similarity"))
    let found = images.indices.filter { verdicts[$0] == DedupStage.Verdict.reference.rawValue }
      .sorted { similarities[$0] > similarities[$1] || similarities[$1].isNaN }
    var rows: [ContactSheet.Row] = []
    for start in stride(from: 0, to: min(found.count, 12), by: 3) {
      var cells: [ContactSheet.Cell] = []
      for row in found[start..<min(start + 3, found.count)] {
        cells.append(try thumbnails.cell(images[row], "dropped " + fixed(similarities[row])))
        cells.append(try thumbnails.cell(named: names[row], "reference"))
      }
      rows.append(.init(cells: cells))
    }
    return rows
  }

  // MARK: - Clusters

  /// The sizes of clusters, and images of some.
  func addClusters(to report: inout Report) throws(StoreError) {
    guard let manifest = stages[.cluster] else { return }
    let table = try StageFolder(store.folder, .cluster).table(ClusterStage.table, manifest)
    report.begin("Clusters")
    let (images, clusters) = (table.integers("image"), table.integers("cluster"))
    let distances = table.doubles("squared_distance")
    var members: [Int: [Int]] = [:]
    for row in images.indices { members[clusters[row], default: []].append(row) }
    let largest = members.keys.sorted { one, other in
      let (count, otherCount) = (members[one]?.count ?? 0, members[other]?.count ?? 0)
      return (otherCount, one) < (count, other)
    }
    var plot = LinePlot(xLabel: "cluster, by size", yLabel: "images")
    plot.add("images", largest.map { Double(members[$0]?.count ?? 0) })
    report.add(
      .figures([ReportFigure(.plot(plot), caption: "Images of each cluster of the lowest level.")]))
    var rows: [ContactSheet.Row] = []
    for cluster in spread(largest) {
      let nearest = (members[cluster] ?? []).sorted { (distances[$0], $0) < (distances[$1], $1) }
      var cells: [ContactSheet.Cell] = []
      for row in nearest.prefix(Self.galleryColumns) where images[row] < store.records.count {
        cells.append(try thumbnails.cell(images[row], ""))
      }
      rows.append(.init(heading: "cluster \(cluster), \(nearest.count) images", cells: cells))
    }
    try add(
      rows, "The largest clusters, then some from all over: the images nearest to the centroid.",
      to: &report)
  }

  // MARK: - Retrieval

  /// Similarities to seeds, and what seeds brought.
  func addRetrieved(to report: inout Report) throws(StoreError) {
    guard let manifest = stages[.retrieve] else { return }
    let stage = StageFolder(store.folder, .retrieve)
    let table = try stage.table(RetrieveStage.table, manifest)
    report.begin("Retrieved images")
    if let inPool = manifest.counts["seeds_in_pool"], inPool > 0 {
      report.add(.note("\(inPool) images of the pool are byte-identical with seeds."))
    }
    let nearest = try stage.table(RetrieveStage.nearest, manifest).floats("similarity")
    let brought = table.floats("similarity").filter { !$0.isNaN }
    var plot = SimilarityPlot(series: [])
    plot.unit = "images"
    for (name, values) in [("all images of the pool", nearest), ("retrieved", brought)]
    where !values.isEmpty {
      var histogram = SimilarityHistogram(bins: 100)
      for value in values { histogram.add(value) }
      plot.series.append(.init(name: name, counts: histogram.counts))
    }
    if !plot.series.isEmpty {
      report.add(
        .figures([
          ReportFigure(.plot(plot.plot), caption: "Similarity to the nearest seed.")
        ]))
    }
    try add(
      bySeed(table), "Seeds with what they brought, the most similar first.", to: &report)
    try add(byCluster(table), "Images that came by their clusters.", to: &report)
  }

  private func bySeed(_ table: StageTable) throws(StoreError) -> [ContactSheet.Row] {
    let (images, seeds) = (table.integers("image"), table.texts("seed"))
    let (modes, similarities) = (table.texts("mode"), table.floats("similarity"))
    var brought: [String: [Int]] = [:]
    for row in images.indices where modes[row] == "sample" {
      brought[seeds[row], default: []].append(row)
    }
    let names = brought.keys.sorted { one, other in
      let (count, otherCount) = (brought[one]?.count ?? 0, brought[other]?.count ?? 0)
      return (otherCount, one) < (count, other)
    }
    var rows: [ContactSheet.Row] = []
    for place in spread(Array(names.indices)) {
      let found = (brought[names[place]] ?? []).sorted { similarities[$0] > similarities[$1] }
      var cells = [try thumbnails.cell(named: names[place], "seed")]
      for row in found.prefix(Self.galleryColumns - 1) where images[row] < store.records.count {
        cells.append(try thumbnails.cell(images[row], fixed(similarities[row])))
      }
      rows.append(.init(cells: cells))
    }
    return rows
  }

  private func byCluster(_ table: StageTable) throws(StoreError) -> [ContactSheet.Row] {
    let (images, modes) = (table.integers("image"), table.texts("mode"))
    let (clusters, hits) = (table.integers("cluster"), table.integers("seeds"))
    var members: [Int: [Int]] = [:]
    for row in images.indices where modes[row] == "cluster" {
      members[clusters[row], default: []].append(row)
    }
    let order = members.keys.sorted { one, other in
      let (count, otherCount) = (members[one]?.count ?? 0, members[other]?.count ?? 0)
      return (otherCount, one) < (count, other)
    }
    var rows: [ContactSheet.Row] = []
    for cluster in spread(order) {
      let found = members[cluster] ?? []
      var cells: [ContactSheet.Cell] = []
      for row in found.prefix(Self.galleryColumns) where images[row] < store.records.count {
        cells.append(try thumbnails.cell(images[row], ""))
      }
      let seeds = found.first.map { hits[$0] } ?? 0
      rows.append(
        .init(
          heading: "cluster \(cluster), \(seeds) seeds, \(found.count) images taken", cells: cells))
    }
    return rows
  }

  // MARK: - Outliers

  /// Images that are too dark, too bright, blurred, tiny or strips.
  func addOutliers(to report: inout Report) throws(StoreError) {
    let records = store.records
    func found(
      _ value: (ImageRecord) -> Double?, _ isOutlier: (Double) -> Bool, largestFirst: Bool = false
    ) -> [(image: Int, value: Double)] {
      let all = records.indices.compactMap { image in
        value(records[image]).flatMap { isOutlier($0) ? (image: image, value: $0) : nil }
      }
      return all.sorted { largestFirst ? $0.value > $1.value : $0.value < $1.value }
    }
    let ratio: (ImageRecord) -> Double? = { record in
      record.size.map { size in
        Double(max(size.height, size.width)) / Double(max(min(size.height, size.width), 1))
      }
    }
    let kinds: [(name: String, decimals: Int, images: [(image: Int, value: Double)])] = [
      ("too dark", 3, found({ $0.traits.map { Double($0.luma) } }, { $0 < limits.dark })),
      (
        "too bright", 3,
        found({ $0.traits.map { Double($0.luma) } }, { $0 > limits.bright }, largestFirst: true)
      ),
      (
        "blurred or empty", 1,
        found({ $0.traits.map { Double($0.sharpness) } }, { $0 < limits.blurred })
      ),
      ("tiny", 0, found({ $0.size.map { Double($0.shorterSide) } }, { $0 < Double(limits.tiny) })),
      ("strips", 1, found(ratio, { $0 > limits.strip }, largestFirst: true)),
    ]
    report.begin("Outliers")
    report.add(
      "They are shown, not dropped: brightness, sharpness and size of every image stand in the catalogue."
    )
    report.add(
      .table(
        ReportTable(
          columns: ["kind", "images", "share", "limit"],
          rows: zip(
            kinds,
            [
              "brightness below \(limits.dark)", "brightness above \(limits.bright)",
              "sharpness below \(limits.blurred)", "shorter side below \(limits.tiny) pixels",
              "sides in a ratio above \(limits.strip)",
            ]
          ).map { kind, limit in
            [
              kind.name, NumberFormat.grouped(kind.images.count),
              Self.share(kind.images.count, of: records.count), limit,
            ]
          })))
    var rows: [ContactSheet.Row] = []
    for kind in kinds where !kind.images.isEmpty {
      var cells: [ContactSheet.Cell] = []
      for (image, value) in kind.images.prefix(Self.galleryColumns) {
        cells.append(
          try thumbnails.cell(image, NumberFormat.fixed(value, decimals: kind.decimals)))
      }
      rows.append(.init(heading: kind.name, cells: cells))
    }
    try add(rows, "The extremes of each kind, with the number that decides.", to: &report)
  }
}
