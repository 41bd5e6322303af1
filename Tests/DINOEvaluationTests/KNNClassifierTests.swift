import CheckpointFormats
import DINOEvaluation
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("KNNClassifier")
struct KNNClassifierTests {
  struct Config: Decodable {
    let accuracy: [String: [String: Double]]
    let classes: Int
    let k: [Int]
    let temperature: Double
  }

  @Test("gives the votes and accuracies of the original", arguments: Golden.named("eval/knn"))
  func golden(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    let classifier = try KNNClassifier(
      features: Tensor(golden["input.train_features"]),
      labels: golden["input.train_labels"].integers(), classes: config.classes, counts: config.k,
      temperature: config.temperature)
    let queries = try Tensor(golden["input.val_features"])

    for (count, votes) in zip(config.k, try classifier.votes(queries)) {
      let name = "expected.probas.k\(count)"
      try expectClose(
        got: votes.floats(), shape: votes.shape, expected: golden[name],
        tolerance: golden.tolerance(for: name), label: name)
    }
    for result in try classifier.accuracies(
      queries, labels: golden["input.val_labels"].integers())
    {
      let expected = try #require(config.accuracy["k\(result.count).micro"])
      #expect(abs(result.accuracy.top1 * 100 - (try #require(expected["top-1"]))) < 1e-4)
      #expect(abs(result.accuracy.top5 * 100 - (try #require(expected["top-5"]))) < 1e-4)
    }
  }

  @Test("takes fewer training features than neighbours")
  func fewFeatures() throws {
    let features = try Tensor([1, 0, 0, 1, 1, 1] as [Float], [3, 2])
    let classifier = try KNNClassifier(features: features, labels: [0, 1, 1], classes: 2)
    let results = try classifier.accuracies(
      Tensor([2, 0.1, 0.1, 3] as [Float], [2, 2]), labels: [0, 1])
    #expect(results.map(\.count) == [10, 20, 100, 200])
    #expect(results.allSatisfy { $0.accuracy.top5 == 1 })
  }

  @Test("refuses labels that do not fit")
  func refusesLabels() throws {
    #expect(throws: TorchError.self) {
      try KNNClassifier(features: .ones([2, 3]), labels: [0], classes: 1)
    }
    #expect(throws: TorchError.self) {
      try KNNClassifier(features: .ones([1, 3]), labels: [2], classes: 2)
    }
  }
}
