import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing
import Torch

/// Images of one brightness, whose class it is, seen by a backbone that learns.
private final class Brightness: DenseExamples {
  let count = 8
  let backbone: FineTunedBackbone
  private let grid = PatchGrid(height: 2, width: 2)

  init(_ backbone: FineTunedBackbone) { self.backbone = backbone }

  func examples(_ indices: [Int], step: Int) async throws(InferenceError) -> [DenseExample] {
    var examples: [DenseExample] = []
    for index in indices {
      let value = Float(index % 2 == 0 ? 1 : -1) + Float(index) / 20
      let image = ImageBatch(
        values: [Float](repeating: value, count: 3 * 28 * 28), count: 1,
        size: Size(height: 28, width: 28))
      let rows = try await backbone.rows(of: image, after: [0, 1], normalize: true)
      let label = UInt16(index % 2)
      do throws(TorchError) {
        examples.append(
          try DenseExample(grid, rows.select(dim: 0, 0), .labels([label, label, label, label])))
      } catch { throw .torch(error) }
    }
    return examples
  }
}

@Suite("Backbones that learn with their heads")
struct FineTuningTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func model() throws -> VisionTransformer {
    var config = VisionTransformerConfig()
    (config.embedDim, config.depth, config.numHeads, config.imageSize) = (16, 2, 2, 28)
    return try VisionTransformer(config, in: ParameterScope(seed: 3))
  }

  @Test("gradients reach the parameters as if nothing stood between head and backbone")
  func gradients() async throws {
    let (model, plain) = (try self.model(), try self.model())
    // As models are loaded to be used alone.
    for parameter in model.parameters.parameters { try parameter.value.requiringGrad(false) }
    let backbone = try FineTunedBackbone(model, FineTuningSettings())
    let generator = try Generator(seed: 4)
    let pixels = try Tensor.randn([2, 3, 28, 42], generator: generator)
    let weight = try Tensor.randn([2, 7, 32], generator: generator)
    let images = ImageBatch(
      values: try pixels.floats(), count: 2, size: Size(height: 28, width: 42))

    let rows = try await backbone.rows(of: images, after: [0, 1], normalize: true)
    try (rows * rows * weight).sum().backward()
    #expect(model.parameters.parameters.allSatisfy { $0.value.grad == nil })
    try backbone.propagate()

    let layers = try plain.intermediateLayers(pixels, .listed([0, 1]), normalize: true)
    let tokens = try Tensor.cat(
      layers.map { try Tensor.cat([$0.clsToken.unsqueeze(dim: 1), $0.patchTokens], dim: 1) },
      dim: 2)
    try (tokens * tokens * weight).sum().backward()
    for (one, other) in zip(model.parameters.parameters, plain.parameters.parameters) {
      let (found, expected) = (one.value.grad, other.value.grad)
      #expect((found == nil) == (expected == nil), "\(one.name)")
      guard let found, let expected else { continue }
      #expect(try (found - expected).abs().max().item() <= 1e-5, "\(one.name)")
    }
  }

  @Test("groups hold each parameter once; earlier blocks learn more slowly")
  func groups() throws {
    let model = try model()
    let groups = try FineTunedBackbone(model, FineTuningSettings()).groups(weightDecay: 0.1)

    let names = groups.flatMap { $0.group.parameters.map(\.name) }
    #expect(names.sorted() == model.parameters.parameters.map(\.name).sorted())
    for (share, group) in groups {
      for parameter in group.parameters {
        let expected: Double =
          switch parameter.name.prefix(8) {
          case "blocks.1", "norm.wei", "norm.bia": 1
          case "blocks.0": 0.75
          default: 0.75 * 0.75
          }
        #expect(share == expected, "\(parameter.name)")
        let isMatrix = parameter.name.hasSuffix("weight") && parameter.value.shape.count > 1
        #expect(group.weightDecay == (isMatrix ? 0.1 : 0), "\(parameter.name)")
      }
    }
  }

  @Test("the head learns alone at first; a run that was stopped goes on to the same bits")
  func training() async throws {
    var settings = HeadTrainingSettings()
    (settings.rates, settings.steps, settings.batch) = ([1e-3], 30, 4)
    func run(
      _ state: String, until stop: Int = .max
    ) async throws -> (outcome: HeadTrainer.Outcome, changed: [Bool], bits: [[UInt32]]) {
      let (model, before) = (try model(), try self.model())
      var tuning = FineTuningSettings()
      tuning.rate = 1e-2
      let backbone = try FineTunedBackbone(model, tuning)
      let examples = Brightness(backbone)
      let features = DenseFeatures(
        rows: try .randn([10 * 5, 32], generator: Generator(seed: 1)), blocks: 2,
        places: (0..<10).map { .init(grid: PatchGrid(height: 2, width: 2), firstRow: 5 * $0) })
      let objective = try SegmentationObjective(
        features, Array(0..<10), classes: 2, scale: 1, settings)
      var trainer = HeadTrainer(
        settings, objective, train: examples, heldOut: examples, statePath: folder.file(state))
      trainer.backbone = backbone
      var steps = 0
      var changed: [Bool] = []
      let outcome = try await trainer(
        shouldStop: { steps == stop },
        progress: { step, _ in
          steps = step
          let pair = [model, before].map {
            try? $0.parameters["blocks.1.mlp.fc1.weight"]?.value.floats()
          }
          changed.append(pair[0] != pair[1])
        })
      let bits = try (objective.parameters.parameters + model.parameters.parameters)
        .map { try $0.value.floats().map(\.bitPattern) }
      return (outcome, changed, bits)
    }

    let whole = try await run("whole")
    guard case .finished(_, let scores) = whole.outcome else {
      Issue.record("the training did not finish")
      return
    }
    #expect(scores[0] > 0.95, "\(scores)")
    // Three tenths of thirty steps.
    #expect(whole.changed[..<9].allSatisfy { !$0 } && whole.changed[9...].allSatisfy { $0 })

    // While the head learns alone, and after.
    for stop in [5, 14] {
      let first = try await run("part-\(stop)", until: stop)
      guard case .stopped(stop) = first.outcome else {
        Issue.record("the training was not stopped")
        return
      }
      #expect(try await run("part-\(stop)").bits == whole.bits)
    }
  }
}
