internal import DINOModels
public import Imaging
internal import Torch

/// Principal components of patch tokens, fitted jointly to several images and drawn as colours.
///
/// First the main component of all patches separates objects from background; then three components
/// of the foreground patches alone become red, green and blue. One projection serves all images, so a
/// part has one colour everywhere.
///
/// Source: Oquab et al., 2023, section 7.5 and figure 1.
public struct PatchPCA: Sendable {
  /// How the foreground is found.
  public enum Foreground: Sendable, Equatable {
    /// Every patch is foreground.
    case everything
    /// Patches above a threshold of the first component; Otsu's if `nil`.
    case above(Float?)
    /// Patches below the threshold: for images whose objects touch the border.
    case below(Float?)
  }

  /// The threshold of the first component that was used; `nil` if everything is foreground.
  public let threshold: Float?
  /// The share of all patches that are foreground.
  public let foregroundShare: Double
  /// The share of the foreground's variance that each of the three components explains.
  public let explainedVariance: [Double]

  private let separation: Projection
  private let colours: Projection
  private let isBelow: Bool
  private let ranges: [ClosedRange<Float>]

  /// Patches as colours.
  public struct Colors: Sendable {
    /// One pixel per patch; background is dark grey.
    public let picture: PixelBuffer
    /// Whether each patch is foreground, row by row.
    public let isForeground: [Bool]
  }

  /// Fits the components.
  ///
  /// The sign of the first component is chosen so that patches at the borders of the images have the
  /// lower mean: objects are seldom cut off.
  ///
  /// - Parameters:
  ///   - maps: Patch tokens of the images, all of one width.
  ///   - foreground: How the foreground is found.
  /// - Returns: The projection, which also serves further images.
  /// - Throws: ``InferenceError`` if there are fewer than four patches or widths differ.
  public static func fit(
    _ maps: [PatchMap], foreground: Foreground = .above(nil)
  ) throws(InferenceError) -> PatchPCA {
    guard let width = maps.first?.width, maps.allSatisfy({ $0.width == width }) else {
      throw .usage(problem: "a joint PCA needs images seen by one model")
    }
    let rows = maps.flatMap(\.values)
    guard rows.count / width >= 4 else {
      throw .usage(problem: "a PCA needs at least 4 patches; found \(rows.count / width)")
    }
    var separation = try Projection(rows, width: width, components: 1)
    if try borderIsBrighter(maps, separation) { separation.flip(0) }
    let first = try separation.project(rows)
    let (threshold, isBelow): (Float?, Bool) =
      switch foreground {
      case .everything: (nil, false)
      case .above(let given): (given ?? otsuThreshold(first), false)
      case .below(let given): (given ?? otsuThreshold(first), true)
      }
    let chosen = first.map { value in threshold.map { (value > $0) != isBelow } ?? true }
    let count = chosen.count { $0 }
    guard count >= 4 else {
      throw .usage(
        problem: "only \(count) of \(chosen.count) patches are foreground; set --threshold, or "
          + "--no-foreground")
    }
    var kept: [Float] = []
    kept.reserveCapacity(count * width)
    for (index, isKept) in chosen.enumerated() where isKept {
      kept += rows[index * width..<(index + 1) * width]
    }
    let colours = try Projection(kept, width: width, components: 3)
    let projected = try colours.project(kept)
    return PatchPCA(
      threshold: threshold, foregroundShare: Double(count) / Double(chosen.count),
      explainedVariance: colours.explained, separation: separation, colours: colours,
      isBelow: isBelow, ranges: (0..<3).map { robustRange(of: projected, component: $0) })
  }

  /// Draws the patches of an image.
  ///
  /// - Parameter map: Its patch tokens.
  /// - Returns: One colour per patch.
  /// - Throws: ``InferenceError`` if the width is another one.
  public func colors(of map: PatchMap) throws(InferenceError) -> Colors {
    let first = try separation.project(map.values)
    let values = try colours.project(map.values)
    let isForeground = first.map { value in threshold.map { (value > $0) != isBelow } ?? true }
    do throws(ImageError) {
      var picture = try PixelBuffer(
        size: Size(height: map.grid.height, width: map.grid.width), fill: RGB(28, 28, 30))
      for index in 0..<map.grid.count where isForeground[index] {
        let levels = (0..<3).map { component -> UInt8 in
          let range = ranges[component]
          let span = max(range.upperBound - range.lowerBound, .leastNormalMagnitude)
          let level = (values[3 * index + component] - range.lowerBound) / span
          return UInt8((255 * min(max(level, 0), 1)).rounded())
        }
        picture.setColor(
          RGB(levels[0], levels[1], levels[2]), row: index / map.grid.width,
          column: index % map.grid.width)
      }
      return Colors(picture: picture, isForeground: isForeground)
    } catch { throw .image(error) }
  }

