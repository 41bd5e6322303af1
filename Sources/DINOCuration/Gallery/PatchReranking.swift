internal import DINOData
public import DINOInference
internal import DINOModels
public import Imaging

/// Orders images that were found by how well their patches match those of the query.
///
/// The score is the sum of the similarities of all pairs of patches that are each other's nearest
/// neighbours, divided by the number of patches of the query: an image that shows the same thing has a
/// partner for many patches, whatever is beside it.
public struct PatchReranking: Sendable {
  /// How images become the model's input.
  public var preprocessing: Preprocessing
  /// How images are decoded.
  public var decoder: ImageDecoder
  /// Pairs below this similarity do not count.
  public var threshold: Float = 0

  /// Prepares to match.
  ///
  /// - Parameters:
  ///   - preprocessing: How images become the model's input.
  ///   - decoder: How images are decoded.
  public init(_ preprocessing: Preprocessing, decoder: ImageDecoder = ImageDecoder()) {
    self.preprocessing = preprocessing
    self.decoder = decoder
  }

  /// How well two images match.
  ///
  /// - Parameters:
  ///   - query: The patches of the query.
  ///   - other: The patches of an image that was found.
  /// - Returns: The score, 0 to 1.
  /// - Throws: `InferenceError` if the images were seen by different models.
  public func score(
    _ query: PatchMap, _ other: PatchMap
  ) throws(InferenceError) -> Double {
    var options = PatchMatching.Options()
    options.most = .max
    options.radius = 0
    options.threshold = threshold
    options.foreground = .everything
    let matches = try PatchMatching(query, other, options).matches
    return matches.reduce(0) { $0 + Double($1.similarity) } / Double(query.grid.count)
  }

  /// The scores of images that were found.
  ///
  /// - Parameters:
  ///   - matches: The images.
  ///   - query: The query.
  ///   - model: The model.
  /// - Returns: The score of each; nil for one that can no longer be read.
  /// - Throws: `InferenceError` if the model fails.
  public func callAsFunction(
    _ matches: [Gallery.Match], query: PixelBuffer, with model: DINOv2
  ) async throws(InferenceError) -> [Double?] {
    let seen = try await model.features(of: query, preprocessing).patches
    var scores: [Double?] = []
    for match in matches {
      guard let reference = match.reference, let image = try? reference.decode(decoder) else {
        scores.append(nil)
        continue
      }
      scores.append(try score(seen, try await model.features(of: image, preprocessing).patches))
    }
    return scores
  }
}
