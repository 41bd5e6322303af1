import CheckpointFormats
import DINOEvaluation
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

@Suite("LogisticRegression")
struct LogisticRegressionTests {
  @Test(
    "gives the sweep, probabilities and final accuracy of the reference",
    arguments: Golden.named("eval/logistic_regression"))
  func golden(golden: Golden) throws {
    let config = try golden.config
    let classes = try #require(config["classes"]?.integer)
    let grid = LogisticRegressionSweep.gridOfPowers(
      from: -6, to: 5, count: try golden["expected.C"].count)
    try expectClose(
      got: grid, shape: [grid.count], expected: golden["expected.C"],
      tolerance: golden.tolerance(for: "expected.C"), label: "expected.C")
    let tuning = try Tensor(golden["input.tune_features"])
    var solver = LBFGS()
    solver.gradientTolerance = 1e-8
    solver.maxIterations = 20_000
    var probabilities: [[Double]] = []

    let sweep = try LogisticRegressionSweep(
      train: .init(
        Tensor(golden["input.train_features"]), golden["input.train_labels"].integers()),
      tune: .init(tuning, golden["input.tune_labels"].integers()), classes: classes, grid: grid,
      solver: solver
    ) { _, model throws(TorchError) in
      #expect(model.minimum.hasConverged, "C = \(grid[probabilities.count])")
      probabilities.append(try model.probabilities(tuning).array(of: Double.self))
    }
    for (index, found) in probabilities.enumerated() {
      try compare(found, "expected.probas.\(index)", golden)
    }

    let names = Set(try golden.names(prefix: "expected.probas."))
    #expect(names.count == config["probas_indices"]?.array?.count)
    let (top1, top5) = try (golden["expected.sweep.top1"], golden["expected.sweep.top5"])
    expectClose(
      got: sweep.trials.map(\.accuracy.top1), shape: top1.shape, expected: top1, tolerance: 1e-6,
      label: "top1")
    expectClose(
      got: sweep.trials.map(\.accuracy.top5), shape: top5.shape, expected: top5, tolerance: 1e-6,
      label: "top5")
    let best = try #require(config["best_C"]?.number)
    #expect(abs(sweep.best.inverseRegularization / best - 1) < 1e-6)
    let final = try ClassRanking(sweep.model.logits(Tensor(golden["input.val_features"])))
      .accuracy(golden["input.val_labels"].integers())
    #expect(abs(final.top1 - (try config.member("final")["top-1"]?.number ?? 0)) < 1e-6)
    #expect(abs(final.top5 - (try config.member("final")["top-5"]?.number ?? 0)) < 1e-6)
  }

  private func compare(_ got: [Double], _ name: String, _ golden: Golden) throws {
    guard try golden.tensors().names.contains(name) else { return }
    try expectClose(
      got: got, shape: golden[name].shape, expected: golden[name],
      tolerance: golden.tolerance(for: name), label: name)
  }

  @Test("holds out the rows of the original", arguments: Golden.named("eval/logistic_regression"))
  func holdOut(golden: Golden) throws {
    let count = try golden["input.train_labels"].count
    let (kept, heldOut) = try TrainingSubset.holdOut(of: count)
    #expect(try kept == golden["expected.split.train"].integers())
    #expect(try heldOut == golden["expected.split.tune"].integers())
  }

  @Test("has a small gradient that finite differences confirm")
  func optimum() throws {
    let features = try Tensor.randn([40, 3], generator: Generator(seed: 1), dtype: .float64)
    let labels = (0..<40).map { $0 * 7 % 3 }
    let fit = try LogisticRegression(
      features: features, labels: labels, classes: 3, inverseRegularization: 0.5)
    #expect(fit.minimum.hasConverged)
    // Moving any weight either way makes the penalised loss larger.
    func loss(_ point: [Double]) throws -> Double {
      let weights = try Tensor(point, [3, 4])
      let ones = try Tensor.ones([40, 1], dtype: .float64)
      let logs = try Tensor.cat([features, ones], dim: 1).linear(weight: weights, bias: nil)
        .logSoftmax(dim: 1).array(of: Double.self)
      let entropy = labels.enumerated().reduce(0) { $0 - logs[$1.offset * 3 + $1.element] }
      let square = point.enumerated().reduce(0) {
        $1.offset % 4 == 3 ? $0 : $0 + $1.element * $1.element
      }
      return 0.5 * entropy + square / 2
    }
    let lowest = try loss(fit.minimum.point)
    for index in fit.minimum.point.indices {
      for change in [-1e-3, 1e-3] {
        var moved = fit.minimum.point
        moved[index] += change
        #expect(try loss(moved) > lowest)
      }
    }
  }

