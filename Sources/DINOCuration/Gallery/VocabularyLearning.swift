internal import DINOData
public import DINOInference
internal import DINOModels
public import Imaging
internal import Torch

/// Learns a ``PatchVocabulary`` from images: principal components of their patch tokens, and k-means among them.
public struct VocabularyLearning: Sendable {
  /// The number of centres, `K`.
  public var centres = 64
  /// The number of principal components, `d`; fewer for narrower tokens.
  public var directions = 32
  /// The most images that are looked at, evenly spread.
  public var images = 1_000
  /// The most tokens that an image contributes, drawn at random.
  public var tokensPerImage = 64
  /// The seed of every random draw.
  public var seed: UInt64 = 0

  /// 64 centres in 32 directions.
  public init() {}

  /// What random numbers are drawn for: the tokens of an image.
  private static let stream: UInt64 = 0x566F_0000_0000

  /// Learns.
  ///
  /// - Parameters:
  ///   - inputs: What images come from; those that cannot be read are passed over.
  ///   - job: How images are prepared and after which block tokens are taken.
  ///   - model: The model.
  ///   - load: Reads an input; called on several threads at once.
  ///   - progress: Called after each input that was looked at.
  /// - Returns: The vocabulary.
  /// - Throws: ``CurationError`` if there are too few tokens; `InferenceError` if the model fails.
  public func callAsFunction<Input: Sendable>(
    _ inputs: [Input], _ job: DescriptorJob, with model: DINOv2,
    load: @escaping @Sendable (Input) throws -> PixelBuffer, progress: () -> Void = {}
  ) async throws -> PatchVocabulary {
    let count = min(inputs.count, images)
    let chosen = (0..<count).map { inputs[$0 * inputs.count / count] }
    let preprocessing = job.preprocessing
    let pipeline = OrderedPipeline(chosen, threads: job.decoders, ahead: 2 * job.batch) { input in
      try preprocessing.batch([load(input)])
    }
    var rows: [Float] = []
    for await item in pipeline {
      defer { progress() }
      guard case .success(let batch) = item.result else { continue }
      let block = job.recipe.block ?? model.config.depth - 1
      let tokens = try await model.tokens(
        of: batch, after: [block], normalize: job.recipe.appliesFinalNorm)
      let patches = Array(tokens[0].patchTokens(0))
      let width = tokens[0].width
      var random = CounterRandom(seed: seed, stream: Self.stream + UInt64(item.index))
      for token in random.choose(tokensPerImage, of: Array(0..<patches.count / width)) {
        rows += patches[token * width..<(token + 1) * width]
      }
    }
    return try vocabulary(of: rows, width: model.config.embedDim)
  }

  /// The vocabulary of tokens.
  ///
  /// - Parameters:
  ///   - rows: Tokens, `[N, D]`.
  ///   - width: The values of a token, `D`.
  /// - Returns: The vocabulary.
  /// - Throws: ``CurationError`` if there are fewer tokens than centres.
  package func vocabulary(of rows: [Float], width: Int) throws -> PatchVocabulary {
    let count = rows.count / width
    guard count > max(centres, 1) else {
      throw CurationError.usage(
        problem: "a vocabulary of \(centres) centres needs more patches than \(count); "
          + "add images or ask for fewer centres")
    }
    let tokens = try Tensor(rows, [count, width]).to(dtype: .float64)
    let mean = try tokens.mean(dim: 0)
    let centred = try tokens - mean
    let covariance = try centred.transpose(0, 1).matmul(centred) / Double(count)
    let vectors = try covariance.symmetricEigen().vectors  // variances ascending
    let largest = Array((max(width - directions, 0)..<width).reversed())
    let basis = try vectors.selecting(largest, dim: 1).transpose(0, 1).contiguous()  // [d, D]
    let reduced = try centred.matmul(basis.transpose(0, 1)).to(dtype: .float32).floats()
    var clustering = KMeans(clusters: centres)
    clustering.seed = seed
    let found = try clustering(
      EmbeddingMatrix(reduced, columns: largest.count, source: "patch tokens"))
    return try PatchVocabulary(
      mean: mean.to(dtype: .float32).floats(), directions: basis.to(dtype: .float32).floats(),
      centres: found.centroids.values.map(Float.init))
  }
}
