internal import DINOModels
public import Imaging

/// Draws how much the class token attends to each patch, per head or as the mean of the heads.
///
/// Each map has its own scale, from no attention to its strongest patch; absolute weights depend on the
/// number of patches. With a share to keep, all but the strongest patches are left out.
public struct AttentionPicture: Sendable {
  /// How maps are drawn.
  public struct Options: Sendable, Equatable {
    /// The share of the attention that the drawn patches hold; `nil` draws every patch.
    public var keptShare: Double?
    /// The colours.
    public var colorMap = ColorMap.magma
    /// How much of the image is covered where attention is strongest, 0 to 1.
    public var opacity = 0.8
    /// How much of the image shows where there is no attention, 0 to 1.
    public var light = 0.55

    /// Creates the defaults.
    public init() {}
  }

  /// What is drawn: a head, or the mean of all.
  public enum Layer: Sendable, Hashable {
    /// The mean of the heads.
    case mean
    /// A head, from 0.
    case head(Int)
  }

  /// What is known about a layer.
  public struct Summary: Sendable, Equatable {
    /// The share of the class token's whole attention that lies on patches, 0 to 1; the rest is on
    /// registers and on itself.
    public let patchShare: Double
    /// The patch with the strongest attention; the first one of equals.
    public let strongest: Int
    /// The number of patches that are drawn.
    public let drawnPatches: Int
  }

  private let map: AttentionMap
  private let options: Options

  /// Prepares to draw.
  ///
  /// - Parameters:
  ///   - map: The attention.
  ///   - options: How it is drawn.
  /// - Throws: ``InferenceError/usage(problem:)`` if the share to keep is out of range or a weight is
  ///   not finite.
  public init(_ map: AttentionMap, _ options: Options = Options()) throws(InferenceError) {
    if let share = options.keptShare, !(share > 0 && share <= 1) {
      throw .usage(
        problem: "the share of attention to keep is \(share); expected more than 0 and at most 1")
    }
    guard map.values.allSatisfy(\.isFinite) else {
      throw .usage(problem: "the attention holds numbers that are not finite")
    }
    self.map = map
    self.options = options
  }

  /// All layers: the mean, then each head.
  public var layers: [Layer] { [.mean] + (0..<map.heads).map { .head($0) } }

  /// The weights of a layer that are drawn, one per patch; 0 where nothing is.
  ///
  /// - Parameter layer: The layer.
  /// - Returns: The weights.
  public func weights(of layer: Layer) -> [Float] {
    let weights = all(layer)
    guard let share = options.keptShare else { return weights }
    return AttentionMap.keeping(share, of: weights)
  }

  private func all(_ layer: Layer) -> [Float] {
    switch layer {
    case .mean: map.mean
    case .head(let head): map.weights(ofHead: head)
    }
  }

  /// What is known about a layer.
  ///
  /// - Parameter layer: The layer.
  /// - Returns: The share on patches, the strongest patch and the number of drawn ones.
  public func summary(of layer: Layer) -> Summary {
    let weights = all(layer)
    var strongest = 0
    for index in weights.indices where weights[index] > weights[strongest] { strongest = index }
    return Summary(
      patchShare: min(weights.reduce(0.0) { $0 + Double($1) }, 1), strongest: strongest,
      drawnPatches: self.weights(of: layer).count { $0 > 0 })
  }

  /// A layer as colours, one cell per patch.
  ///
  /// - Parameters:
  ///   - layer: The layer.
  ///   - size: The size of the picture.
  /// - Returns: The picture.
  /// - Throws: ``InferenceError/image(_:)`` if the size is not positive or too large.
  public func picture(of layer: Layer, size: Size) throws(InferenceError) -> PixelBuffer {
    do throws(ImageError) {
      let values = try valueMap(layer)
      return try values.colored(options.colorMap, range: scale(values)).resizedToNearest(size)
    } catch { throw .image(error) }
  }

  /// A layer laid over the image.
  ///
  /// - Parameters:
  ///   - layer: The layer.
  ///   - image: The image as the model saw it.
  /// - Returns: The picture, of the image's size.
  /// - Throws: ``InferenceError/image(_:)`` if the image is too large.
  public func overlay(
    of layer: Layer, on image: PixelBuffer
  ) throws(InferenceError) -> PixelBuffer {
    do throws(ImageError) {
      let values = try valueMap(layer)
      var dimmed = image
      dimmed.fillRectangle(
        Region(top: 0, left: 0, height: image.height, width: image.width), color: .black,
        opacity: 1 - options.light)
      return try dimmed.overlaid(
        with: values, colorMap: options.colorMap, range: scale(values), opacity: options.opacity,
        fadesLow: true, isSmooth: options.keptShare == nil)
    } catch { throw .image(error) }
  }

  private func valueMap(_ layer: Layer) throws(ImageError) -> ValueMap {
    try ValueMap(
      weights(of: layer), size: Size(height: map.grid.height, width: map.grid.width))
  }

  /// From no attention to the strongest; a map of zeros is drawn in the lowest colour.
  private func scale(_ values: ValueMap) -> ClosedRange<Float> {
    0...max(values.range.upperBound, .leastNormalMagnitude)
  }
}
