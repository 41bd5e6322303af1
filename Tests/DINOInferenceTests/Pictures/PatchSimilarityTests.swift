import DINOInference
import DINOModels
import Imaging
import Testing

@Suite("PatchSimilarity")
struct PatchSimilarityTests {
  private let grid = PatchGrid(height: 5, width: 7)
  private let map: PatchMap

  init() {
    var numbers = PlantedNumbers(seed: 9)
    map = PatchMap(values: numbers.next(35 * 18), grid: grid, width: 18)
  }

  @Test("is 1 at the chosen patches and less elsewhere")
  func chosen() throws {
    let values = try PatchSimilarity(to: [11, 30], of: map)(map)

    for (patch, value) in values.enumerated() {
      #expect(patch == 11 || patch == 30 ? abs(value - 1) < 1e-6 : value < 0.95)
    }
  }

  @Test("is the cosine, and of several patches the greatest")
  func cosine() throws {
    let (a, b) = (try PatchSimilarity(to: [3], of: map), try PatchSimilarity(to: [4], of: map))

    let both = try PatchSimilarity(to: [3, 4], of: map)(map)

    #expect(both == zip(try a(map), try b(map)).map { max($0, $1) })
    let tokens = (map.values[54..<72], map.values[180..<198])
    let product = zip(tokens.0, tokens.1).reduce(Float(0)) { $0 + $1.0 * $1.1 }
    let lengths =
      tokens.0.reduce(Float(0)) { $0 + $1 * $1 }
      * tokens.1.reduce(Float(0)) { $0 + $1 * $1 }
    #expect(abs(try a(map)[10] - product / lengths.squareRoot()) < 1e-5)
  }

  @Test("draws maps of the image's size")
  func picture() throws {
    let image = try PixelBuffer(size: Size(height: 70, width: 98), fill: .white)
    let geometry = try PatchGeometry(
      imageSize: image.size, Preprocessing(resize: nil, crop: nil), grid: grid)

    let picture = try PatchSimilarity.Picture(
      of: PatchSimilarity(to: [0], of: map)(map), on: image, geometry, range: 0...1)

    #expect(picture.map.size == image.size && picture.overlay.size == image.size)
    #expect(picture.map.color(row: 0, column: 0) == ColorMap.turbo.color(at: 1))
  }

  @Test("refuses no patch, a patch outside the grid and another model's image")
  func refusals() throws {
    let other = PatchMap(values: [1, 2], grid: PatchGrid(height: 1, width: 1), width: 2)

    for patches in [[], [35], [-1]] {
      #expect(throws: InferenceError.self) { try PatchSimilarity(to: patches, of: map) }
    }
    #expect(throws: InferenceError.self) { try PatchSimilarity(to: [0], of: map)(other) }
  }
}
