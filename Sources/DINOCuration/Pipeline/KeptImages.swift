/// The images that a stage after de-duplication works on.
struct KeptImages: Sendable {
  /// Their rows, ascending.
  let rows: [Int]
  /// The digests that they follow from.
  let inputs: [String: String]

  /// What de-duplication kept; all images with an embedding if it was not run or is passed over.
  ///
  /// - Parameters:
  ///   - store: The store.
  ///   - everything: Whether de-duplication is passed over.
  /// - Throws: ``StoreError`` if the stage is damaged or of another state of the store.
  init(_ store: CurationStore, everything: Bool) throws(StoreError) {
    let stage = StageFolder(store.folder, .dedup)
    guard !everything, let manifest = try stage.manifest() else {
      rows = Array(0..<store.matrix.rowCount)
      inputs = ["store": store.digest]
      return
    }
    try manifest.check(store, [:])
    let table = try stage.table(DedupStage.table, manifest)
    let verdicts = table.texts("verdict")
    guard table.integers("image") == store.imageOfRow, verdicts.count == store.imageOfRow.count
    else {
      throw .damaged(
        path: stage.folder, problem: "is of other images; run 'dinov2 curate dedup' again")
    }
    rows = verdicts.indices.filter { verdicts[$0] == DedupStage.Verdict.kept.rawValue }
    inputs = ["store": store.digest, "dedup": manifest.digest]
  }

  /// The rows as a matrix.
  func matrix(of store: CurationStore) throws(StoreError) -> EmbeddingMatrix {
    guard !rows.isEmpty else {
      throw .unusable(
        place: store.folder,
        problem: "no image is left; embed more, or raise the thresholds of dedup")
    }
    guard rows.count < store.matrix.rowCount else { return store.matrix }
    return try StoreError.curation { () throws(CurationError) in try store.matrix.selecting(rows) }
  }
}

extension StageManifest {
  /// Throws unless the stage started from a store as it is now and from these results.
  func check(_ store: CurationStore, _ wanted: [String: String]) throws(StoreError) {
    for (name, digest) in [("store", store.digest)] + wanted.sorted(by: { $0.key < $1.key })
    where inputs[name] != digest {
      throw .incompatible(
        path: store.folder,
        problem: "stage '\(stage.rawValue)' was run before '\(name)' changed; run 'dinov2 curate "
          + "\(stage.rawValue)' again")
    }
  }
}
