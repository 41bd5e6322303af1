public import DINOInference
public import DINOModels
internal import Torch

/// Carries the labels of patches from frame to frame.
///
/// Each patch of a new frame looks for the patches that resemble it most, in the first frame and in the
/// last few ones, no further away than a radius, and takes the mean of their labels with the weights
/// `softmax(cosine / T)`. Labels are shares of classes and stay so: the next frames build on them. Nothing
/// is trained.
///
/// Source: Jabri et al., 2020, section 4.1; Caron et al., 2021, section 4.2.2, with the settings of its
/// released `eval_video_segmentation`. Memory holds `previousFrames + 1` frames, whatever the video's
/// length.
public struct LabelPropagation {
  /// Where labels come from.
  public struct Settings: Sendable, Equatable {
    /// How many frames before the new one are looked at besides the first.
    public var previousFrames = 7
    /// How far rows and columns may be apart, in patches; nil for the whole frame.
    public var radius: Int? = 12
    /// How many patches a patch takes its labels from.
    public var neighbours = 5
    /// `T`; smaller gives the most similar patch more weight.
    public var temperature = 0.1

    /// Creates DINO's settings.
    public init() {}
  }

  /// A frame that labels come from.
  private struct Source {
    /// Patch tokens of length 1, `[N, D]`.
    let features: Tensor
    let labels: PatchLabels
  }

  /// Where labels come from.
  public let settings: Settings
  /// The grid of every frame.
  public let grid: PatchGrid
  private let width: Int
  private let first: Source
  /// The last frames, oldest first.
  private var recent: [Source] = []

  /// Begins with a frame whose labels are known.
  ///
  /// - Parameters:
  ///   - patches: The frame's patches.
  ///   - labels: Their labels.
  ///   - settings: Where labels come from.
  /// - Throws: ``InferenceError`` if the grids differ, a token is not finite, or a setting is out of range.
  public init(
    _ patches: PatchMap, labels: PatchLabels, _ settings: Settings = Settings()
  ) throws(InferenceError) {
    guard labels.grid == patches.grid else {
      throw .usage(
        problem: "labels of \(labels.grid.height)x\(labels.grid.width) patches for a frame of "
          + "\(patches.grid.height)x\(patches.grid.width)")
    }
    guard (1...1000).contains(settings.neighbours), (0...10_000).contains(settings.previousFrames),
      settings.radius ?? 0 >= 0,
      settings.temperature > 0, settings.temperature.isFinite
    else {
      throw .usage(
        problem: "label propagation takes 1 to 1000 neighbours, 0 to 10000 previous frames, a "
          + "radius from 0 and a "
          + "temperature above 0; found \(settings)")
    }
    self.settings = settings
    grid = patches.grid
    width = patches.width
    first = Source(features: try Self.features(of: patches), labels: labels)
  }

  /// Labels the next frame.
  ///
  /// - Parameter patches: The frame's patches, on the grid of the first frame.
  /// - Returns: Their labels.
  /// - Throws: ``InferenceError`` if the grid or the width is another one, or a token is not finite.
  public mutating func next(_ patches: PatchMap) throws(InferenceError) -> PatchLabels {
    guard patches.grid == grid, patches.width == width else {
      throw .usage(
        problem: "a frame of \(patches.grid.height)x\(patches.grid.width) patches of width "
          + "\(patches.width); the first one has \(grid.height)x\(grid.width) of width \(width)")
    }
    let features = try Self.features(of: patches)
    let sources = [first] + recent
    let found: NearestPatches
    do throws(TorchError) {
      found = try nearest(to: features, in: sources)
    } catch { throw .torch(error) }
    let labels = found.mean(of: sources.map(\.labels), temperature: settings.temperature)
    recent.append(Source(features: features, labels: labels))
    if recent.count > settings.previousFrames { recent.removeFirst() }
    return labels
  }

  private static func features(of patches: PatchMap) throws(InferenceError) -> Tensor {
    guard patches.values.allSatisfy(\.isFinite) else {
      throw .usage(problem: "the patch tokens hold numbers that are not finite")
    }
    do throws(TorchError) {
      return try Tensor(patches.values, [patches.grid.count, patches.width]).normalized()
    } catch { throw .torch(error) }
  }

  // MARK: Neighbours

  /// Products are taken for so many patches at once that they fill a matrix product.
  private static let blockPatches = 128

  private func nearest(
    to features: Tensor, in sources: [Source]
  ) throws(TorchError) -> NearestPatches {
    var found = NearestPatches(queries: grid.count, count: settings.neighbours)
    let radius = settings.radius ?? Swift.max(grid.height, grid.width)
    let rows = Swift.max(Self.blockPatches / grid.width, 1)
    for start in stride(from: 0, to: grid.height, by: rows) {
      let block = start..<Swift.min(start + rows, grid.height)
      // Only rows within the radius of one of the block's can hold neighbours.
      let reach = Window.range(block, radius, grid.height)
      let queries = try features.narrow(dim: 0, patches(in: block))
      for (index, source) in sources.enumerated() {
        let keys = try source.features.narrow(dim: 0, patches(in: reach))
        let products = try queries.matmul(keys.transpose(0, 1)).floats()
        found.offer(
          products,
          Window(queries: block, keys: reach, grid: grid, radius: radius),
          firstPlace: index * grid.count)
      }
    }
    return found
  }

  private func patches(in rows: Range<Int>) -> Range<Int> {
    rows.lowerBound * grid.width..<rows.upperBound * grid.width
  }
}

/// Some rows of a frame and the rows of another one in which their neighbours may be.
struct Window {
  let queries: Range<Int>
  let keys: Range<Int>
  let grid: PatchGrid
  let radius: Int

  /// The rows or columns no further than a radius from some, inside an axis.
  static func range(_ middle: Range<Int>, _ radius: Int, _ count: Int) -> Range<Int> {
    // The radius may be any number: the sums must not overflow.
    let radius = min(radius, count)
    return max(middle.lowerBound - radius, 0)..<min(middle.upperBound + radius, count)
  }
}