  @Test("finds the same minimum with a curvature for each class and with one for all")
  func curvatures() throws {
    let generator = try Generator(seed: 3)
    let features = try Tensor.randn([400, 12], generator: generator, dtype: .float64)
    let labels = (0..<400).map { $0 * 31 % 70 }
    let fits = try [1 << 30, 0].map { bytes in
      try LogisticRegression(
        features: features, labels: labels, classes: 70, inverseRegularization: 10,
        curvatureBytes: bytes)
    }
    #expect(fits.allSatisfy { $0.minimum.hasConverged })
    #expect(abs(fits[0].minimum.value - fits[1].minimum.value) < 1e-9)
    #expect(zip(fits[0].minimum.point, fits[1].minimum.point).allSatisfy { abs($0 - $1) < 1e-3 })
    #expect(fits[0].minimum.iterations < fits[1].minimum.iterations)
  }

  @Test("gives classes without a row probability 0")
  func absentClass() throws {
    let fit = try LogisticRegression(
      features: Tensor([0, 1, 4, 5] as [Float], [4, 1]), labels: [0, 0, 2, 2], classes: 4,
      inverseRegularization: 1)
    let found = try fit.probabilities(Tensor([0, 5] as [Float], [2, 1])).array(of: Double.self)
    #expect(found[1] == 0 && found[3] == 0 && found[0] > 0.5 && found[6] > 0.5)
    #expect(abs(found[0] + found[2] - 1) < 1e-12)
  }

  @Test("refuses what cannot be fitted")
  func refuses() throws {
    #expect(throws: TorchError.self) {
      try LogisticRegression(
        features: .ones([2, 3]), labels: [0], classes: 1, inverseRegularization: 1)
    }
    #expect(throws: TorchError.self) {
      try LogisticRegression(
        features: .ones([1, 3]), labels: [0], classes: 1, inverseRegularization: 0)
    }
  }

  @Test("finds the minimum of Rosenbrock's valley")
  func rosenbrock() {
    var solver = LBFGS()
    solver.gradientTolerance = 1e-9
    let minimum = solver.minimize(from: [-1.2, 1]) { x in
      let (a, b) = (1 - x[0], x[1] - x[0] * x[0])
      return (a * a + 100 * b * b, [-2 * a - 400 * x[0] * b, 200 * b])
    }
    #expect(minimum.hasConverged && minimum.iterations < 100)
    #expect(abs(minimum.point[0] - 1) < 1e-7 && abs(minimum.point[1] - 1) < 1e-7)
  }

  @Test("needs a step or two where it is told the curvature of a narrow valley")
  func scaledValley() {
    let curvature = (0..<20).map { Foundation.pow(10, Double($0) / 6) }
    var solver = LBFGS()
    solver.gradientTolerance = 1e-9
    func valley(_ x: [Double]) -> LBFGS.Evaluation {
      (zip(x, curvature).reduce(0) { $0 + $1.0 * $1.0 * $1.1 / 2 }, zip(x, curvature).map(*))
    }
    let start = [Double](repeating: 1, count: 20)
    let plain = solver.minimize(from: start, valley)
    let scaled = solver.minimize(
      from: start, scaling: { $0.map { zip($0, curvature).map(/) } }, valley)
    #expect(plain.hasConverged && scaled.hasConverged)
    #expect(scaled.iterations <= 2 && plain.iterations > 20)
    #expect(scaled.point.allSatisfy { abs($0) < 1e-9 })
  }
}
