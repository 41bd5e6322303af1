internal import DINOModels
public import Imaging

/// How similar the patches of images are to chosen ones.
///
///     let similarity = try PatchSimilarity(to: [geometry.patch(at: point)], of: features.patches)
///     let cosines = try similarity(features.patches)
public struct PatchSimilarity: Sendable {
  /// The chosen tokens, each of length 1.
  private let queries: VectorRows
  private let width: Int

  /// Chooses patches of an image.
  ///
  /// - Parameters:
  ///   - patches: The patches, indices into the grid, row by row.
  ///   - map: The image's patches.
  /// - Throws: ``InferenceError/usage(problem:)`` if no patch is given or one is outside the grid.
  public init(to patches: [Int], of map: PatchMap) throws(InferenceError) {
    guard !patches.isEmpty else { throw .usage(problem: "no point was given") }
    if let wrong = patches.first(where: { !(0..<map.grid.count).contains($0) }) {
      throw .usage(problem: "there is no patch \(wrong); the image has \(map.grid.count)")
    }
    queries = VectorRows(normalizing: map.tokens(of: patches), width: map.width)
    width = map.width
  }

  /// The cosine similarity of every patch to the most similar chosen one.
  ///
  /// - Parameter map: The patches of the same or another image.
  /// - Returns: One value per patch, -1 to 1.
  /// - Throws: ``InferenceError/usage(problem:)`` if another model saw the image.
  public func callAsFunction(_ map: PatchMap) throws(InferenceError) -> [Float] {
    guard map.width == width else {
      throw .usage(problem: "images seen by different models cannot be compared")
    }
    let patches = VectorRows(normalizing: map.values, width: width)
    var result = [Float](repeating: -1, count: map.grid.count)
    let columns = queries.count
    patches.forEachProduct(with: queries) { row, column, products in
      for lane in 0..<min(4, columns - column) {
        result[row] = max(result[row], min(products[lane], 1))
      }
    }
    return result
  }
}

extension PatchSimilarity {
  /// A heat map of similarities, alone and over the image.
  public struct Picture: Sendable {
    /// The heat map with visible patches.
    public let map: PixelBuffer
    /// The image with the heat map laid over it.
    public let overlay: PixelBuffer

    /// Draws a heat map.
    ///
    /// - Parameters:
    ///   - values: One value per patch.
    ///   - image: The image as the model saw it.
    ///   - geometry: Where its patches lie.
    ///   - range: The values of the first and the last colour.
    /// - Throws: ``InferenceError/image(_:)`` if the values do not fit the grid or a size is too large.
    public init(
      of values: [Float], on image: PixelBuffer, _ geometry: PatchGeometry,
      range: ClosedRange<Float>
    ) throws(InferenceError) {
      do throws(ImageError) {
        let heat = try ValueMap(
          values, size: Size(height: geometry.grid.height, width: geometry.grid.width))
        map = try heat.colored(.turbo, range: range).resizedToNearest(image.size)
        overlay = try image.overlaid(with: heat, colorMap: .turbo, range: range, opacity: 0.6)
      } catch { throw .image(error) }
    }
  }
}