  /// Whether border patches lie above the others in the first component.
  private static func borderIsBrighter(
    _ maps: [PatchMap], _ projection: Projection
  ) throws(InferenceError) -> Bool {
    var (border, inner) = ((sum: 0.0, count: 0), (sum: 0.0, count: 0))
    for map in maps {
      for (index, value) in try projection.project(map.values).enumerated() {
        let (row, column) = (index / map.grid.width, index % map.grid.width)
        let isBorder =
          row == 0 || column == 0 || row == map.grid.height - 1 || column == map.grid.width - 1
        if isBorder {
          border = (border.sum + Double(value), border.count + 1)
        } else {
          inner = (inner.sum + Double(value), inner.count + 1)
        }
      }
    }
    guard border.count > 0, inner.count > 0 else { return false }
    return border.sum / Double(border.count) > inner.sum / Double(inner.count)
  }

  /// The range of a component without its lowest and highest hundredth.
  private static func robustRange(of values: [Float], component: Int) -> ClosedRange<Float> {
    let sorted = stride(from: component, to: values.count, by: 3).map { values[$0] }.sorted()
    let skipped = sorted.count / 100
    return sorted[skipped]...sorted[sorted.count - 1 - skipped]
  }

  /// The threshold that leaves the least variance on both sides.
  ///
  /// Source: Otsu, 1979, equation 18; 256 bins.
  static func otsuThreshold(_ values: [Float]) -> Float {
    guard let lowest = values.min(), let highest = values.max(), highest > lowest else { return 0 }
    let bins = 256
    var histogram = [Double](repeating: 0, count: bins)
    for value in values {
      let place = (value - lowest) / (highest - lowest) * Float(bins)
      histogram[min(Int(place), bins - 1)] += 1
    }
    let total = Double(values.count)
    let mean = histogram.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element } / total
    var (weight, moment, best, cut) = (0.0, 0.0, -1.0, 0)
    for bin in 0..<bins - 1 {
      weight += histogram[bin] / total
      moment += Double(bin) * histogram[bin] / total
      guard weight > 0, weight < 1 else { continue }
      let difference = mean * weight - moment
      let between = difference * difference / (weight * (1 - weight))
      if between > best { (best, cut) = (between, bin) }
    }
    return lowest + (highest - lowest) * Float(cut + 1) / Float(bins)
  }
}

/// Principal axes of rows.
struct Projection: Sendable {
  private let width: Int
  private let mean: [Float]
  /// `[k, D]`.
  private var axes: [Float]
  private let components: Int
  /// The share of the variance that each axis explains.
  let explained: [Double]

  /// Finds the axes by the eigenvectors of the covariance, in double precision.
  ///
  /// The sign of an axis is that of its largest entry, so that results do not depend on the solver.
  init(_ rows: [Float], width: Int, components: Int) throws(InferenceError) {
    self.width = width
    self.components = components
    do {
      let x = try Tensor(rows, [rows.count / width, width]).to(dtype: .float64)
      let mean = try x.mean(dim: 0)
      let centred = try x - mean
      let covariance = try centred.transpose(0, 1).matmul(centred)
      let (values, vectors) = try covariance.symmetricEigen()
      let variances = try values.array(of: Double.self).map { max($0, 0) }
      let sum = max(variances.reduce(0, +), .leastNormalMagnitude)
      explained = (0..<components).map { variances[width - 1 - $0] / sum }
      var axes: [Float] = []
      for component in 0..<components {
        // Eigenvalues ascend: the last column belongs to the largest.
        let axis = try vectors.select(dim: 1, width - 1 - component).floats()
        let largest = axis.max { abs($0) < abs($1) } ?? 1
        axes += axis.map { largest < 0 ? -$0 : $0 }
      }
      self.axes = axes
      self.mean = try mean.floats()
    } catch { throw .torch(error) }
  }

  /// Turns an axis round.
  mutating func flip(_ component: Int) {
    for index in component * width..<(component + 1) * width { axes[index] = -axes[index] }
  }

  /// Coordinates of rows, `[N, k]`.
  func project(_ rows: [Float]) throws(InferenceError) -> [Float] {
    do {
      let x = try Tensor(rows, [rows.count / width, width]) - Tensor(mean)
      return try x.matmul(Tensor(axes, [components, width]).transpose(0, 1)).floats()
    } catch { throw .torch(error) }
  }
}
