public import DINOData
public import DINOInference
internal import DINOModels
public import Imaging

/// Measures a segmentation head on images with masks.
///
/// Each map is compared with the mask at the size of the image; areas are summed over all images before
/// ratios are taken.
public struct SegmentationEvaluation: Sendable {
  /// What came out.
  public struct Result: Sendable {
    /// The areas of each image, in the order of the samples.
    public internal(set) var perImage: [SegmentationEvaluator] = []
    /// Images that could not be read, one line each.
    public internal(set) var failures: [String] = []

    /// The ratios over all images.
    public var metrics: SegmentationMetrics { Self.metrics(perImage) }

    /// Between which bounds mIoU lies, drawing images again.
    ///
    /// - Parameters:
    ///   - draws: How often all images are drawn; 0 for no interval.
    ///   - seed: Equal seeds give equal bounds.
    /// - Returns: The interval; nil for no draws or no images.
    public func interval(draws: Int, seed: UInt64) -> ConfidenceInterval? {
      ConfidenceInterval.bootstrap(of: perImage.count, draws: draws, seed: seed) { drawn in
        Self.metrics(drawn.map { perImage[$0] }).mIoU
      }
    }

    private static func metrics(_ evaluators: [SegmentationEvaluator]) -> SegmentationMetrics {
      guard let first = evaluators.first else { return SegmentationMetrics([]) }
      var areas = first.areas
      for evaluator in evaluators.dropFirst() {
        for (index, area) in evaluator.areas.enumerated() {
          areas[index].intersection += area.intersection
          areas[index].prediction += area.prediction
          areas[index].label += area.label
        }
      }
      return SegmentationMetrics(areas)
    }
  }

  /// Windows, scales and flips.
  public var options = DensePredictor.Options()
  /// How images are decoded.
  public var decoder = ImageDecoder()
  /// Threads that decode.
  public var decoders = 2

  /// Creates an evaluation in one pass over whole images.
  public init() {}

  /// Measures a head; the data should have been checked.
  ///
  /// - Parameters:
  ///   - data: Images with masks.
  ///   - predictor: The head.
  ///   - progress: Called after each image.
  /// - Returns: What came out.
  /// - Throws: `InferenceError` if the classes are not the head's or no image could be used.
  public func callAsFunction(
    _ data: SegmentationData, by predictor: DensePredictor,
    progress: @Sendable () -> Void = {}
  ) async throws(InferenceError) -> Result {
    if let names = predictor.head.classNames {
      do throws(DataError) {
        try data.demandClasses(names, of: predictor.head.path)
      } catch { throw .data(error) }
    }
    if let count = predictor.head.classCount, count != data.classNames.count {
      throw .data(
        .unusable(
          place: data.root.displayName,
          problem: "has \(data.classNames.count) classes, \(predictor.head.path) has \(count)"))
    }
    var result = Result()
    let decoder = decoder
    let pipeline = OrderedPipeline(data.samples, threads: decoders, ahead: 2 * decoders) {
      sample in
      let image = try sample.image.decode(decoder)
      return (image, try data.labels(of: sample, size: image.size, decoder: decoder))
    }
    for await item in pipeline {
      switch item.result {
      case .success(let (image, labels)):
        let predicted = try await predictor.labels(of: image, options)
        var evaluator = SegmentationEvaluator(
          classes: data.classNames.count, ignoreIndex: Int(SegmentationData.ignoredLabel))
        do throws(EvaluationError) {
          try evaluator.add(predicted.labels, labels: labels.values)
        } catch { throw .usage(problem: "\(error)") }
        result.perImage.append(evaluator)
      case .failure(let error): result.failures.append("\(error)")
      }
      progress()
    }
    guard !result.perImage.isEmpty else {
      throw .data(
        .unusable(
          place: data.root.displayName,
          problem: "none of \(data.samples.count) images could be measured; "
            + (result.failures.first ?? "")))
    }
    return result
  }
}
