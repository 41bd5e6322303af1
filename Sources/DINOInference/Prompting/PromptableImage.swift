internal import DINOModels
public import Imaging

/// An image whose features are known, for clicking on it any number of times.
public struct PromptableImage {
  private let image: PixelBuffer
  private let settings: PromptSegmenter.Settings
  private let graph: AffinityGraph
  private let walk: RandomWalk
  private let canvas: EdgeRefinement.Canvas?

  /// The cells of a patch along a side.
  private static let cellsPerPatch = 2

  /// Joins an image and its patches.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - patches: Its patches, which cover it wholly.
  ///   - settings: How regions are found.
  /// - Throws: ``InferenceError`` if a token is not finite or a setting is out of range.
  public init(
    _ image: PixelBuffer, _ patches: PatchMap,
    _ settings: PromptSegmenter.Settings = PromptSegmenter.Settings()
  ) throws(InferenceError) {
    guard patches.values.allSatisfy(\.isFinite) else {
      throw .usage(problem: "the patch tokens hold numbers that are not finite")
    }
    guard (0..<1).contains(settings.persistence), settings.colorDistance > 0,
      settings.tokenContrast >= 0, settings.tokenContrast.isFinite, settings.sizeExponent.isFinite
    else {
      throw .usage(
        problem: "regions need a persistence of 0 to below 1, a distance of colours above 0 and a "
          + "contrast of tokens from 0; found \(settings)")
    }
    self.image = image
    self.settings = settings
    do throws(ImageError) {
      graph = AffinityGraph(
        try CellGrid(patches, of: image, factor: Self.cellsPerPatch),
        AffinityGraph.Falloff(
          tokens: Float(settings.tokenContrast), colors: Float(settings.colorDistance)))
    } catch { throw .image(error) }
    walk = RandomWalk(on: graph, alpha: settings.persistence)
    canvas = try settings.refinement.map { refinement throws(InferenceError) in
      try refinement.canvas(of: image, rows: patches.grid.height)
    }
  }

  /// Finds the object under clicks.
  ///
  /// - Parameter clicks: Places on and beside the object, at least one on it.
  /// - Returns: The region.
  /// - Throws: ``InferenceError/usage(problem:)`` if there is no click on it, one is outside the image, or
  ///   one is on and beside it.
  public func region(of clicks: Clicks) throws(InferenceError) -> PromptedRegion {
    let positive = try cells(at: clicks.positive)
    let negative = try cells(at: clicks.negative)
    guard !positive.isEmpty else { throw .usage(problem: "no click on the object was given") }
    if let place = zip(clicks.negative, negative).first(where: { positive.contains($0.1) })?.0 {
      throw .usage(
        problem:
          "the click beside the object at \(place.text) is too near to one on it: they fall into "
          + "one cell; move it, or take a larger size")
    }
    var visits = walk.visits(from: positive)
    if !negative.isEmpty {
      let others = walk.visits(from: negative)
      for cell in visits.indices where others[cell] >= visits[cell] { visits[cell] = 0 }
      // The clicked cells belong to the object, whatever the walkers say.
      for cell in positive where visits[cell] <= 0 { visits[cell] = .leastNormalMagnitude }
    }
    var sweep = RegionSweep()
    sweep.sizeExponent = settings.sizeExponent
    var region = CellRegion(
      height: graph.height, width: graph.width,
      isInside: sweep(graph, visits: visits, required: positive))
    region.keep(connectedTo: positive)
    region.fillHoles(except: negative, largest: max(region.area / 10, 1))
    return try refined(region, clicks)
  }

  private func cells(at places: [Point]) throws(InferenceError) -> [Int] {
    var cells: [Int] = []
    for place in places {
      guard place.row >= 0, place.column >= 0, place.row < Double(image.height),
        place.column < Double(image.width)
      else {
        throw .usage(
          problem:
            "the click \(place.text) is not in the image: take x from 0 to \(image.width - 1) "
            + "and y from 0 to \(image.height - 1)")
      }
      cells.append(pixel(at: place, Size(height: graph.height, width: graph.width)))
    }
    return cells
  }

  /// The cell or pixel at a place, where the image is parted into so many.
  private func pixel(at place: Point, _ size: Size) -> Int {
    let row = Int(place.row / Double(image.height) * Double(size.height))
    let column = Int(place.column / Double(image.width) * Double(size.width))
    return min(row, size.height - 1) * size.width + min(column, size.width - 1)
  }

  private func refined(
    _ region: CellRegion, _ clicks: Clicks
  ) throws(InferenceError) -> PromptedRegion {
    let size = Size(height: region.height, width: region.width)
    var shares: ValueMap
    do throws(ImageError) {
      // Tokens of cells are mixed from those of two patches, so a border is known to a patch.
      shares = try ValueMap(
        region.softShares(band: canvas == nil ? 0 : Self.cellsPerPatch), size: size)
    } catch { throw .image(error) }
    if let canvas, let refinement = settings.refinement {
      var fixed: [Int: Float] = [:]
      for place in clicks.negative { fixed[pixel(at: place, canvas.size)] = 0 }
      for place in clicks.positive { fixed[pixel(at: place, canvas.size)] = 1 }
      shares = try refinement(shares, on: canvas, fixed: fixed)
    }
    do throws(ImageError) {
      let large = try shares.resized(to: image.size)
      var pixels = CellRegion(
        height: image.height, width: image.width, isInside: large.values.map { $0 > 0.5 })
      // Fitting to edges may have cut off what the clicks are not on.
      pixels.keep(connectedTo: clicks.positive.map { pixel(at: $0, image.size) })
      return PromptedRegion(
        mask: try ValueImage(pixels.isInside.map { $0 ? 1 : 0 }, size: image.size), shares: large)
    } catch { throw .image(error) }
  }
}

extension Point {
  /// The place as people write it: `x 10, y 20`.
  fileprivate var text: String {
    func text(_ value: Double) -> String {
      abs(value) < 1e15 && value.rounded() == value ? "\(Int(value))" : "\(value)"
    }
    return "x \(text(column)), y \(text(row))"
  }
}
