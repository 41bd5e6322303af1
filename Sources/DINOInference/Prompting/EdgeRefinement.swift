public import Imaging

/// Fits maps of cells or patches to the edges of their image.
///
/// Where a map is sure, far from its borders, it is kept; near a border, values flow in from both sides up to
/// the edges of the image (``EdgeAwareSmoothing``).
public struct EdgeRefinement: Sendable, Hashable {
  /// The distance of colours, of 255 per channel, across which little flows.
  public var tolerance = 7.0
  /// About how far values flow, in sides of a patch.
  public var reach = 0.85
  /// Above so many pixels the image is reduced for the refinement.
  public var mostPixels = 1 << 20

  /// Keeps borders of little confidence on both sides from being undefined.
  package static let leastConfidence: Float = 1e-3

  /// Creates the defaults.
  public init() {}

  /// An image prepared for refining any number of maps.
  public struct Canvas {
    let smoothing: EdgeAwareSmoothing
    let reach: Double

    /// The size in which maps are refined.
    public var size: Size { smoothing.size }

    /// Lets values flow up to the edges of the image.
    ///
    /// - Parameters:
    ///   - values: The values of the pixels, `[height, width]`.
    ///   - confidence: How sure each is, 0 or more; 1 everywhere if nil.
    /// - Returns: The smoothed values.
    package func smoothed(_ values: [Float], confidence: [Float]? = nil) -> [Float] {
      smoothing(values, confidence: confidence, reach: reach)
    }
  }

  /// Prepares an image.
  ///
  /// - Parameters:
  ///   - image: The image.
  ///   - rows: The number of patches from top to bottom.
  /// - Returns: The prepared image.
  /// - Throws: ``InferenceError`` if the image cannot be resized.
  public func canvas(of image: PixelBuffer, rows: Int) throws(InferenceError) -> Canvas {
    let pixels = Double(image.height) * Double(image.width)
    let scale = min((Double(max(mostPixels, 1)) / pixels).squareRoot(), 1)
    let size = Size(
      height: max(Int(Double(image.height) * scale), 1),
      width: max(Int(Double(image.width) * scale), 1))
    do throws(ImageError) {
      let small = size == image.size ? image : try image.resized(to: size, filter: .bilinear)
      return Canvas(
        smoothing: EdgeAwareSmoothing(edgesOf: small, tolerance: max(tolerance, 1e-3)),
        reach: max(reach, 0) * Double(size.height) / Double(max(rows, 1)))
    } catch { throw .image(error) }
  }

  /// Refines a map.
  ///
  /// - Parameters:
  ///   - map: Shares from 0 to 1 of cells or patches that cover the image.
  ///   - canvas: The prepared image.
  ///   - fixed: Pixels of the canvas whose values are known.
  /// - Returns: The shares of the pixels of the canvas.
  /// - Throws: ``InferenceError`` if the map cannot be enlarged.
  public func callAsFunction(
    _ map: ValueMap, on canvas: Canvas, fixed: [Int: Float] = [:]
  ) throws(InferenceError) -> ValueMap {
    do throws(ImageError) {
      var values = try map.resized(to: canvas.size).values
      var confidence = values.map { share in
        let certainty = 2 * share - 1
        return certainty * certainty + Self.leastConfidence
      }
      // Half is where a border lies: on which side a pixel is, is for the image to say.
      for index in values.indices { values[index] = values[index] >= 0.5 ? 1 : 0 }
      for (pixel, value) in fixed where values.indices.contains(pixel) {
        values[pixel] = value
        confidence[pixel] = 1
      }
      return try ValueMap(
        canvas.smoothed(values, confidence: confidence), size: canvas.size)
    } catch { throw .image(error) }
  }
}
