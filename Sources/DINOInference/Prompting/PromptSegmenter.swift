internal import DINOModels
public import Imaging

/// Finds the object under clicks from the features of a frozen model.
///
/// Patches are parted into cells that are tied to their neighbours, the more so the more alike their tokens and
/// colours are (``AffinityGraph``). A walker that starts at the clicks on the object visits the cells
/// (``RandomWalk``); cells that one from the clicks beside it visits more often are left out. Of the regions
/// that grow in the order of the visits the one with the least tied border is taken (``RegionSweep``), what
/// does not hang together with a click is dropped, small holes are filled, and the border is fitted to the
/// edges of the image (``EdgeRefinement``). Nothing is trained and no threshold is set.
///
///     let region = try await PromptSegmenter()(image, Clicks(positive: [place]), by: model)
///     try ImageEncoder().writeGray(region.mask.values, size: region.mask.size, to: "mask.png")
public struct PromptSegmenter: Sendable {
  /// How regions are found.
  public struct Settings: Sendable, Hashable {
    /// To about how many pixels the shorter side of the image is resized.
    public var shorterSide = 518
    /// Larger parts neighbours at smaller differences of their tokens.
    public var tokenContrast = 12.0
    /// The distance of colours, of 255 per channel, at which the tie has fallen to 1/e.
    public var colorDistance = 20.0
    /// The probability that a walker goes on, from 0 to below 1: larger looks further around a click.
    public var persistence = 0.96
    /// Larger prefers smaller regions, smaller prefers larger ones; 1/2 judges borders alone.
    public var sizeExponent = 0.55
    /// How borders are fitted to edges; nil leaves them at the sides of cells.
    public var refinement: EdgeRefinement? = EdgeRefinement()

    /// Creates the defaults.
    public init() {}
  }

  /// The most patches: attention takes their square.
  private static let mostPatches = 1 << 14

  /// How regions are found.
  public let settings: Settings

  /// Creates a segmenter.
  ///
  /// - Parameter settings: How regions are found.
  public init(_ settings: Settings = Settings()) { self.settings = settings }

  /// Finds the object under clicks.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - clicks: Places on and beside the object, at least one on it.
  ///   - model: The model.
  /// - Returns: The region.
  /// - Throws: ``InferenceError`` if a click is outside the image, or a setting is out of range.
  public func callAsFunction(
    _ image: PixelBuffer, _ clicks: Clicks, by model: DINOv2
  ) async throws(InferenceError) -> PromptedRegion {
    let seen = try await see(image, by: model)
    return try seen.region(of: clicks)
  }

  /// Finds several objects, each under its own clicks.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - objects: The clicks of each object; those on the others count as beside it.
  ///   - model: The model.
  /// - Returns: For each pixel 0, or the number of the object from 1 that it shows most surely.
  /// - Throws: ``InferenceError`` if a click is outside the image, or a setting is out of range.
  public func labels(
    _ image: PixelBuffer, objects: [Clicks], by model: DINOv2
  ) async throws(InferenceError) -> ValueImage {
    guard objects.count < Int(UInt16.max) else {
      throw .usage(problem: "\(objects.count) objects were asked for; at most 65534 are possible")
    }
    let seen = try await see(image, by: model)
    var values = [UInt16](repeating: 0, count: image.height * image.width)
    var best = [Float](repeating: 0, count: values.count)
    for (index, object) in objects.enumerated() {
      var clicks = object
      for (other, places) in objects.enumerated() where other != index {
        clicks.negative += places.positive
      }
      let region = try seen.region(of: clicks)
      for (pixel, share) in region.shares.values.enumerated()
      where region.mask.values[pixel] > 0 && share > best[pixel] {
        values[pixel] = UInt16(index + 1)
        best[pixel] = share
      }
    }
    do throws(ImageError) {
      return try ValueImage(values, size: image.size)
    } catch { throw .image(error) }
  }

  /// Computes the tokens of an image once, for any number of clicks.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - model: The model.
  /// - Returns: The image and its tokens.
  /// - Throws: ``InferenceError`` if the view would be too large.
  public func see(
    _ image: PixelBuffer, by model: DINOv2
  ) async throws(InferenceError) -> PromptableImage {
    let view = try WholeImageView(
      imageSize: image.size, shorterSide: settings.shorterSide, patchSize: model.config.patchSize)
    guard view.grid.count <= Self.mostPatches else {
      throw .usage(
        problem: "an image of \(image.size), resized to \(settings.shorterSide) pixels, gives "
          + "\(view.grid.count) patches; at most \(Self.mostPatches) are possible, take a smaller size"
      )
    }
    let patches = try await model.patches(of: image, seenAs: view)
    return try PromptableImage(image, patches, settings)
  }
}

/// A region under clicks.
public struct PromptedRegion: Sendable, Equatable {
  /// 1 for the pixels of the region, otherwise 0, of the image's size.
  public let mask: ValueImage
  /// How surely each pixel belongs to it, 0 to 1.
  public let shares: ValueMap

  /// The number of pixels.
  public var area: Int { mask.values.count { $0 > 0 } }

  /// The tight box around the region; nil if it is empty.
  public var box: Region? {
    var (top, bottom, left, right) = (Int.max, -1, Int.max, -1)
    for (pixel, value) in mask.values.enumerated() where value > 0 {
      let (row, column) = pixel.quotientAndRemainder(dividingBy: mask.size.width)
      (top, bottom) = (min(top, row), max(bottom, row))
      (left, right) = (min(left, column), max(right, column))
    }
    guard bottom >= top else { return nil }
    return Region(top: top, left: left, height: bottom - top + 1, width: right - left + 1)
  }
}
