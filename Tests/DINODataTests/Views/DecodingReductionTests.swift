import DINOData
import Imaging
import Testing

@Suite("Reduction of JPEG files for crops")
struct DecodingReductionTests {
  /// Crops that are the whole image at most, squares, without local ones.
  private func globals(side: Int, scale: Double = 1) -> MultiCropConfig {
    var config = MultiCropConfig()
    config.globalSize = side
    config.globalScale = scale...1
    config.aspect = 1...1
    config.localCount = 0
    return config
  }

  @Test(
    "the factor rises where the reserve of two is reached, and no pixel earlier",
    arguments: [(1, 1), (39, 1), (40, 2), (79, 2), (80, 4), (159, 4), (160, 8), (4_000, 8)])
  func boundaries(side: Int, factor: Int) {
    #expect(globals(side: 10).reduction(for: Size(height: side, width: side)) == factor)
  }

  @Test("shares count for the area")
  func shares() {
    let config = globals(side: 10, scale: 0.25)
    #expect(config.reduction(for: Size(height: 79, width: 79)) == 1)
    #expect(config.reduction(for: Size(height: 80, width: 80)) == 2)
  }

  @Test("the narrowest ratio counts, from either end", arguments: [0.25...1.0, 0.5...4.0])
  func ratios(aspect: ClosedRange<Double>) {
    var config = globals(side: 10)
    config.aspect = aspect
    #expect(config.reduction(for: Size(height: 79, width: 79)) == 1)
    #expect(config.reduction(for: Size(height: 80, width: 80)) == 2)
  }

  @Test("no crop is taller or wider than the image")
  func longImages() {
    let config = globals(side: 10)
    for size in [Size(height: 40, width: 60_000), Size(height: 60_000, width: 40)] {
      #expect(config.reduction(for: size) == 2)
    }
    #expect(config.reduction(for: Size(height: 39, width: 60_000)) == 1)
  }

  @Test("local crops count if there are any")
  func locals() {
    var config = globals(side: 10)
    config.localSize = 20
    config.localScale = 1...1
    let size = Size(height: 160, width: 160)
    #expect(config.reduction(for: size) == 8)
    config.localCount = 1
    #expect(config.reduction(for: size) == 4)
  }

  /// Shares and sides of the presets.
  private static let recipes: [(global: (Int, Double), local: (Int, Double), phone: Int)] = [
    ((70, 0.5), (28, 0.15), 8), ((224, 0.32), (98, 0.05), 2), ((224, 0.32), (96, 0.05), 2),
    ((32, 0.32), (16, 0.05), 8),
  ]

  @Test("an image of 98 pixels is never reduced, one of 12 megapixels is", arguments: 0..<3)
  func presets(number: Int) {
    let recipe = Self.recipes[number]
    var config = MultiCropConfig()
    (config.globalSize, config.globalScale) = (recipe.global.0, recipe.global.1...1)
    (config.localSize, config.localScale) = (recipe.local.0, recipe.local.1...0.5)
    #expect(config.reduction(for: Size(height: 98, width: 98)) == 1)
    #expect(config.reduction(for: Size(height: 3_000, width: 4_000)) == recipe.phone)
    #expect(config.reduction(for: Size(height: 4_000, width: 3_000)) == recipe.phone)
  }

  @Test("every crop that is drawn keeps the reserve")
  func draws() {
    var config = MultiCropConfig()
    (config.globalSize, config.localSize) = (28, 12)
    let multiCrop = MultiCrop(config, seed: 3)
    var factors: Set<Int> = []
    for size in [
      Size(height: 211, width: 346), Size(height: 900, width: 1_200),
      Size(height: 300, width: 3_000), Size(height: 1_801, width: 399),
    ] {
      let factor = config.reduction(for: size)
      factors.insert(factor)
      let small = Size(
        height: (size.height + factor - 1) / factor, width: (size.width + factor - 1) / factor)
      for position in 0..<500 {
        for view in multiCrop.parameters(for: small, at: position) {
          // Sides are rounded to whole pixels.
          #expect(2 * view.side <= min(view.box.height, view.box.width) + 1)
        }
      }
    }
    #expect(factors == [2, 4, 8])
  }
}
