import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Testing
import Torch

/// Features that carry what is to be learnt, and the targets.
private struct Planted {
  let features: DenseFeatures
  let targets: [DenseTarget]
  static let width = 6
  static let blocks = 2

  /// Images of two grids; the class of a patch, or its depth, is a function of its first features.
  init(images: Int, isDepth: Bool, scale: Int) throws {
    let generator = try Generator(seed: 5)
    var rows: [Tensor] = []
    var places: [DenseFeatures.Place?] = []
    var targets: [DenseTarget] = []
    var first = 0
    for index in 0..<images {
      let grid = index % 3 == 0 ? PatchGrid(height: 3, width: 5) : PatchGrid(height: 4, width: 4)
      let columns = Self.width * Self.blocks
      // Far from mean 0 and deviation 1, as real features are.
      let tokens =
        try Tensor.randn([1 + grid.count, columns], generator: generator) * 3.0 + 7.0
      rows.append(tokens)
      places.append(.init(grid: grid, firstRow: first))
      first += 1 + grid.count
      let values = try tokens.floats()
      let targetGrid = (height: grid.height * scale, width: grid.width * scale)
      var labels: [UInt16] = []
      var metres: [Float] = []
      for row in 0..<targetGrid.height {
        for column in 0..<targetGrid.width {
          let patch = 1 + row / scale * grid.width + column / scale
          let (a, b) = (values[patch * columns] - 7, values[patch * columns + Self.width] - 7)
          // What lies near a border between classes is left out.
          let isClear = abs(a) > 1 && abs(b) > 1
          labels.append(isClear ? (a > 0 ? 1 : 0) + (b > 0 ? 2 : 0) : SegmentationData.ignoredLabel)
          metres.append(isClear ? 2 + a / 10 : 0)
        }
      }
      targets.append(isDepth ? .depth(metres) : .labels(labels))
    }
    features = DenseFeatures(
      rows: try .cat(rows, dim: 0), blocks: Self.blocks, places: places)
    self.targets = targets
  }

  func examples(_ indices: Range<Int>) -> CachedExamples {
    CachedExamples(features, targets: targets, Array(indices))
  }

  /// The maps of an image, one per block.
  func taps(_ index: Int) throws -> [FeatureTap] {
    let place = try #require(features.places[index])
    let (patches, cls) = (try features.patches(place), try features.clsToken(place))
    return try (0..<Self.blocks).map { block in
      let columns = block * Self.width..<(block + 1) * Self.width
      return try FeatureTap(
        maps: patches.narrow(dim: 1, columns).contiguous()
          .reshape(1, place.grid.height, place.grid.width, Self.width).permute(0, 3, 1, 2)
          .contiguous(),
        clsToken: cls.narrow(dim: 1, columns).contiguous())
    }
  }
}

