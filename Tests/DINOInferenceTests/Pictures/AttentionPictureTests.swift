import DINOInference
import DINOModels
import Imaging
import Testing

@Suite("AttentionPicture")
struct AttentionPictureTests {
  private let grid = PatchGrid(height: 6, width: 8)
  private let map: AttentionMap

  init() {
    var numbers = PlantedNumbers(seed: 6)
    let raw = numbers.next(3 * grid.count).map { 1 + $0 }
    let sum = raw.reduce(0, +)
    map = AttentionMap(values: raw.map { 2.1 * $0 / sum }, heads: 3, grid: grid)
  }

  @Test("the mean is that of the heads")
  func mean() {
    let mean = map.mean

    for patch in 0..<grid.count {
      let sum = (0..<3).reduce(Float(0)) { $0 + map.weights(ofHead: $1)[patch] }
      #expect(abs(mean[patch] - sum / 3) < 1e-7)
    }
  }

  @Test("kept patches are the fewest that hold the share", arguments: [0.1, 0.5, 0.6, 0.99, 1])
  func kept(share: Double) {
    let weights = map.weights(ofHead: 1)
    let total = weights.reduce(0.0) { $0 + Double($1) }

    let kept = AttentionMap.keeping(share, of: weights).filter { $0 > 0 }

    let sum = kept.reduce(0.0) { $0 + Double($1) }
    #expect(sum >= share * total - 1e-9)
    #expect(sum - Double(kept.min() ?? 0) < share * total)
    let left = weights.sorted(by: >).dropFirst(kept.count)
    #expect((left.first ?? 0) <= (kept.min() ?? 0))
  }

  @Test("of equal patches the first ones are kept")
  func ties() {
    #expect(AttentionMap.keeping(0.5, of: [1, 1, 1, 1]) == [1, 1, 0, 0])
    #expect(AttentionMap.keeping(0.5, of: [0, 0]) == [0, 0])
  }

  @Test("the summary says what lies on patches, where most of it, and what is drawn")
  func summary() throws {
    var options = AttentionPicture.Options()
    options.keptShare = 0.5
    let values: [Float] = [0.1, 0.4, 0.1, 0.1, 0.05, 0.05]
    let map = AttentionMap(values: values, heads: 1, grid: PatchGrid(height: 2, width: 3))

    let summary = try AttentionPicture(map, options).summary(of: .head(0))

    #expect(abs(summary.patchShare - 0.8) < 1e-6)
    #expect(summary.strongest == 1 && summary.drawnPatches == 1)
  }

  @Test("the strongest patch is the brightest, where nothing is the image is dimmed")
  func overlay() throws {
    var values = [Float](repeating: 0, count: grid.count)
    values[2 * 8 + 3] = 0.5
    let image = try PixelBuffer(size: Size(height: 84, width: 112), fill: RGB(100, 100, 100))
    let picture = try AttentionPicture(AttentionMap(values: values, heads: 1, grid: grid))

    let overlay = try picture.overlay(of: .head(0), on: image)

    #expect(overlay.color(row: 80, column: 100) == RGB(55, 55, 55))
    let bright = try #require(overlay.color(row: 35, column: 49))
    #expect(bright.red > 180)
    #expect(try picture.picture(of: .mean, size: image.size).size == image.size)
  }

  @Test("refuses shares out of range and weights that are no numbers")
  func refusals() {
    for share in [0, -1, 1.1, .nan] {
      var options = AttentionPicture.Options()
      options.keptShare = share
      #expect(throws: InferenceError.self) { try AttentionPicture(map, options) }
    }
    let broken = AttentionMap(values: [.nan], heads: 1, grid: PatchGrid(height: 1, width: 1))
    #expect(throws: InferenceError.self) { try AttentionPicture(broken) }
  }
}
