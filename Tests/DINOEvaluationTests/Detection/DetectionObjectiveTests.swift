import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing
import Torch

/// Images whose patches say little, each with objects at random places: only learning by heart finds them.
private struct Memorised {
  static let width = 8
  static let config: DetectionHeadConfig = {
    var config = DetectionHeadConfig(
      embedDim: Memorised.width, taps: 1, patchSize: 14, classes: 3)
    config.channels = 32
    return config
  }()
  let features: DenseFeatures
  let targets: [DenseTarget?]

  init(images: Int) throws {
    let generator = try Generator(seed: 3)
    var places: [DenseFeatures.Place?] = []
    var targets: [DenseTarget?] = []
    var row = 0
    for index in 0..<images {
      let grid = index % 4 == 0 ? PatchGrid(height: 5, width: 7) : PatchGrid(height: 6, width: 6)
      places.append(.init(grid: grid, firstRow: row))
      row += 1 + grid.count
      let draws = try Tensor.rand([8], generator: generator).floats()
      targets.append(
        .boxes(
          (0..<2).map { object in
            let x = draws[4 * object] * 40
            let y = draws[4 * object + 1] * 30
            return TargetBox(
              [x, y, x + 16 + 20 * draws[4 * object + 2], y + 16 + 20 * draws[4 * object + 3]],
              category: (index + object) % 3)
          }))
    }
    features = DenseFeatures(
      rows: try .randn([row, Self.width], generator: generator), blocks: 1, places: places)
    self.targets = targets
  }

  var examples: CachedExamples {
    CachedExamples(features, targets: targets, Array(targets.indices))
  }
}

