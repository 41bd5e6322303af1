import DINOInference
import DINOModels
import Imaging
import Testing

@Suite("PatchMatching")
struct PatchMatchingTests {
  private let grid = PatchGrid(height: 9, width: 11)
  private let width = 24

  private func randomMap(seed: UInt64) -> PatchMap {
    var numbers = PlantedNumbers(seed: seed)
    return PatchMap(values: numbers.next(grid.count * width), grid: grid, width: width)
  }

  /// All pairs of all patches.
  private var all: PatchMatching.Options {
    var options = PatchMatching.Options()
    (options.most, options.radius, options.foreground) = (1_000, 0, .everything)
    return options
  }

  @Test("recovers a planted permutation, whatever the lengths of the tokens")
  func permutation() throws {
    let first = randomMap(seed: 1)
    var numbers = PlantedNumbers(seed: 2)
    let order = numbers.permutation(grid.count)
    let values = order.flatMap { patch in
      let scale = 2 + numbers.next()
      return first.values[patch * width..<(patch + 1) * width].map {
        scale * ($0 + 0.1 * numbers.next())
      }
    }
    let second = PatchMap(values: values, grid: grid, width: width)

    let matches = try PatchMatching(first, second, all).matches

    #expect(matches.count == grid.count)
    for match in matches { #expect(order[match.second] == match.first && match.similarity > 0.9) }
  }

  @Test("pairs keep their distance in both images, the best ones first")
  func suppression() throws {
    let (first, second) = (randomMap(seed: 3), randomMap(seed: 4))
    var options = all
    options.radius = 2.5

    let matching = try PatchMatching(first, second, options)

    let matches = matching.matches
    #expect(matches.count > 3 && matches.count < matching.candidates)
    #expect(matches[0] == (try PatchMatching(first, second, all).matches[0]))
    for (index, one) in matches.enumerated() {
      for other in matches[..<index] {
        #expect(other.similarity >= one.similarity)
        for (a, b) in [(one.first, other.first), (one.second, other.second)] {
          let (rows, columns) = (a / 11 - b / 11, a % 11 - b % 11)
          #expect(Double(rows * rows + columns * columns) >= 6.25)
        }
      }
    }
  }

  @Test("of equal patches the first ones are taken")
  func ties() throws {
    let small = PatchGrid(height: 1, width: 5)
    let map = PatchMap(values: [1, 0, 1, 0, 0, 1, 0, 1, 2, 0], grid: small, width: 2)

    let matches = try PatchMatching(map, map, all).matches

    #expect(matches.map(\.first) == [0, 2] && matches.map(\.second) == [0, 2])
  }

  @Test("obeys the number and the least similarity of the options")
  func limits() throws {
    let (first, second) = (randomMap(seed: 5), randomMap(seed: 6))
    var few = all
    few.most = 5
    var similar = all
    similar.threshold = 0.6

    let matches = try PatchMatching(first, second, all).matches

    #expect(try PatchMatching(first, second, few).matches == Array(matches.prefix(5)))
    #expect(
      try PatchMatching(first, second, similar).matches == matches.filter { $0.similarity >= 0.6 })
  }

  @Test("only foreground patches take part unless asked otherwise")
  func foreground() throws {
    let first = mapWithBlob(grid, rows: 2..<7, columns: 3..<8, seed: 1)
    let second = mapWithBlob(grid, rows: 3..<7, columns: 2..<8, seed: 2)

    let matches = try PatchMatching(first, second).matches

    #expect(!matches.isEmpty)
    for match in matches {
      #expect((2..<7).contains(match.first / 11) && (3..<8).contains(match.first % 11))
      #expect((3..<7).contains(match.second / 11) && (2..<8).contains(match.second % 11))
    }
  }

  @Test("draws both images with the ends of the lines on the patches")
  func picture() throws {
    let map = randomMap(seed: 7)
    var options = all
    options.most = 1
    let matching = try PatchMatching(map, map, options)
    let size = Size(height: 126, width: 154)
    let view = PatchMatching.View(
      image: try PixelBuffer(size: size, fill: .black),
      geometry: try PatchGeometry(
        imageSize: size, Preprocessing(resize: nil, crop: nil), grid: grid))

    let picture = try matching.picture(view, view)

    #expect(picture.size == Size(height: 126, width: 154 + 16 + 154))
    let end = view.geometry.viewCenter(of: matching.matches[0].first)
    #expect(picture.color(row: Int(end.row), column: Int(end.column)) != .black)
  }

  @Test("refuses images of different models and tokens that are not finite")
  func refusals() {
    let map = randomMap(seed: 8)
    let other = PatchMap(values: [1, 2, 3, 4], grid: PatchGrid(height: 1, width: 1), width: 4)
    let broken = PatchMap(
      values: [Float](repeating: .infinity, count: width), grid: PatchGrid(height: 1, width: 1),
      width: width)

    #expect(throws: InferenceError.self) { try PatchMatching(map, other) }
    #expect(throws: InferenceError.self) { try PatchMatching(map, broken, all) }
  }
}
