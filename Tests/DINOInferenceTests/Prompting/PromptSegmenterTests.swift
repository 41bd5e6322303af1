import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Testing

@Suite("PromptSegmenter")
struct PromptSegmenterTests {
  /// A picture of coloured areas and patches whose tokens tell them apart.
  private struct Planted {
    let image: PixelBuffer
    let patches: PatchMap
    let truth: [[Bool]]

    /// - Parameters:
    ///   - side: Pixels of a patch.
    ///   - grid: Patches.
    ///   - areas: Rectangles in pixels, drawn over each other.
    ///   - tokens: Whether tokens differ by area; otherwise only colours do.
    /// - Throws: `ImageError` if the image is too large.
    init(side: Int, grid: PatchGrid, areas: [Region], tokens: Bool = true) throws {
      let size = Size(height: grid.height * side, width: grid.width * side)
      var image = try PixelBuffer(size: size, fill: RGB(120, 130, 110))
      var owner = [Int](repeating: 0, count: size.height * size.width)
      for (index, area) in areas.enumerated() {
        image.fillRectangle(
          area, color: RGB(UInt8(40 + 70 * index % 200), UInt8(200 - 60 * index), 60))
        for row in area.top..<area.top + area.height {
          for column in area.left..<area.left + area.width {
            owner[row * size.width + column] = index + 1
          }
        }
      }
      let width = areas.count + 2
      var values: [Float] = []
      for patch in 0..<grid.count {
        let row = patch / grid.width * side + side / 2
        let column = patch % grid.width * side + side / 2
        var token = [Float](repeating: 0, count: width)
        if tokens { token[owner[row * size.width + column]] = 1 }
        // What all patches share, and a little of their own.
        token[width - 1] = 2
        token[0] += Float(sin(Double(patch) * 1.3)) * 0.05
        values += token
      }
      self.image = image
      patches = PatchMap(values: values, grid: grid, width: width)
      truth = (0...areas.count).map { label in owner.map { $0 == label } }
    }
  }

  private static func overlap(_ region: PromptedRegion, _ truth: [Bool]) -> Double {
    var (both, either) = (0, 0)
    for (value, known) in zip(region.mask.values, truth) {
      if value > 0 && known { both += 1 }
      if value > 0 || known { either += 1 }
    }
    return Double(both) / Double(either)
  }

  /// Whether all pixels but those within a patch of the area's border are right.
  private static func isRight(
    _ region: PromptedRegion, _ area: Region, patch: Int
  ) -> Bool {
    let (height, width) = (region.mask.size.height, region.mask.size.width)
    return (0..<height).allSatisfy { row in
      (0..<width).allSatisfy { column in
        // How far inside of the area, in pixels; below 0 outside.
        let depth = min(
          row - area.top, area.top + area.height - 1 - row, column - area.left,
          area.left + area.width - 1 - column)
        let isInside = region.mask.values[row * width + column] == 1
        return depth >= patch ? isInside : depth >= -patch || !isInside
      }
    }
  }

  /// An area that ends inside of patches, and another one beside it.
  private func two() throws -> Planted {
    try Planted(
      side: 10, grid: PatchGrid(height: 12, width: 16),
      areas: [
        Region(top: 23, left: 34, height: 48, width: 52),
        Region(top: 60, left: 100, height: 37, width: 41),
      ])
  }

  @Test("finds the clicked area up to its pixels, wherever it is clicked")
  func clicked() throws {
    let planted = try two()
    let seen = try PromptableImage(planted.image, planted.patches)

    for (row, column) in [(47.0, 60.0), (30, 40), (65, 80)] {
      let region = try seen.region(of: Clicks(positive: [Point(row: row, column: column)]))
      #expect(Self.overlap(region, planted.truth[1]) > 0.97, "\(row), \(column)")
    }
    let other = try seen.region(of: Clicks(positive: [Point(row: 80, column: 120)]))
    #expect(Self.overlap(other, planted.truth[2]) > 0.97)
    #expect(other.area == other.mask.values.count { $0 > 0 })
    let box = try #require(other.box)
    #expect(abs(box.top - 60) <= 1 && abs(box.left - 100) <= 1)
    #expect(abs(box.height - 37) <= 2 && abs(box.width - 41) <= 2)
  }

  @Test("finds an area by colour where tokens say nothing, and by tokens where colour says nothing")
  func cues() throws {
    let areas = [Region(top: 30, left: 40, height: 50, width: 60)]
    let grid = PatchGrid(height: 12, width: 16)
    let colors = try Planted(side: 10, grid: grid, areas: areas, tokens: false)
    let place = Clicks(positive: [Point(row: 55, column: 70)])
    let byColor = try PromptableImage(colors.image, colors.patches).region(of: place)
    #expect(Self.overlap(byColor, colors.truth[1]) > 0.95)

    let plain = try PixelBuffer(size: colors.image.size, fill: RGB(90, 90, 90))
    let tokens = try Planted(side: 10, grid: grid, areas: areas)
    let byToken = try PromptableImage(plain, tokens.patches).region(of: place)
    // Without edges the border cannot be known better than to a patch.
    #expect(Self.isRight(byToken, areas[0], patch: 10))
  }

