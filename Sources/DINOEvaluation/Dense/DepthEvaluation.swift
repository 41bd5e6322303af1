public import DINOData
public import DINOInference
internal import DINOModels
public import Imaging

/// Measures a depth head on images with depth maps: metrics per image, then their mean.
public struct DepthEvaluation: Sendable {
  /// What came out.
  public struct Result: Sendable {
    /// The metrics of each image, in the order of the samples; NaN without a known pixel.
    public internal(set) var perImage: [DepthMetrics] = []
    /// The metrics of one depth for every pixel, if ``DepthEvaluation/constant`` was given.
    public internal(set) var ofConstant: DepthMetrics?
    /// Images that could not be read, one line each.
    public internal(set) var failures: [String] = []

    /// The mean over the images that have a known pixel.
    public var mean: DepthMetrics { DepthEvaluator.mean(of: perImage) }

    /// Between which bounds the mean root-mean-square error lies, drawing images again.
    ///
    /// - Parameters:
    ///   - draws: How often all images are drawn; 0 for no interval.
    ///   - seed: Equal seeds give equal bounds.
    /// - Returns: The interval; nil for no draws or no images.
    public func interval(draws: Int, seed: UInt64) -> ConfidenceInterval? {
      let values = perImage.map(\.rmse).filter { !$0.isNaN }
      return ConfidenceInterval.bootstrap(of: values.count, draws: draws, seed: seed) { drawn in
        drawn.reduce(0) { $0 + values[$1] } / Double(drawn.count)
      }
    }
  }

  /// Windows and flips.
  public var options = DensePredictor.Options()
  /// A depth for every pixel, metres, that is measured beside the head: what it must beat.
  public var constant: Double?
  /// Which pixels count.
  public var comparison = DepthEvaluator.Options()
  /// How images are decoded.
  public var decoder = ImageDecoder()
  /// Threads that decode.
  public var decoders = 2

  /// Creates an evaluation in one pass over whole images.
  public init() {}

  /// Measures a head; the data should have been checked.
  ///
  /// - Parameters:
  ///   - data: Images with depth maps.
  ///   - predictor: The head.
  ///   - progress: Called after each image.
  /// - Returns: What came out.
  /// - Throws: `InferenceError` if no image could be used.
  public func callAsFunction(
    _ data: DepthData, by predictor: DensePredictor, progress: @Sendable () -> Void = {}
  ) async throws(InferenceError) -> Result {
    var evaluator = DepthEvaluator(comparison)
    var reference = constant.map { _ in DepthEvaluator(comparison) }
    var result = Result()
    let decoder = decoder
    let pipeline = OrderedPipeline(data.samples, threads: decoders, ahead: 2 * decoders) {
      sample in
      let image = try sample.image.decode(decoder)
      return (image, try data.depth(of: sample, size: image.size, decoder: decoder))
    }
    for await item in pipeline {
      switch item.result {
      case .success(let (image, truth)):
        let predicted = try await predictor.depth(of: image, options)
        do throws(EvaluationError) {
          try evaluator.add(predicted.metres, truth: truth.metres, size: truth.size)
          if let constant {
            let same = [Float](repeating: Float(constant), count: truth.metres.count)
            try reference?.add(same, truth: truth.metres, size: truth.size)
          }
        } catch { throw .usage(problem: "\(error)") }
      case .failure(let error): result.failures.append("\(error)")
      }
      progress()
    }
    result.perImage = evaluator.perImage
    result.ofConstant = reference?.mean
    guard result.perImage.contains(where: { !$0.rmse.isNaN }) else {
      throw .data(
        .unusable(
          place: data.root.displayName,
          problem: "none of \(data.samples.count) images could be measured; "
            + (result.failures.first
              ?? "no pixel is known between \(comparison.minDepth) and \(comparison.maxDepth) m in "
              + "the crop \(comparison.crop.rawValue)")))
    }
    return result
  }
}
