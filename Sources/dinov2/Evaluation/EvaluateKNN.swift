import ArgumentParser
import DINOEvaluation
import DINOInference
import Foundation
import Telemetry
import Torch

/// `dinov2 evaluate knn`: weighted nearest neighbours on class tokens.
struct EvaluateKNN: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "knn",
    abstract: "Classify by the nearest training images.",
    discussion: """
      Class tokens of unit length after resize 256 and crop 224 (98 for the small model that comes along); the nearest training images vote \
      with weights softmax(similarity / temperature). top1 is the best over the numbers of \
      neighbours, as the paper reports it. With --shots only so many training images of each class \
      are used, drawn anew for each of --tries, and means are reported.

      Example: dinov2 evaluate knn --train data/train --test data/val --model dinov2_vits14 --json
      """)

  @OptionGroup(title: "Data and report") var options: EvaluationOptions

  @Option(
    name: .customLong("k"), parsing: .upToNextOption,
    help: "Numbers of neighbours (default: 10 20 100 200).")
  var neighbours: [Int] = []

  @Option(help: "Smaller gives near neighbours more weight.")
  var temperature = 0.07

  @Option(help: "Training images of each class; all if left out.")
  var shots: Int?

  @Option(help: "How often few training images are drawn.")
  var tries = 5

  @OptionGroup(title: "Model") var modelOptions: ModelOptions
  @OptionGroup(title: "Input") var preprocessing: PreprocessingOptions

  private var counts: [Int] { neighbours.isEmpty ? [10, 20, 100, 200] : neighbours }

  func validate() throws {
    guard counts.allSatisfy({ (1...100_000).contains($0) }) else {
      throw ValidationError("--k is \(counts); expected numbers of 1 to 100000.")
    }
    guard temperature > 0, temperature.isFinite else {
      throw ValidationError("--temperature is \(temperature); expected above 0.")
    }
    guard shots ?? 1 > 0, (1...1000).contains(tries) else {
      throw ValidationError("--shots and --tries must be at least 1.")
    }
  }

  func run() async throws {
    let sets = try options.sets()
    let model = try await modelOptions.load()
    var report = EvaluationReport(protocol: text, model: model)
    let viewer = EvaluationOptions.Viewer(
      model: model, preprocessing: try preprocessing.preprocessing(for: model),
      decoder: preprocessing.decoder)
    let train = try await options.features(
      sets.train, "train", seenBy: viewer)
    let test = try await options.features(
      sets.test, labels: sets.testLabels, "test", seenBy: viewer)
    if let shots {
      try measureFew(shots, train, test, sets.classes, &report)
    } else {
      try measure(train, test, sets.classes, &report)
    }
    report.addCounts(sets, train: train, test: test)
    report.print(options)
  }

  private var text: String {
    "weighted k-NN on unit class tokens, temperature \(temperature)"
      + (shots.map { ", \($0) images a class, mean of \(tries) draws" } ?? "")
      + "; best k on the test images"
  }

  private func measure(
    _ train: LabelledFeatures, _ test: LabelledFeatures, _ classes: Int,
    _ report: inout EvaluationReport
  ) throws {
    let rankings = try rankings(train, test, classes, counts)
    let accuracies = try rankings.map { try $0.accuracy(test.labels) }
    guard let best = first(of: accuracies.map(\.top1)) else { return }
    try report.add(rankings[best], labels: test.labels, options)
    report.add("k", .integer(counts[best]))
    for (index, count) in counts.enumerated() {
      report.add("top1_k\(count)", .number(accuracies[index].top1))
      report.add("top5_k\(count)", .number(accuracies[index].top5))
      report.add(
        "mean_per_class_k\(count)",
        .number(try rankings[index].meanPerClassAccuracy(test.labels).top1))
    }
  }

  private func measureFew(
    _ shots: Int, _ train: LabelledFeatures, _ test: LabelledFeatures, _ classes: Int,
    _ report: inout EvaluationReport
  ) throws {
    let counts = TrainingSubset.neighbourCounts(counts, shots: shots)
    var results = counts.map { _ in [Accuracy]() }
    for attempt in 0..<tries {
      let rows = try TrainingSubset.fewShot(
        shots, labels: train.labels, seed: options.seed &+ UInt64(attempt))
      let rankings = try rankings(train.selecting(rows), test, classes, counts)
      for (index, ranking) in rankings.enumerated() {
        results[index].append(try ranking.accuracy(test.labels))
      }
    }
    let means = results.map { accuracies in
      Accuracy(top1: mean(accuracies.map(\.top1)), top5: mean(accuracies.map(\.top5)))
    }
    guard let best = first(of: means.map(\.top1)) else { return }
    report.add("top1", .number(means[best].top1))
    report.add("top5", .number(means[best].top5))
    report.add("k", .integer(counts[best]))
    report.add("shots", .integer(shots))
    for (index, count) in counts.enumerated() {
      report.add("top1_k\(count)", .number(means[index].top1))
      report.add("top1_k\(count)_std", .number(deviation(results[index].map(\.top1))))
      report.add("top5_k\(count)", .number(means[index].top5))
    }
  }

  private func rankings(
    _ train: LabelledFeatures, _ test: LabelledFeatures, _ classes: Int, _ counts: [Int]
  ) throws -> [ClassRanking] {
    let classifier = try KNNClassifier(
      features: train.clsTokens, labels: train.labels, classes: classes, counts: counts,
      temperature: temperature)
    return try classifier.rankings(test.clsTokens)
  }

  /// The position of the first of the largest values.
  private func first(of values: [Double]) -> Int? {
    values.max().flatMap { values.firstIndex(of: $0) }
  }

  private func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(max(values.count, 1))
  }

  /// The standard deviation over the draws, divided by one less than their number.
  private func deviation(_ values: [Double]) -> Double {
    let centre = mean(values)
    let squares = values.map { ($0 - centre) * ($0 - centre) }.reduce(0, +)
    return (squares / Double(max(values.count - 1, 1))).squareRoot()
  }
}