  @Test("two clicks join two parts, a click beside the object keeps a part away")
  func severalClicks() throws {
    // Two alike halves with a small difference between them.
    let planted = try Planted(
      side: 10, grid: PatchGrid(height: 10, width: 16),
      areas: [
        Region(top: 20, left: 30, height: 60, width: 50),
        Region(top: 20, left: 80, height: 60, width: 50),
      ])
    let seen = try PromptableImage(planted.image, planted.patches)
    let (left, right) = (Point(row: 50, column: 50), Point(row: 50, column: 110))
    let both = zip(planted.truth[1], planted.truth[2]).map { $0 || $1 }

    let joined = try seen.region(of: Clicks(positive: [left, right]))
    let parted = try seen.region(of: Clicks(positive: [left], negative: [right]))

    #expect(Self.overlap(joined, both) > 0.95)
    #expect(Self.overlap(parted, planted.truth[1]) > 0.95)
    // Every click on the object is in the mask, every one beside it is not.
    for place in [left, right] {
      #expect(joined.mask.values[Int(place.row) * 160 + Int(place.column)] == 1)
    }
    #expect(parted.mask.values[Int(right.row) * 160 + Int(right.column)] == 0)
  }

  @Test("without refinement regions are made of whole cells, right to a patch")
  func cells() throws {
    let planted = try two()
    var settings = PromptSegmenter.Settings()
    settings.refinement = nil
    let region = try PromptableImage(planted.image, planted.patches, settings)
      .region(of: Clicks(positive: [Point(row: 47, column: 60)]))

    #expect(
      Self.isRight(region, Region(top: 23, left: 34, height: 48, width: 52), patch: 10))
    #expect(Set(region.mask.values) == [0, 1])
  }

  @Test("refuses no click, clicks outside, contradictions, odd settings and broken tokens")
  func refusals() throws {
    let planted = try two()
    let seen = try PromptableImage(planted.image, planted.patches)
    let inside = Point(row: 47, column: 60)
    func message(_ clicks: Clicks) -> String {
      do {
        _ = try seen.region(of: clicks)
        return "nothing"
      } catch { return "\(error)" }
    }

    #expect(message(Clicks(positive: [])).contains("no click"))
    #expect(message(Clicks(positive: [Point(row: 120, column: 0)])).contains("y from 0 to 119"))
    #expect(
      message(Clicks(positive: [inside], negative: [Point(row: -1, column: 0)])).contains("y -1"))
    #expect(message(Clicks(positive: [Point(row: .nan, column: 0)])).contains("not in the image"))
    #expect(message(Clicks(positive: [inside], negative: [inside])).contains("one cell"))
    for change: (inout PromptSegmenter.Settings) -> Void in [
      { $0.persistence = 1 }, { $0.persistence = .nan }, { $0.colorDistance = 0 },
      { $0.tokenContrast = -1 }, { $0.sizeExponent = .infinity },
    ] {
      var settings = PromptSegmenter.Settings()
      change(&settings)
      #expect(throws: InferenceError.self) {
        try PromptableImage(planted.image, planted.patches, settings)
      }
    }
    var values = planted.patches.values
    values[3] = .infinity
    let broken = PatchMap(
      values: values, grid: planted.patches.grid, width: planted.patches.width)
    #expect(throws: InferenceError.self) { try PromptableImage(planted.image, broken) }
  }

  @Test("labels several objects at once, each by its own clicks, with the shipped model")
  func several() async throws {
    var image = try PixelBuffer(size: Size(height: 150, width: 220), fill: RGB(235, 235, 230))
    image.fillRectangle(
      Region(top: 40, left: 30, height: 60, width: 60), color: RGB(200, 40, 40))
    image.fillRectangle(
      Region(top: 50, left: 130, height: 60, width: 60), color: RGB(30, 80, 190))
    let model = try await DINOv2.load()
    var settings = PromptSegmenter.Settings()
    settings.shorterSide = 210

    let labels = try await PromptSegmenter(settings).labels(
      image,
      objects: [
        Clicks(positive: [Point(row: 70, column: 60)]),
        Clicks(positive: [Point(row: 80, column: 160)]),
      ], by: model)

    func label(_ row: Int, _ column: Int) -> UInt16 { labels.values[row * 220 + column] }
    #expect(label(70, 60) == 1 && label(80, 160) == 2 && label(10, 110) == 0)
    for (row, column) in [(45, 35), (95, 85)] { #expect(label(row, column) == 1) }
    for (row, column) in [(55, 135), (105, 185)] { #expect(label(row, column) == 2) }
    await #expect(throws: InferenceError.self) {
      try await PromptSegmenter(settings)(
        image, Clicks(positive: [Point(row: 500, column: 1)]), by: model)
    }
  }
}
