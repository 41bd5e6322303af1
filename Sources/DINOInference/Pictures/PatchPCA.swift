internal import DINOModels
public import Imaging

/// Principal components of patch tokens, fitted jointly to several images and drawn as colours.
///
///     let pca = try PatchPCA.fit([first.patches, second.patches])
///     let picture = try pca.colors(of: first.patches).picture
///
/// First the main component of all patches separates objects from background; then three components
/// of the foreground patches alone become red, green and blue. One projection serves all images, and
/// further ones such as the frames of a video, so a part has one colour everywhere.
///
/// Source: Oquab et al., 2023, section 7.5 and figure 1. The paper takes 0 as the threshold of the first
/// component and leaves its sign open; here Otsu's method and the middle of the images decide.
public struct PatchPCA: Sendable {
  /// How the foreground is found.
  public enum Foreground: Sendable, Equatable {
    /// Every patch is foreground.
    case everything
    /// Patches above a threshold of the first component; Otsu's if `nil`.
    case above(Float?)
    /// Patches below the threshold, or at it: for images whose objects touch the border.
    case below(Float?)
  }

  /// How the components are fitted and drawn.
  public struct Options: Sendable, Equatable {
    /// How the foreground is found.
    public var foreground = Foreground.above(nil)
    /// The share of the lowest and of the highest values of a component that get the end colours.
    public var clippedShare = 0.01
    /// The colour of the background.
    public var background = RGB(28, 28, 30)

    /// Creates the defaults.
    public init() {}
  }

  /// The threshold of the first component that was used; `nil` if everything is foreground.
  public let threshold: Float?
  /// The share of all patches that are foreground, 0 to 1.
  public let foregroundShare: Double
  /// The share of the foreground's variance that each of the three components explains.
  public let explainedVariance: [Double]

  /// The first component of all patches.
  let separation: PrincipalAxes
  /// The three components of the foreground.
  package let components: PrincipalAxes
  private let options: Options
  private let ranges: [ClosedRange<Float>]

  /// Patches as colours.
  public struct Colors: Sendable {
    /// One pixel per patch.
    public let picture: PixelBuffer
    /// Whether each patch is foreground, row by row.
    public let isForeground: [Bool]
  }

  /// Fits the components.
  ///
  /// The sign of the first component is chosen so that it is higher in the middle of the images than at
  /// their borders: each image adds the difference of two means of its patches, one weighted by the
  /// closeness to the middle, one by the closeness to the border. The signs of the three colours are those
  /// of the largest entry of their axes.
  ///
  /// - Parameters:
  ///   - maps: Patch tokens of the images, all of one width.
  ///   - options: How the foreground is found and what is drawn.
  /// - Returns: The projection, which also serves further images.
  /// - Throws: ``InferenceError/usage(problem:)`` if there are fewer than four foreground patches, widths
  ///   differ, or a token is not finite.
  public static func fit(
    _ maps: [PatchMap], _ options: Options = Options()
  ) throws(InferenceError) -> PatchPCA {
    guard let width = maps.first?.width, maps.allSatisfy({ $0.width == width }) else {
      throw .usage(problem: "a joint PCA needs images seen by one model")
    }
    let rows = maps.flatMap(\.values)
    guard width >= 3, rows.count >= smallest * width else {
      throw .usage(
        problem: "a PCA needs at least \(smallest) patches of 3 numbers; "
          + "found \(rows.count / max(width, 1)) of \(width)")
    }
    guard rows.allSatisfy(\.isFinite) else {
      throw .usage(problem: "the patch tokens hold numbers that are not finite")
    }
    var separation = PrincipalAxes(rows, width: width, count: 1)
    var first = separation.project(rows)
    if middleness(of: first, maps.map(\.grid)) < 0 {
      separation.flip(0)
      first = first.map { -$0 }
    }
    let threshold: Float? =
      switch options.foreground {
      case .everything: nil
      case .above(let given), .below(let given): given ?? OtsuThreshold.of(first)
      }
    let kept = foregroundRows(rows, width, options.foreground.mask(first, threshold))
    guard kept.count >= smallest * width else {
      throw .usage(
        problem: "only \(kept.count / width) of \(first.count) patches are foreground; set "
          + "--threshold, --invert or --no-foreground")
    }
    let components = PrincipalAxes(kept, width: width, count: 3)
    let projected = components.project(kept)
    return PatchPCA(
      threshold: threshold, foregroundShare: Double(kept.count) / Double(rows.count),
      explainedVariance: components.explained, separation: separation, components: components,
      options: options,
      ranges: (0..<3).map { range(of: projected, component: $0, clipping: options.clippedShare) })
  }

