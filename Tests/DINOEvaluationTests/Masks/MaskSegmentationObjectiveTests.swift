import DINOData
import DINOEvaluation
import DINOInference
import DINOModels
import DINOTestSupport
import Testing
import Torch

/// Images of several grids whose patches say their class with noise.
private struct PlantedClasses {
  let features: DenseFeatures
  let targets: [DenseTarget]
  static let classes = 3
  static let width = 6
  static let blocks = 2

  init(images: Int, scale: Int) throws {
    let generator = try Generator(seed: 8)
    var rows: [Tensor] = []
    var places: [DenseFeatures.Place?] = []
    var targets: [DenseTarget] = []
    var first = 0
    for index in 0..<images {
      let grid = index % 2 == 0 ? PatchGrid(height: 4, width: 5) : PatchGrid(height: 6, width: 4)
      let columns = Self.width * Self.blocks
      // Stripes and a corner, other ones in each image.
      let category = (0..<grid.count).map { patch in
        let (row, column) = (patch / grid.width, patch % grid.width)
        return row < 2 && column > index % 3 ? 2 : (column + index) % 4 / 2
      }
      var values = try Tensor.randn([1 + grid.count, columns], generator: generator).floats()
      for (patch, number) in category.enumerated() {
        values[(1 + patch) * columns + number] += 6
        values[(1 + patch) * columns + 7] += 20
      }
      rows.append(try Tensor(values, [1 + grid.count, columns]))
      places.append(.init(grid: grid, firstRow: first))
      first += 1 + grid.count
      targets.append(
        .labels(
          (0..<grid.count * scale * scale).map { point in
            let width = grid.width * scale
            let patch = point / width / scale * grid.width + point % width / scale
            return point % 7 == 0 ? SegmentationData.ignoredLabel : UInt16(category[patch])
          }))
    }
    features = DenseFeatures(
      rows: try .cat(rows, dim: 0), blocks: Self.blocks, places: places)
    self.targets = targets
  }

  /// The maps of an image, one per block.
  func maps(_ index: Int) throws -> [Tensor] {
    let place = try #require(features.places[index])
    let patches = try features.patches(place)
    return try (0..<Self.blocks).map { block in
      try patches.narrow(dim: 1, block * Self.width..<(block + 1) * Self.width)
        .reshape(1, place.grid.height, place.grid.width, Self.width).permute(0, 3, 1, 2)
    }
  }
}

@Suite("Training of mask heads")
struct MaskSegmentationObjectiveTests {
  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func config() -> MaskSegmentationHeadConfig {
    var config = MaskSegmentationHeadConfig(
      embedDim: PlantedClasses.width, taps: PlantedClasses.blocks,
      classes: PlantedClasses.classes)
    (config.channels, config.queries, config.layers, config.numHeads) = (16, 6, 2, 2)
    return config
  }

  private func settings(_ rates: [Double], steps: Int) -> HeadTrainingSettings {
    var settings = HeadTrainingSettings()
    (settings.rates, settings.steps, settings.batch) = (rates, steps, 4)
    return settings
  }

  @Test("four images are learnt by heart, and the written head says the same")
  func overfits() async throws {
    let planted = try PlantedClasses(images: 4, scale: 4)
    let settings = settings([5e-3], steps: 90)
    let objective = try MaskSegmentationObjective(
      config(), planted.features, [0, 1, 2, 3], scale: 4, settings)
    let examples = CachedExamples(planted.features, targets: planted.targets, [0, 1, 2, 3])
    let trainer = HeadTrainer(
      settings, objective, train: examples,
      heldOut: CachedExamples(planted.features, targets: [], []), statePath: folder.file("state"))

    guard case .finished(let best, let scores) = try await trainer() else {
      Issue.record("the training did not finish")
      return
    }

    let (sizes, parameters) = try objective.head(best)
    let head = try MaskSegmentationHead(sizes, in: ParameterScope(seed: 9))
    try head.parameters.load(Dictionary(uniqueKeysWithValues: parameters))
    var evaluator = SegmentationEvaluator(classes: 3, ignoreIndex: 65_535)
    for index in 0..<4 {
      let place = try #require(planted.features.places[index])
      guard case .labels(let labels) = planted.targets[index] else { continue }
      let predicted = try head(planted.maps(index))
        .resizedBilinear(height: 4 * place.grid.height, width: 4 * place.grid.width)
        .argmax(dim: 1)
      try evaluator.add(predicted.array(of: Int64.self), labels: labels)
    }
    #expect(evaluator.metrics.aAcc > 0.95, "\(evaluator.metrics)")
    #expect(abs(evaluator.metrics.mIoU - scores[best]) < 0.01, "\(scores)")
  }

  @Test("a step does not depend on which images are taken together")
  func grouping() async throws {
    let planted = try PlantedClasses(images: 4, scale: 4)
    let examples = try await CachedExamples(
      planted.features, targets: planted.targets, [0, 1, 2, 3]
    ).examples([0, 1, 2, 3], step: 0)
    func gradient(_ parts: [[DenseExample]]) throws -> (losses: [Double], gradient: Tensor) {
      let objective = try MaskSegmentationObjective(
        config(), planted.features, [0, 1, 2, 3], scale: 4, settings([1e-3], steps: 1))
      let losses = try parts.map { try objective.accumulate($0, step: 0)[0] }
      return (losses, try #require(objective.parameters.parameters[0].value.grad))
    }

    let whole = try gradient([examples])
    let single = try gradient(examples.map { [$0] })

    let mean = single.losses.reduce(0, +) / 4
    #expect(abs(whole.losses[0] - mean) < 1e-3 * mean, "\(whole.losses) \(single.losses)")
    let difference = try (whole.gradient * 4 - single.gradient).abs().max().item()
    #expect(try difference < 1e-3 * single.gradient.abs().max().item())
  }
}