@Suite("Training of a detection head")
struct DetectionObjectiveTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func settings(steps: Int, _ rates: [Double] = [3e-3]) -> HeadTrainingSettings {
    var settings = HeadTrainingSettings()
    (settings.steps, settings.batch, settings.rates, settings.weightDecay) = (steps, 5, rates, 0)
    return settings
  }

  private func trainer(
    _ data: Memorised, _ objective: DetectionObjective, _ settings: HeadTrainingSettings,
    state: String
  ) -> HeadTrainer {
    HeadTrainer(
      settings, objective, train: data.examples,
      heldOut: CachedExamples(data.features, targets: data.targets, []),
      statePath: folder.file(state))
  }

  @Test("learns 20 images by heart; of two rates the one that learns wins")
  func overfits() async throws {
    let data = try Memorised(images: 20)
    let settings = settings(steps: 320, [1e-6, 5e-3])
    let objective = try DetectionObjective(Memorised.config, settings)
    var losses: [Double] = []

    let outcome = try await trainer(data, objective, settings, state: "a")(
      progress: { _, step in losses += step.suffix(1) })

    guard case .finished(let best, let scores) = outcome else {
      Issue.record("did not finish")
      return
    }
    #expect(best == 1 && scores[1] > 0.95 && scores[0] < 0.1, "\(scores)")
    let early = losses.prefix(5).reduce(0, +) / 5
    let late = losses.suffix(20).reduce(0, +) / 20
    #expect(late < 0.3 * early)
    // The parameters of the winner are those of a head of its own.
    let head = try DetectionHead(Memorised.config, in: ParameterScope(seed: 1))
    try head.parameters.load(
      Dictionary(uniqueKeysWithValues: objective.head(best).map { ($0.name, $0.tensor) }))
  }

  @Test("a training that is stopped and goes on ends with the same bits")
  func resuming() async throws {
    let data = try Memorised(images: 6)
    let settings = settings(steps: 8)
    func run(_ state: String, stopsAt: Int?) async throws -> [Float] {
      let objective = try DetectionObjective(Memorised.config, settings)
      var steps = 0
      let outcome = try await trainer(data, objective, settings, state: state)(
        shouldStop: { steps == stopsAt }, progress: { step, _ in steps = step })
      if case .stopped = outcome { return try await run(state, stopsAt: nil) }
      return try objective.head(0).flatMap { try $0.tensor.floats() }
    }

    let whole = try await run("whole", stopsAt: nil)
    let parts = try await run("parts", stopsAt: 3)

    #expect(whole == parts && whole.allSatisfy(\.isFinite))
  }

  @Test("the gradient of the whole loss is that of finite differences, in float64")
  func gradient() async throws {
    let data = try Memorised(images: 3)
    let objective = try DetectionObjective(Memorised.config, settings(steps: 1), dtype: .float64)
    let store = ParameterStore(initializingFrom: try Generator(seed: 2), dtype: .float64)
    let head = try DetectionHead(Memorised.config, in: store.root)
    let features = DenseFeatures(
      rows: try data.features.rows.to(dtype: .float64), blocks: 1, places: data.features.places)
    let examples = try await CachedExamples(features, targets: data.targets, [1, 2])
      .examples([0, 1], step: 0)
    let patches = try DetectionObjective.patches(examples)
    // Which place finds what carries no gradient, so it is held.
    let targets = try objective.targets(of: examples, head(patches))
    func value() throws(TorchError) -> Tensor { try objective.loss(head(patches), targets) }

    try value().backward()

    #expect(targets.places.count > 4 && targets.weights.contains { $0 > 0.1 })
    for parameter in store.parameters {
      let gradient = try #require(parameter.value.grad).array(of: Double.self)
      let index = gradient.count / 2
      func moved(_ change: Double) throws -> Double {
        let shift = (0..<gradient.count).map { $0 == index ? change : 0 }
        return try withoutGradient { () throws(TorchError) in
          try parameter.value.add(inPlace: Tensor(shift, parameter.value.shape))
          return try value().item()
        }
      }
      let step = 1e-5
      let above = try moved(step)
      let below = try moved(-2 * step)
      _ = try moved(step)
      let numeric = (above - below) / (2 * step)
      #expect(
        abs(numeric - gradient[index]) <= 1e-5 * max(1, abs(numeric)),
        "\(parameter.name): \(gradient[index]), numeric \(numeric)")
    }
  }

  @Test("images without objects, and with crowds alone, give a loss and no positives")
  func empty() async throws {
    let data = try Memorised(images: 2)
    let objective = try DetectionObjective(Memorised.config, settings(steps: 1))
    let head = try DetectionHead(Memorised.config, in: ParameterScope(seed: 4))
    let crowd = TargetBox([0, 0, 80, 80], category: 0, isCrowd: true)
    let cases: [[TargetBox]] = [[], [crowd], [TargetBox([0, 0, 20, 20], category: 99)]]
    var losses: [Double] = []
    for boxes in cases {
      let examples = try await CachedExamples(
        data.features, targets: [nil, .boxes(boxes)], [1]
      ).examples([0], step: 0)
      let output = try head(DetectionObjective.patches(examples))
      let targets = try objective.targets(of: examples, output)
      let loss = try objective.loss(output, targets)
      #expect(targets.weights.isEmpty)
      losses.append(try loss.item())
    }

    // Almost all places lie in the crowd.
    #expect(losses[0] > 0 && losses[1] < losses[0] / 2 && losses[2] == losses[0])
  }
}

@Suite("Boxes of a view")
struct TargetBoxTests {
  private let preprocessing: Preprocessing = {
    var preprocessing = Preprocessing(resize: 40, crop: nil)
    preprocessing.patchSize = 1
    return preprocessing
  }()

  private func object(
    _ left: Double, _ top: Double, _ width: Double, _ height: Double, _ category: Int = 0
  ) -> DetectionData.Object {
    .init(
      category: category, box: BoundingBox(left: left, top: top, width: width, height: height),
      area: width * height, isCrowd: false)
  }

  @Test("boxes are scaled and moved by the padding, and cut at the image")
  func whole() throws {
    // 80 × 120 becomes 40 × 60, padded to 42 × 70: one row above, five columns to the left.
    let view = try DenseView(
      of: Size(height: 80, width: 120), preprocessing, patchSize: 14)
    let targets = view.targets([
      object(20, 10, 40, 20, 3), object(-10, -4, 30, 24), object(130, 0, 9, 9),
    ])

    #expect(targets.count == 2)
    #expect(targets[0].edges == [15, 6, 35, 16] && targets[0].category == 3)
    #expect(targets[1].edges == [5, 1, 15, 11] && !targets[1].isCrowd)
  }
}
