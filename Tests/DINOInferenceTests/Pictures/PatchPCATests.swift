import DINOInference
import DINOModels
import Imaging
import Testing

@Suite("PatchPCA")
struct PatchPCATests {
  private let first = mapWithBlob(
    PatchGrid(height: 10, width: 14), rows: 3..<8, columns: 4..<11, seed: 1)
  private let second = mapWithBlob(
    PatchGrid(height: 12, width: 9), rows: 2..<9, columns: 3..<7, seed: 2)

  @Test("the foreground is the planted blob, with the sign that the middle decides")
  func blob() throws {
    let colors = try PatchPCA.fit([first, second]).colors(of: first)

    for index in 0..<140 {
      let isBlob = (3..<8).contains(index / 14) && (4..<11).contains(index % 14)
      #expect(colors.isForeground[index] == isBlob)
    }
  }

  @Test("the other side of the threshold can be taken")
  func inverted() throws {
    var options = PatchPCA.Options()
    options.foreground = .below(nil)

    let colors = try PatchPCA.fit([first, second], options).colors(of: first)

    let plain = try PatchPCA.fit([first, second]).colors(of: first)
    #expect(colors.isForeground == plain.isForeground.map { !$0 })
  }

  @Test("the share of the foreground is that of the blobs, or all")
  func share() throws {
    var options = PatchPCA.Options()
    options.foreground = .everything

    #expect(try PatchPCA.fit([first, second]).foregroundShare == 63.0 / 248)
    #expect(try PatchPCA.fit([first, second], options).foregroundShare == 1)
    #expect(try PatchPCA.fit([first, second], options).threshold == nil)
  }

  @Test("the components of the foreground are the planted directions")
  func components() throws {
    let axes = try PatchPCA.fit([first, second]).components.axes

    for (axis, place) in zip(axes, [1, 2, 3]) { #expect(abs(axis[place]) > 0.98) }
  }

  @Test("the three components explain nearly all of the planted variance, in falling order")
  func explained() throws {
    let explained = try PatchPCA.fit([first, second]).explainedVariance

    #expect(explained.reduce(0, +) > 0.95 && explained.reduce(0, +) <= 1)
    #expect(explained == explained.sorted(by: >))
  }

  @Test("the order of the images does not matter")
  func order() throws {
    let (there, back) = (
      try PatchPCA.fit([first, second]), try PatchPCA.fit([second, first])
    )

    for map in [first, second] {
      let (a, b) = (try there.colors(of: map), try back.colors(of: map))
      #expect(a.isForeground == b.isForeground)
      let difference = zip(a.picture.storage, b.picture.storage).map { abs(Int($0) - Int($1)) }
      #expect((difference.max() ?? 9) <= 1)
    }
  }

  @Test("a fitted projection serves an image that it has not seen")
  func further() throws {
    let frame = mapWithBlob(
      PatchGrid(height: 8, width: 8), rows: 0..<3, columns: 0..<3, seed: 7)

    let colors = try PatchPCA.fit([first, second]).colors(of: frame)

    #expect(colors.isForeground.count { $0 } == 9 && colors.isForeground[0])
  }

  @Test("background has the colour of the options, foreground uses the whole range")
  func drawing() throws {
    var options = PatchPCA.Options()
    options.background = RGB(1, 2, 3)

    let picture = try PatchPCA.fit([first], options).colors(of: first).picture

    #expect(picture.color(row: 0, column: 0) == RGB(1, 2, 3))
    let reds = (3..<8).flatMap { row in
      (4..<11).compactMap { picture.color(row: row, column: $0)?.red }
    }
    #expect(reds.min() == 0 && reds.max() == 255)
  }

  @Test("the overlay has the size of the image, dims the background and colours the rest")
  func overlay() throws {
    let image = try PixelBuffer(size: Size(height: 100, width: 140), fill: RGB(200, 200, 200))
    let colors = try PatchPCA.fit([first]).colors(of: first)

    let overlay = try colors.overlay(on: image)

    #expect(overlay.size == image.size)
    #expect(overlay.color(row: 0, column: 0) == RGB(44, 44, 44))
    let inside = try #require(overlay.color(row: 55, column: 75))
    #expect(inside.red != inside.green || inside.green != inside.blue)
  }

  @Test("refuses what cannot be fitted, with a reason")
  func refusals() throws {
    let grid = PatchGrid(height: 2, width: 2)
    let equal = PatchMap(values: [Float](repeating: 1, count: 64), grid: grid, width: 16)
    let narrow = PatchMap(values: [1, 2, 3, 4], grid: grid, width: 1)
    let broken = PatchMap(
      values: [.nan] + [Float](repeating: 1, count: 63), grid: grid, width: 16)

    for maps in [[], [first, narrow], [narrow], [equal], [broken]] {
      #expect(throws: InferenceError.self) { try PatchPCA.fit(maps) }
    }
    #expect(throws: InferenceError.self) { try PatchPCA.fit([first]).colors(of: narrow) }
  }
}
