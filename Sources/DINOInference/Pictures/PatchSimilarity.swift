internal import DINOModels
internal import Imaging
internal import Torch

/// How similar the patches of images are to chosen ones.
public struct PatchSimilarity: Sendable {
  /// The chosen tokens, `[K, D]`.
  private let queries: [Float]
  private let width: Int

  /// Chooses patches of an image by places in it.
  ///
  /// - Parameters:
  ///   - places: Row and column, each as a share of the image, 0 to 1.
  ///   - map: The image's patches.
  /// - Throws: ``InferenceError`` if a place is outside the image.
  public init(
    at places: [(row: Double, column: Double)], of map: PatchMap
  ) throws(InferenceError) {
    var queries: [Float] = []
    for place in places {
      guard (0..<1).contains(place.row), (0..<1).contains(place.column),
        let token = map.token(
          row: Int(place.row * Double(map.grid.height)),
          column: Int(place.column * Double(map.grid.width)))
      else { throw .usage(problem: "the point is outside the part of the image that is seen") }
      queries += token
    }
    guard !queries.isEmpty else { throw .usage(problem: "no point was given") }
    self.queries = queries
    width = map.width
  }

  /// The cosine similarity of every patch to the most similar chosen one.
  ///
  /// - Parameter map: The patches of the same or another image.
  /// - Returns: One value per patch, -1 to 1.
  /// - Throws: ``InferenceError`` if another model saw the image.
  public func callAsFunction(_ map: PatchMap) throws(InferenceError) -> [Float] {
    guard map.width == width else {
      throw .usage(problem: "images seen by different models cannot be compared")
    }
    do throws(TorchError) {
      let patches = try Tensor(map.values, [map.grid.count, width]).normalized()
      let chosen = try Tensor(queries, [queries.count / width, width]).normalized()
      return try patches.matmul(chosen.transpose(0, 1)).max(dim: 1).values.floats()
    } catch { throw .torch(error) }
  }
}
