import CheckpointFormats
import DINOEvaluation
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("LinearProbe")
struct LinearProbeTests {
  struct Config: Decodable {
    let batch: Int
    let layers: Int
    let rates: [Double]
    let iterations: Int
    let momentum: Double
    let blocks: [Int]
    let names: [String]
    let ratesUsed: [[Double]]
    let scaled: [Double]
    let steps: Int

    enum CodingKeys: String, CodingKey {
      case batch = "batch_size_for_lr"
      case layers, momentum, names, scaled, steps
      case rates = "learning_rates"
      case iterations = "max_iter"
      case blocks = "n_last_blocks"
      case ratesUsed = "rates_used"
    }
  }

  private func rows(_ batch: Int, _ layers: Int, _ golden: Golden) throws -> Tensor {
    try LinearProbeInput.rows(
      (0..<layers).map { layer in
        let name = "input.\(batch).layer.\(layer)"
        return try (Tensor(golden["\(name).cls"]), Tensor(golden["\(name).patch"]))
      })
  }

  private func check(_ got: Tensor, _ name: String, _ golden: Golden) throws {
    try expectClose(
      got: got.floats(), shape: got.shape, expected: golden[name],
      tolerance: golden.tolerance(for: name), label: name)
  }

  @Test("takes the steps of the original", arguments: Golden.named("eval/linear"))
  func golden(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    let inputs = LinearProbeInput.inputs(blocks: config.blocks)
    let heads = LinearProbeHead.grid(inputs: inputs, rates: config.rates, batch: config.batch)
    #expect(heads.map(\.name) == config.names)
    let width = try golden["input.0.layer.0.cls"].shape[1]
    let first = try rows(0, config.layers, golden)
    for input in inputs {
      let name =
        "expected.features.n\(input.blocks).avgpool\(input.usesAveragePooling ? 1 : 0)"
      let columns = input.columns(layers: config.layers, embedDim: width)
      try check(first.narrow(dim: 1, columns).contiguous(), name, golden)
    }
    let classes = try golden["model.\(config.names[0]).linear.bias"].shape[0]
    let grid = try LinearProbeGrid(
      heads, classes: classes, layers: config.layers, embedDim: width,
      iterations: config.iterations, generator: Generator(seed: 0))
    grid.momentum = config.momentum
    for (index, name) in config.names.enumerated() {
      try grid.load(
        weight: Tensor(golden["model.\(name).linear.weight"]),
        bias: Tensor(golden["model.\(name).linear.bias"]), of: index)
    }
    for (name, logits) in zip(config.names, try grid.logits(first)) {
      try check(logits.contiguous(), "expected.logits.\(name)", golden)
    }

    var losses: [Double] = []
    for step in 0..<config.steps {
      for (head, rate) in zip(heads, config.ratesUsed[step]) {
        #expect(abs(head.learningRate * grid.schedule - rate) <= 1e-9 * max(rate, 1e-3))
      }
      losses.append(
        try grid.step(
          rows(step, config.layers, golden), labels: golden["input.\(step).labels"].integers()))
    }

    try expectClose(
      got: losses, shape: [config.steps], expected: golden["expected.losses"],
      tolerance: golden.tolerance(for: "expected.losses"), label: "expected.losses")
    for (index, name) in config.names.enumerated() {
      let (weight, bias) = try grid.parameters(of: index)
      try check(weight, "expected.after.\(name).linear.weight", golden)
      try check(bias, "expected.after.\(name).linear.bias", golden)
    }
  }

  @Test("names no two heads alike, however small the batch", arguments: [1, 3, 128, 1024])
  func names(batch: Int) {
    let heads = LinearProbeHead.grid(batch: batch)
    #expect(heads.count == 52)
    #expect(Set(heads.map(\.name)).count == 52)
  }

  @Test("chooses on the selection rows and learns what can be learnt")
  func learns() throws {
    let generator = try Generator(seed: 5)
    let labels = (0..<90).map { $0 % 3 }
    let centres = try Tensor.randn([3, 20], generator: generator) * 3
    let tokens =
      try centres.selecting(labels, dim: 0)
      + Tensor.randn([90, 20], generator: generator)
    var evaluation = LinearEvaluation()
    evaluation.batch = 16
    evaluation.iterations = 60
    let rows = LinearEvaluation.Rows(tokens, labels)

    let result = try evaluation(
      train: rows, selection: rows, report: rows, layers: 4, classes: 3)

    #expect(result.selection.count == 52)
    let best = result.selection.map(\.accuracy.top1).max()
    #expect(result.selection[result.best].accuracy.top1 == best)
    #expect(try result.ranking.accuracy(labels).top1 == best)
    #expect(try #require(best) > 0.95)
  }

  @Test("refuses what does not fit")
  func refuses() throws {
    let generator = try Generator(seed: 0)
    let heads = LinearProbeHead.grid(batch: 256)
    #expect(throws: TorchError.self) {
      try LinearProbeGrid(
        heads, classes: 2, layers: 2, embedDim: 3, iterations: 1, generator: generator)
    }
    #expect(throws: TorchError.self) {
      try LinearProbeGrid(
        heads + heads, classes: 2, layers: 4, embedDim: 3, iterations: 1, generator: generator)
    }
    let grid = try LinearProbeGrid(
      heads, classes: 2, layers: 4, embedDim: 3, iterations: 1, generator: generator)
    #expect(throws: TorchError.self) { try grid.step(.ones([1, 15]), labels: [2]) }
    #expect(throws: TorchError.self) { try grid.step(.ones([1, 14]), labels: [1]) }
    #expect(throws: TorchError.self) {
      try grid.load(weight: .ones([2, 4]), bias: .ones([2]), of: 0)
    }
  }
}
