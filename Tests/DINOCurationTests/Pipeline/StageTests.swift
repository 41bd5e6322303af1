import CheckpointFormats
import DINOCuration
import DINOTestSupport
import Foundation
import Testing

/// The stages on planted rows, compared with what was planted.
@Suite("Curation stages")
struct StageTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// A store of rows that are named `<prefix><number>`.
  private func store(
    _ name: String, _ rows: [[Float]], prefix: String = "i", origin: String = "planted"
  ) async throws -> CurationStore {
    let path = folder.file(name + ".npy")
    try Npy.write(
      StoredTensor(floats: rows.flatMap { $0 }, shape: [rows.count, rows.first?.count ?? 0]),
      to: path)
    let names = rows.indices.map { "\(prefix)\($0)\n" }.joined()
    try folder.write(name + ".npy.names.txt", Array(names.utf8))
    _ = try await StoreImport(origin: origin)(path, into: folder.file(name))
    return try CurationStore(folder.file(name))
  }

  /// Groups of `copies` rows around `groups` random directions of 32 values.
  private func grouped(_ groups: Int, copies: Int, noise: Float = 0.02) -> [[Float]] {
    let centres = Planted.values(rows: groups, columns: 32)
    let jitter = Planted.values(rows: groups * copies, columns: 32, seed: 7)
    return (0..<(groups * copies)).map { row in
      (0..<32).map { centres[row / copies * 32 + $0] + noise * jitter[row * 32 + $0] }
    }
  }

  private func lines(_ path: String) throws -> [[String]] {
    try String(contentsOfFile: folder.file(path), encoding: .utf8).split(separator: "\n")
      .map { $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init) }
  }

  @Test("keeps one row of each planted group and drops those like references")
  func dedup() async throws {
    let pool = try await store("pool", grouped(12, copies: 4))
    let references = try await store("ref", Array(grouped(12, copies: 4).prefix(1)), prefix: "r")
    var stage = DedupStage()
    stage.threshold = 0.9
    stage.referenceThreshold = 0.9
    #expect(stage.space == nil)

    let result = try stage(pool, references: [.init("test", references)])

    #expect(result.kept == (1..<12).map { 4 * $0 })
    #expect(result.counts["components"] == 12 && result.counts["largest_component"] == 4)
    #expect(result.counts["near"] == 36 && result.counts["reference"] == 1)
    let table = try lines("pool/stages/dedup/decisions.tsv")
    #expect(table.count == 48 + 2)
    #expect(table[1].prefix(2) == ["0", "reference"] && table[1].last == "i0")
    #expect(table[2].prefix(3) == ["1", "near", "0"])
  }

  @Test("whitening parts groups that share a direction, with the paper's threshold")
  func whitening() async throws {
    // A large common direction makes every pair similar; 300 single rows and 20 pairs.
    let noise = Planted.values(rows: 320, columns: 64, seed: 3)
    var rows = (0..<320).map { row in (0..<64).map { 4 + noise[row * 64 + $0] } }
    let jitter = Planted.values(rows: 20, columns: 64, seed: 5)
    for pair in 0..<20 {
      rows.append((0..<64).map { rows[pair][$0] + 0.1 * jitter[pair * 64 + $0] })
    }
    let pool = try await store("pool", rows)
    var stage = DedupStage()
    #expect(try stage(pool).counts["largest_component"] ?? 0 > 300)
    #expect(DedupStage.warning(try stage(pool).counts) != nil)
    stage.space = .whitened
    let result = try stage(pool)
    #expect(result.kept == Array(0..<320))
    #expect(DedupStage.warning(result.counts) == nil)
    #expect(!FileManager.default.fileExists(atPath: folder.file("pool/.whitened.npy")))
  }

  @Test("clusters, retrieves and samples what dedup kept, and says why")
  func pipeline() async throws {
    let pool = try await store("pool", grouped(10, copies: 6, noise: 0.25))
    let seeds = try await store(
      "seeds", Array(grouped(10, copies: 6, noise: 0.2)[0..<5]), prefix: "s")
    var dedup = DedupStage()
    dedup.threshold = 0.999
    #expect(try dedup(pool).kept.count == 60)

    var cluster = ClusterStage(
      levels: [.init(clusters: 10), .init(clusters: 3, resamplings: 2, sampleSize: 2)])
    cluster.iterations = 30
    let clusters = try cluster(pool)
    #expect(clusters.counts["clusters"] == 10 && clusters.counts["images"] == 60)
    let assigned = try lines("pool/stages/cluster/clusters.tsv").dropFirst().dropLast()
    for group in 0..<10 {
      let found = Set(assigned.filter { (Int($0[0]) ?? 0) / 6 == group }.map { $0[1] })
      #expect(found.count == 1)
    }

    let retrieve = RetrieveStage()
    let sets = [
      RetrieveStage.Seeds("near", seeds, .sample(neighbours: 2)),
      RetrieveStage.Seeds(
        "groups", seeds,
        .cluster(minimumHits: 3, perCluster: 4, cap: nil, isRandom: false)),
    ]
    let retrieved = try retrieve(from: pool, seeds: sets)
    #expect(retrieved.images.allSatisfy { $0 < 6 })
    #expect(retrieved.counts["with_multiplicity"] == 10 + 4)
    let nearest = try lines("pool/stages/retrieve/nearest.tsv").dropFirst().dropLast()
    #expect(nearest.count == 120)

    var sample = SampleStage(target: 20)
    #expect(try sample(pool).counts["clusters"] == 10)
    #expect(Set(try sample(pool).images.map { $0 / 6 }).count == 10)
    sample.source = .retrieved
    #expect(try Set(sample(pool).images) == Set(retrieved.images))

    dedup.threshold = 0.5
    _ = try dedup(pool)
    #expect(throws: StoreError.self) { try sample(pool) }
    #expect(throws: StoreError.self) { try retrieve(from: pool, seeds: [sets[1]]) }
  }

  @Test("equal runs leave equal bytes, and the catalogue follows from them")
  func isReproducible() async throws {
    let rows = grouped(8, copies: 3)
    for name in ["a", "b"] {
      let pool = try await store("pool", rows)
      _ = try DedupStage()(pool)
      _ = try ClusterStage(levels: [.init(clusters: 4)])(pool)
      try pool.refreshCatalogue()
      try Catalogue(folder.file("pool")).check(pool)
      try FileManager.default.moveItem(atPath: folder.file("pool"), toPath: folder.file(name))
    }
    for name in [
      "catalogue.sqlite", "stages/dedup/manifest.json", "stages/dedup/decisions.tsv",
      "stages/cluster/clusters.tsv", "stages/cluster/centroids_1.npy", "shard-00000.npy",
    ] {
      let one = try Data(contentsOf: URL(fileURLWithPath: folder.file("a/" + name)))
      let other = try Data(contentsOf: URL(fileURLWithPath: folder.file("b/" + name)))
      #expect(one == other && !one.isEmpty, "\(name)")
    }
  }

  @Test("notices a table that is not as it was written")
  func damage() async throws {
    let pool = try await store("pool", grouped(4, copies: 2))
    _ = try DedupStage()(pool)
    let path = folder.file("pool/stages/dedup/decisions.tsv")
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing("kept", with: "near").write(toFile: path, atomically: true, encoding: .utf8)
    #expect(throws: StoreError.self) { try ClusterStage(levels: [.init(clusters: 2)])(pool) }
    #expect(
      try StoreCheck(folder.file("pool"), repairs: true).findings.contains { $0.path == path })
    #expect(try ClusterStage(levels: [.init(clusters: 2)])(pool).counts["images"] == 8)
  }

  @Test("refuses stores of other models, seeds of one name, and too many clusters")
  func refusals() async throws {
    let pool = try await store("pool", grouped(3, copies: 2))
    let other = try await store("other", grouped(3, copies: 1), origin: "another")
    #expect(throws: StoreError.self) { try DedupStage()(pool, references: [.init("x", other)]) }
    let way = RetrieveStage.Mode.sample(neighbours: 1)
    #expect(throws: StoreError.self) {
      try RetrieveStage()(from: pool, seeds: [.init("s", other, way)])
    }
    #expect(throws: StoreError.self) {
      try RetrieveStage()(from: pool, seeds: [.init("s", pool, way), .init("s", pool, way)])
    }
    #expect(throws: StoreError.self) { try ClusterStage(levels: [.init(clusters: 7)])(pool) }
    #expect(throws: StoreError.self) { try SampleStage(target: 2)(pool) }
  }
}