@Suite("Training of dense heads")
struct HeadTrainerTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func settings(_ rates: [Double], steps: Int = 200) -> HeadTrainingSettings {
    var settings = HeadTrainingSettings()
    (settings.rates, settings.steps, settings.batch) = (rates, steps, 4)
    return settings
  }

  private func trainer(
    _ planted: Planted, _ objective: any HeadObjective, _ settings: HeadTrainingSettings,
    state: String = "state.safetensors"
  ) -> HeadTrainer {
    HeadTrainer(
      settings, objective, train: planted.examples(0..<9), heldOut: planted.examples(9..<12),
      statePath: folder.file(state))
  }

  private func finished(
    _ outcome: HeadTrainer.Outcome
  ) throws -> (best: Int, scores: [Double]) {
    guard case .finished(let best, let scores) = outcome else {
      throw TorchError("test", "the training did not finish")
    }
    return (best, scores)
  }

  @Test("a segmentation head learns what is planted, and the best learning rate wins")
  func segmentation() async throws {
    let planted = try Planted(images: 12, isDepth: false, scale: 1)
    let settings = settings([1e-7, 3e-2])
    let objective = try SegmentationObjective(
      planted.features, Array(0..<9), classes: 4, scale: 1, settings)

    let (best, scores) = try finished(
      await trainer(planted, objective, settings)(progress: { _, _ in }))

    #expect(best == 1 && scores[1] > 0.97 && scores[0] < 0.6, "\(scores)")
    // The head of the folder says the same as the candidate: its batch norm holds the statistics.
    let (config, parameters) = try objective.head(best, steps: settings.steps)
    let head = try LinearSegmentationHead(config, in: ParameterScope(seed: 9))
    try head.parameters.load(Dictionary(uniqueKeysWithValues: parameters))
    var evaluator = SegmentationEvaluator(classes: 4, ignoreIndex: 65_535)
    for index in 9..<12 {
      guard case .labels(let labels) = planted.targets[index] else { continue }
      let predicted = try head(planted.taps(index).map(\.maps)).argmax(dim: 1)
      try evaluator.add(predicted.array(of: Int64.self), labels: labels)
    }
    #expect(abs(evaluator.metrics.mIoU - scores[1]) < 1e-9)
  }

  @Test(
    "a depth head learns what is planted; its weights hold the standardisation", arguments: [1, 2])
  func depth(scale: Int) async throws {
    let planted = try Planted(images: 12, isDepth: true, scale: scale)
    let settings = settings([1e-6, 3e-2])
    let objective = try LinearDepthObjective(
      planted.features, Array(0..<9), range: 0.5...4, scale: scale, settings)

    let (best, scores) = try finished(
      await trainer(planted, objective, settings)(progress: { _, _ in }))

    #expect(best == 1 && -scores[1] < 0.6 * -scores[0], "\(scores)")
    var (config, parameters) = try objective.head(best)
    config.upsampling = scale
    let head = try LinearDepthHead(config, in: ParameterScope(seed: 9))
    try head.parameters.load(Dictionary(uniqueKeysWithValues: parameters))
    var sum = 0.0
    for index in 9..<12 {
      guard case .depth(let truth) = planted.targets[index] else { continue }
      let predicted = try head(planted.taps(index)).clamped(from: 0.5, to: 4).floats()
      let pixels = zip(predicted, truth).filter { $1 > 0 }
        .map { (prediction: Double($0), truth: Double($1)) }
      sum += DepthMetrics.compare(pixels).rmse
    }
    #expect(abs(sum / 3 + scores[1]) < 1e-4, "\(sum / 3) \(scores[1])")
  }

  @Test("a DPT head gets better, and is written under the released names")
  func dpt() async throws {
    let generator = try Generator(seed: 1)
    let grid = PatchGrid(height: 2, width: 3)
    let rows = try Tensor.randn([4 * 7, 4 * 8], generator: generator)
    let features = DenseFeatures(
      rows: rows, blocks: 4,
      places: (0..<4).map { DenseFeatures.Place(grid: grid, firstRow: 7 * $0) })
    let targets = (0..<4).map { index in
      DenseTarget.depth([Float](repeating: 1 + Float(index % 2), count: 6 * 16))
    }
    var sizes = DPTDepthHeadConfig(embedDim: 8)
    (sizes.channels, sizes.maxDepth) = (8, 4)
    let settings = settings([3e-3], steps: 40)
    let objective = try DPTDepthObjective(sizes, scale: 4, settings)
    let examples = CachedExamples(features, targets: targets, [0, 1, 2, 3])
    let trainer = HeadTrainer(
      settings, objective, train: examples, heldOut: CachedExamples(features, targets: [], []),
      statePath: folder.file("dpt"))
    var losses: [Double] = []

    let (best, _) = try finished(await trainer(progress: { losses.append($1.first ?? .nan) }))

    #expect(losses.count == 40 && losses[39] < 0.5 * losses[1], "\(losses)")
    let (config, parameters) = try objective.head(best)
    let head = try DPTDepthHead(config, in: ParameterScope(seed: 2))
    try head.parameters.load(Dictionary(uniqueKeysWithValues: parameters))
    #expect(head.parameters["conv_depth.head.4.bias"] != nil)
  }

  @Test("a training that was stopped and goes on ends with the same bits")
  func resuming() async throws {
    let planted = try Planted(images: 12, isDepth: false, scale: 2)
    let settings = settings([1e-3, 1e-2], steps: 25)
    func objective() throws -> SegmentationObjective {
      try SegmentationObjective(
        planted.features, Array(0..<9), classes: 4, scale: 2, settings)
    }
    func bits(_ objective: SegmentationObjective) throws -> [[UInt32]] {
      try objective.parameters.parameters.map { try $0.value.floats().map(\.bitPattern) }
    }
    let whole = try objective()
    let expected = try finished(
      await trainer(planted, whole, settings, state: "whole")(progress: { _, _ in }))

    let first = try objective()
    var steps = 0
    let outcome = try await trainer(planted, first, settings)(
      shouldStop: { steps == 11 }, progress: { step, _ in steps = step })
    guard case .stopped(let step) = outcome else {
      Issue.record("the training was not stopped")
      return
    }
    let second = try objective()
    var resumed: [Int] = []
    let found = try finished(
      await trainer(planted, second, settings)(progress: { step, _ in resumed.append(step) }))

    #expect(step == 11 && resumed == Array(11...25))
    #expect(try bits(second) == bits(whole) && found.scores == expected.scores)

    var others = settings
    others.seed = 4
    let error = await #expect(throws: InferenceError.self) {
      try await trainer(planted, objective(), others)()
    }
    #expect(error.map { "\($0)" }?.contains("--overwrite") == true)
  }

  @Test("nothing can be chosen without a known pixel")
  func nothingKnown() async throws {
    let planted = try Planted(images: 3, isDepth: false, scale: 1)
    let blank = planted.targets.map { target -> DenseTarget in
      guard case .labels(let labels) = target else { return target }
      return .labels(labels.map { _ in SegmentationData.ignoredLabel })
    }
    let settings = settings([1e-3], steps: 2)
    let objective = try SegmentationObjective(
      planted.features, [0, 1], classes: 4, scale: 1, settings)
    let trainer = HeadTrainer(
      settings, objective, train: CachedExamples(planted.features, targets: blank, [0, 1]),
      heldOut: CachedExamples(planted.features, targets: blank, [2]),
      statePath: folder.file("none"))

    let error = await #expect(throws: InferenceError.self) { try await trainer() }
    #expect(error.map { "\($0)" }?.contains("no known pixel") == true)
  }
}
