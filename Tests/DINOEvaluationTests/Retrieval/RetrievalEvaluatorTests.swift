import CheckpointFormats
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("RetrievalEvaluator")
struct RetrievalEvaluatorTests {
  struct Level: Decodable {
    let mAP: Double
    let precision: [Double]

    enum CodingKeys: String, CodingKey {
      case mAP
      case precision = "mP@k"
    }
  }

  @Test("agrees with the original", arguments: Golden.named("eval/retrieval"))
  func golden(golden: Golden) throws {
    let lists = try JSONDecoder().decode(
      [RevisitedTruth].self,
      from: Data(contentsOf: URL(fileURLWithPath: golden.sideFile("lists.json"))))
    let similarity = try Tensor(golden["input.similarity"])
    let ranks = try similarity.sorted(dim: 0, descending: true).indices
    try expectEqual(
      got: ranks.array(of: Int64.self).map(Int.init), shape: ranks.shape,
      expected: golden["expected.ranks"], label: "expected.ranks")
    let cuts = try golden.decodeConfig([Int].self, at: "kappas")
    let columns = try ranks.transpose(0, 1).array(of: Int64.self).map(Int.init)
    let rows = try ranks.size(0)

    for level in RevisitedTruth.Level.allCases {
      let expected = try golden.decodeConfig(Level.self, at: level.rawValue)
      var evaluator = RetrievalEvaluator(cuts: cuts)
      for (query, list) in lists.enumerated() {
        evaluator.add(
          Array(columns[query * rows..<(query + 1) * rows]), truth: list.truth(at: level))
      }

      let name = "expected.\(level.rawValue).ap"
      try expectClose(
        got: evaluator.queries.map(\.averagePrecision), shape: [lists.count],
        expected: golden[name], tolerance: golden.tolerance(for: name), label: name)
      #expect(abs(evaluator.mAP - expected.mAP) < 1e-9)
      for (got, wanted) in zip(evaluator.meanPrecision, expected.precision) {
        #expect(abs(got - wanted) < 1e-9)
      }
    }
  }

  @Test("junk is taken out; what is found first counts fully")
  func junk() {
    var evaluator = RetrievalEvaluator(cuts: [1, 2, 0])
    let query = evaluator.add([7, 3, 5, 1], truth: RetrievalTruth(positive: [3, 9], junk: [7]))
    #expect(evaluator.cuts == [1, 2])
    #expect(query.averagePrecision == 0.5)
    #expect(query.precision == [1, 1] && query.recall == [0.5, 0.5] && query.hit == [1, 1])
    let missed = evaluator.add([4], truth: RetrievalTruth(positive: [3]))
    #expect(missed.averagePrecision == 0 && missed.precision == [0, 0])
    evaluator.add([4], truth: RetrievalTruth(positive: []))
    #expect(evaluator.mAP == 0.25 && evaluator.hitRate == [0.5, 0.5])
    #expect(evaluator.meanRecall == [0.25, 0.25])
    #expect(RetrievalEvaluator().mAP.isNaN)
  }

  @Test("rankings are by cosine, whatever the lengths")
  func rankings() throws {
    let gallery = try Tensor([1, 0, 0, 50, 1, 1] as [Float], [3, 2])
    let query = try Tensor([9, 1, 0, 0.1] as [Float], [2, 2])
    let rankings = try RetrievalEvaluator.rankings(of: query, in: gallery, limit: 2)
    #expect(rankings.map { $0.map(\.row) } == [[0, 2], [1, 2]])
    #expect(throws: TorchError.self) {
      try RetrievalEvaluator.rankings(of: query, in: .ones([0, 2]))
    }
    #expect(throws: TorchError.self) {
      try RetrievalEvaluator.rankings(of: query, in: .ones([2, 3]))
    }
  }

  @Test("GeM lies between mean and maximum")
  func gem() throws {
    let tokens = try Tensor.rand([2, 5, 3], generator: Generator(seed: 1)) + 0.1
    var pooling = GeMPooling()
    pooling.exponent = 1
    let mean = try tokens.mean(dim: 1).normalized()
    #expect(try (pooling(tokens) - mean).abs().max().item() < 1e-6)
    pooling.exponent = 60
    let largest = try tokens.max(dim: 1).values.normalized()
    #expect(try (pooling(tokens) - largest).abs().max().item() < 0.05)
    #expect(try pooling(-tokens).floats().allSatisfy(\.isFinite))
    #expect(throws: TorchError.self) { try pooling(.ones([1, 0, 3])) }
    #expect(throws: TorchError.self) { try pooling(.ones([1, 3])) }
  }

  @Test("whitened descriptors have unit covariance")
  func whitening() throws {
    let mixing = try Tensor.randn([4, 4], generator: Generator(seed: 2))
    let rows = try Tensor.randn([300, 4], generator: Generator(seed: 1)).matmul(mixing) + 3
    let white = try PCAWhitening(rows)(rows, normalizes: false)
    let covariance = try white.transpose(0, 1).matmul(white) / 299
    let identity = try Tensor.zeros([4, 4])
    try identity.fillDiagonal(1)
    #expect(try (covariance - identity).abs().max().item() < 1e-4)
    #expect(try white.mean(dim: 0).abs().max().item() < 1e-5)

    // Rank 2 of 4: the directions without variance are left out.
    let flat = try rows.narrow(dim: 1, 0..<2).matmul(mixing.narrow(dim: 0, 0..<2))
    #expect(try PCAWhitening(flat).dimensions == 2)
    let few = try PCAWhitening(rows, dimensions: 3)
    #expect(try few(rows).norm(dim: 1).floats().allSatisfy { abs($0 - 1) < 1e-5 })
    #expect(throws: TorchError.self) { try PCAWhitening(.ones([1, 3])) }
    #expect(throws: TorchError.self) { try PCAWhitening(.ones([5, 3])) }
  }
}
