import DINOData
import DINOEvaluation
import DINOInference
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("CopyDetection")
struct CopyDetectionTests {
  @Test("precision and recall by hand, ties together")
  func byHand() {
    let found = PrecisionRecall(
      scores: [0.9, 0.5, 0.5, 0.5, 0.1], isRight: [true, false, true, true, false], total: 4)
    #expect(found.points.map(\.threshold) == [0.9, 0.5, 0.1])
    #expect(found.points.map(\.precision) == [1, 0.75, 0.6])
    #expect(found.points.map(\.recall) == [0.25, 0.75, 0.75])
    #expect(found.averagePrecision == 1 * 0.25 + 0.75 * 0.5)
    #expect(found.point(atPrecision: 0.7)?.recall == 0.75)
    #expect(found.point(atPrecision: 0.9)?.threshold == 0.9)
    #expect(PrecisionRecall(scores: [1], isRight: [false]).averagePrecision.isNaN)
    #expect(PrecisionRecall(scores: [], isRight: [], total: 3).averagePrecision == 0)
    #expect(PrecisionRecall(scores: [], isRight: []).point(atPrecision: 0.1) == nil)
  }

  @Test("equals the definition on random scores, in any order")
  func definition() throws {
    let scores = try Tensor.rand([200], generator: Generator(seed: 4)).floats()
    let isRight = scores.enumerated().map { $0.offset % 3 == 0 || $0.element > 0.8 }
    let found = PrecisionRecall(scores: scores, isRight: isRight)
    var expected = 0.0
    for (index, score) in scores.enumerated() where isRight[index] {
      let above = scores.indices.filter { scores[$0] >= score }
      expected += Double(above.count { isRight[$0] }) / Double(above.count)
    }
    expected /= Double(isRight.count { $0 })
    #expect(abs(found.averagePrecision - expected) < 1e-12)
    let reversed = PrecisionRecall(scores: scores.reversed(), isRight: isRight.reversed())
    #expect(reversed == found)
  }

  /// Vectors in the plane at angles in degrees.
  private func descriptors(_ angles: [Double], items: [Int]? = nil) throws -> DescriptorSet {
    let values = angles.flatMap { angle in
      [Float(cos(angle * .pi / 180)), Float(sin(angle * .pi / 180))]
    }
    return DescriptorSet(
      rows: try Tensor(values, [angles.count, 2]), items: items ?? Array(angles.indices),
      failures: [], isCached: false)
  }

  private func set(_ groups: [Int?], _ transforms: [String]) -> CopyDetectionSet {
    CopyDetectionSet(
      images: groups.indices.map { ImageReference(file: RawPath("\($0)")) }, groups: groups,
      transforms: transforms)
  }

  @Test("pairs, queries and originals by hand")
  func measurement() throws {
    // 0 and 1 are copies, 3 and 4 too; 2 is alone and lies nearer to 1 than 0 does.
    let set = set([0, 0, nil, 1, 1], ["original", "crop", "", "original", "flip"])
    let found = try CopyDetectionMeasurement(set, descriptors([0, 20, 30, 90, 91]), cuts: [1])

    #expect(found.copyCount == 2 && found.pairs.points.count == 10)
    // Best pairs: 3-4 (1°), 1-2 (10°), 0-1 (20°).
    #expect(abs(found.pairs.averagePrecision - (1 + 2.0 / 3) / 2) < 1e-9)
    #expect(found.queries.queries.count == 4 && found.originals.queries.count == 2)
    // 0 finds 1 first; 1 finds 2 first, then 0, by trapezoids (0 + 1/2) / 2; 3 and 4 find each other.
    #expect(abs(found.queries.mAP - (1 + 0.25 + 1 + 1) / 4) < 1e-9)
    #expect(found.queries.hitRate == [0.75] && found.originals.mAP == 1)
    #expect(Set(found.similarityToOriginal.keys) == ["crop", "flip"])
    #expect(
      abs((found.similarityToOriginal["crop"]?.first ?? 0) - Float(cos(Double.pi / 9))) < 1e-6)
  }

  @Test("an image that could not be read counts as not found")
  func unreadable() throws {
    let set = set([0, 0, nil], ["original", "crop", ""])
    let found = try CopyDetectionMeasurement(set, descriptors([0, 90], items: [0, 2]), cuts: [1])
    #expect(found.pairs.averagePrecision == 0 && found.copyCount == 1)
    #expect(found.queries.mAP == 0)
  }

  @Test("reads the table of groups, adds distractors, and refuses what is no table")
  func table() throws {
    let folder = try TemporaryFolder()
    func read(_ text: String) throws -> CopyDetectionSet {
      try folder.write("groups.tsv", Array(text.utf8))
      return try CopyDetectionSet(folder: RawPath(folder.path))
    }
    let set = try read(
      "group\tfile\ttransform\ng\ta.jpg\toriginal\nh\tb.jpg\tsingle\r\ng\tc.jpg\tcrop\n")
    #expect(set.groups == [0, 1, 0] && set.transforms == ["original", "single", "crop"])
    #expect(set.copyCount == 1)
    let more = set.adding(distractors: [ImageReference(file: "x")])
    #expect(more.groups == [0, 1, 0, nil] && more.copyCount == 1)
    #expect(throws: DataError.self) { try read("file\tgroup\na\tg\nb\n") }
    #expect(throws: DataError.self) { try read("name\tgroup\na\tg\n") }
    #expect(throws: DataError.self) { try read("file\tgroup\na\tg\nb\th\n") }
    #expect(throws: DataError.self) { try read("file\tgroup\na\tg\na\tg\n") }
    #expect(throws: DataError.self) { try read("") }
  }

  @Test(
    "reads the set of near duplicates",
    .enabled(if: TestData.folder(named: "near-duplicates") != nil, "needs near-duplicates"))
  func realSet() throws {
    let folder = try #require(TestData.folder(named: "near-duplicates"))
    let set = try CopyDetectionSet(folder: RawPath(folder))
    // 45 groups of 10, 5 of 11, 80 single images, as its README says.
    #expect(set.images.count == 585 && set.copyCount == 45 * 45 + 5 * 55)
  }
}

@Suite("RetrievalMeasurement")
struct RetrievalMeasurementTests {
  @Test("measures every task, with images missing on both sides")
  func tasks() throws {
    let truth = RevisitedTruth(easy: [0], hard: [2], junk: [])
    let set = RetrievalSet(
      gallery: (0..<3).map { ImageReference(file: RawPath("g\($0)")) },
      queries: (0..<2).map { .init(ImageReference(file: RawPath("q\($0)"))) },
      tasks: [
        .init(name: "", queries: [0, 1], truths: [.revisited(truth), .revisited(truth)]),
        .init(name: "coarse", queries: [1], truths: [.plain(RetrievalTruth(positive: [1]))]),
      ])
    // Gallery row 1 could not be read; query 0 neither.
    let gallery = DescriptorSet(
      rows: try Tensor([1, 0, 0, 1] as [Float], [2, 2]), items: [0, 2], failures: ["x"],
      isCached: false)
    let query = DescriptorSet(
      rows: try Tensor([1, 0.1] as [Float], [1, 2]), items: [1], failures: ["y"], isCached: false)
    let found = try RetrievalMeasurement(set, query: query, gallery: gallery, cuts: [1])

    #expect(found.missingQueries == 1)
    #expect(found.results.map(\.name) == ["medium", "hard", "easy", "coarse"])
    #expect(found.results.map(\.evaluator.mAP) == [1, 1, 1, 0])
    #expect(found.results.map { $0.evaluator.queries.count } == [1, 1, 1, 1])
  }
}
