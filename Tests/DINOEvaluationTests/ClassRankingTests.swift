import CheckpointFormats
import DINOEvaluation
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("ClassRanking")
struct ClassRankingTests {
  struct Config: Decodable {
    struct Lists: Decodable {
      let top1: [Double]
      let top5: [Double]
      enum CodingKeys: String, CodingKey {
        case top1 = "top-1"
        case top5 = "top-5"
      }
    }
    struct Values: Decodable {
      /// Nil stands for NaN, which JSON cannot hold.
      let top1: Double?
      let top5: Double?
      enum CodingKeys: String, CodingKey {
        case top1 = "top-1"
        case top5 = "top-5"
      }
    }
    struct Accuracies: Decodable {
      let real: Values
      let micro: Values
      let meanPerClass: Values
      let perClass: Lists
      enum CodingKeys: String, CodingKey {
        case real = "imagenet_real_accuracy"
        case micro = "mean_accuracy"
        case meanPerClass = "mean_per_class_accuracy"
        case perClass = "per_class_accuracy"
      }
    }
    let accuracy: Accuracies
    let classes: Int
    let split: Int
  }

  @Test("gives the accuracies of the original", arguments: Golden.named("eval/accuracy"))
  func golden(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    let scores = try Tensor(golden["input.scores"])
    let labels = try golden["input.labels"].integers()
    let real = try golden["input.real_labels"].integers()
    let width = try golden["input.real_labels"].shape[1]

    var ranking = try ClassRanking(scores.narrow(dim: 0, 0..<config.split))
    try ranking.append(scores.narrow(dim: 0, config.split..<labels.count))

    let expected = config.accuracy
    try expectClose(ranking.accuracy(labels), expected.micro)
    try expectClose(ranking.meanPerClassAccuracy(labels), expected.meanPerClass)
    try expectClose(
      ranking.accuracy(
        amongAll: labels.indices.map { Array(real[$0 * width..<($0 + 1) * width]) }),
      expected.real)
    let perClass = try ranking.accuracyPerClass(labels)
    #expect(perClass.count == config.classes)
    for (index, accuracy) in perClass.enumerated() {
      #expect(abs(accuracy.top1 - expected.perClass.top1[index]) < 1e-5)
      #expect(abs(accuracy.top5 - expected.perClass.top5[index]) < 1e-5)
    }
  }

  private func expectClose(_ got: Accuracy, _ expected: Config.Values) {
    for (got, expected) in [(got.top1, expected.top1), (got.top5, expected.top5)] {
      if let expected {
        #expect(abs(got - expected) < 1e-5)
      } else {
        #expect(got.isNaN)
      }
    }
  }

  @Test("is NaN where no query has a right class")
  func noRightClass() throws {
    let ranking = try ClassRanking(.ones([2, 3]))
    let accuracy = try ranking.accuracy(amongAll: [[-1, -1], []])
    #expect(accuracy.top1.isNaN && accuracy.top5.isNaN)
  }

  @Test("refuses labels that do not fit")
  func refusesLabels() throws {
    let ranking = try ClassRanking(.ones([2, 3]))
    #expect(throws: TorchError.self) { try ranking.accuracy([0]) }
    #expect(throws: TorchError.self) { try ranking.accuracyPerClass([0, 3]) }
    #expect(throws: TorchError.self) { try ClassRanking(.ones([2, 0])) }
  }

  @Test("draws the same interval from the same seed, around the share")
  func interval() throws {
    let hits = (0..<400).map { $0 % 4 != 0 }
    let interval = try #require(ConfidenceInterval.bootstrap(hits, seed: 3))
    #expect(interval == ConfidenceInterval.bootstrap(hits, seed: 3))
    #expect(interval.lower < 0.75 && interval.upper > 0.75)
    // The normal approximation: ±1.96 · √(0.75 · 0.25 / 400).
    #expect(abs(interval.upper - interval.lower - 0.0849) < 0.01)
    let certain = try #require(ConfidenceInterval.bootstrap([true, true]))
    #expect(certain.lower == 1 && certain.upper == 1)
    #expect(ConfidenceInterval.bootstrap([]) == nil)
  }

  @Test("draws the few-shot rows of the original", arguments: Golden.named("eval/knn"))
  func fewShot(golden: Golden) throws {
    let labels = try golden["input.train_labels"].integers()
    let shots = try #require(golden.config["few_shot_n_per_class"]?.integer)
    for name in try golden.names(prefix: "expected.few_shot.") {
      let seed = try #require(UInt64(name.split(separator: ".").last ?? ""))
      #expect(
        try TrainingSubset.fewShot(shots, labels: labels, seed: seed) == golden[name].integers())
    }
    let counts = try #require(golden.config["k"]?.array).compactMap(\.integer)
    let expected = try #require(golden.config["few_shot_k"]?.array).compactMap(\.integer)
    #expect(TrainingSubset.neighbourCounts(counts, shots: shots) == expected)
  }

  @Test("gives the original's mean per class of k-NN", arguments: Golden.named("eval/knn"))
  func meanPerClass(golden: Golden) throws {
    let labels = try golden["input.val_labels"].integers()
    for name in try golden.names(prefix: "expected.probas.") {
      let k = name.split(separator: ".").last ?? ""
      let expected = try golden.config.member("accuracy").member("\(k).macro")
      let got = try ClassRanking(Tensor(golden[name])).meanPerClassAccuracy(labels)
      #expect(abs(got.top1 * 100 - (expected["top-1"]?.number ?? 0)) < 1e-3)
      #expect(abs(got.top5 * 100 - (expected["top-5"]?.number ?? 0)) < 1e-3)
    }
  }
}