  /// The fewest patches whose components are drawn: three axes need four points.
  private static let smallest = 4

  /// Draws the patches of an image.
  ///
  /// - Parameter map: Its patch tokens.
  /// - Returns: One colour per patch, and which patches are foreground.
  /// - Throws: ``InferenceError/usage(problem:)`` if another model saw the image.
  public func colors(of map: PatchMap) throws(InferenceError) -> Colors {
    guard map.width == components.width else {
      throw .usage(
        problem: "tokens of \(map.width) numbers; the PCA was fitted to \(components.width)")
    }
    let isForeground = options.foreground.mask(separation.project(map.values), threshold)
    let values = components.project(map.values)
    do throws(ImageError) {
      var picture = try PixelBuffer(
        size: Size(height: map.grid.height, width: map.grid.width), fill: options.background)
      for index in isForeground.indices where isForeground[index] {
        let levels = ranges.enumerated().map { component, range -> UInt8 in
          let span = range.upperBound - range.lowerBound
          let level = span > 0 ? (values[3 * index + component] - range.lowerBound) / span : 0.5
          // A comparison with not-a-number is false, so that it does not pass.
          return UInt8((255 * (level > 0 ? min(level, 1) : 0)).rounded())
        }
        picture.setColor(
          RGB(levels[0], levels[1], levels[2]), row: index / map.grid.width,
          column: index % map.grid.width)
      }
      return Colors(picture: picture, isForeground: isForeground)
    } catch { throw .image(error) }
  }

  /// How much higher the values are in the middle of the images than at their borders.
  private static func middleness(of values: [Float], _ grids: [PatchGrid]) -> Double {
    var (start, result) = (0, 0.0)
    for grid in grids {
      var (inner, outer) = ((sum: 0.0, weight: 0.0), (sum: 0.0, weight: 0.0))
      for index in 0..<grid.count {
        let value = Double(values[start + index])
        let weight =
          hill(index / grid.width, grid.height) * hill(index % grid.width, grid.width)
        inner = (inner.sum + weight * value, inner.weight + weight)
        outer = (outer.sum + (1 - weight) * value, outer.weight + 1 - weight)
      }
      start += grid.count
      if inner.weight > 0, outer.weight > 0 {
        result += inner.sum / inner.weight - outer.sum / outer.weight
      }
    }
    return result
  }

  /// Closeness to the middle of an axis: 1 there, falling to 0 at both ends as a parabola.
  private static func hill(_ place: Int, _ count: Int) -> Double {
    let x = (Double(place) + 0.5) / Double(count)
    return 4 * x * (1 - x)
  }

  private static func foregroundRows(
    _ rows: [Float], _ width: Int, _ mask: [Bool]
  ) -> [Float] {
    var kept: [Float] = []
    kept.reserveCapacity(mask.count { $0 } * width)
    for (index, isKept) in mask.enumerated() where isKept {
      kept += rows[index * width..<(index + 1) * width]
    }
    return kept
  }

  /// The range of a component without a share of its lowest and of its highest values.
  private static func range(
    of values: [Float], component: Int, clipping share: Double
  ) -> ClosedRange<Float> {
    let sorted = stride(from: component, to: values.count, by: 3).map { values[$0] }.sorted()
    let skipped = Int(min(max(share, 0), 0.49) * Double(sorted.count))
    return sorted[skipped]...sorted[sorted.count - 1 - skipped]
  }
}

extension PatchPCA.Foreground {
  /// Whether each patch is foreground.
  fileprivate func mask(_ first: [Float], _ threshold: Float?) -> [Bool] {
    switch self {
    case .everything: first.map { _ in true }
    case .above: first.map { value in threshold.map { value > $0 } ?? true }
    case .below: first.map { value in threshold.map { value <= $0 } ?? true }
    }
  }
}
