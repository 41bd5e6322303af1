public import Imaging

/// Evaluates depth maps one at a time.
///
/// Source: the evaluation of the Monocular-Depth-Estimation-Toolbox, which the released depth heads
/// were trained and measured with: metrics per image, then their mean over images.
public struct DepthEvaluator: Sendable {
  /// What is compared.
  public struct Options: Equatable, Sendable {
    /// Only depths strictly above it count, metres.
    public var minDepth = 1e-3
    /// Only depths strictly below it count, metres.
    public var maxDepth = 10.0
    /// The part of each map that counts.
    public var crop = DepthCrop.none
    /// Whether each prediction is scaled to the median of the truth first, then clamped to the range:
    /// for networks that know depth up to a factor.
    public var scalesByMedian = false

    /// Creates the options of NYU without a crop.
    public init() {}
  }

  /// What is compared.
  public let options: Options
  /// The metrics of each image, in the order in which they were added; NaN without a known pixel.
  public private(set) var perImage: [DepthMetrics] = []

  /// Creates an evaluation without images.
  ///
  /// - Parameter options: What is compared.
  public init(_ options: Options = Options()) {
    self.options = options
  }

  /// Compares the map of one image.
  ///
  /// - Parameters:
  ///   - prediction: Metres, row by row.
  ///   - truth: Metres, row by row; 0 or NaN where unknown.
  ///   - size: The size of both.
  /// - Returns: The metrics of this image; NaN throughout if no pixel is known.
  /// - Throws: ``EvaluationError`` if the numbers of pixels do not fit the size.
  @discardableResult
  public mutating func add(
    _ prediction: [Float], truth: [Float], size: Size
  ) throws(EvaluationError) -> DepthMetrics {
    guard let count = size.pixels, prediction.count == count, truth.count == count else {
      throw EvaluationError(
        "depth: \(prediction.count) predicted and \(truth.count) measured pixels for a map of "
          + "\(size); resize the prediction to the size of the truth")
    }
    var pixels = known(prediction, truth, size)
    if options.scalesByMedian { scale(&pixels) }
    let metrics = DepthMetrics.compare(pixels)
    perImage.append(metrics)
    return metrics
  }

  /// The mean of each metric over the images that have it, NaN if none has.
  public var mean: DepthMetrics { Self.mean(of: perImage) }

  /// The mean of each metric over the images that have it, NaN if none has.
  static func mean(of perImage: [DepthMetrics]) -> DepthMetrics {
    DepthMetrics(
      values: (0..<DepthMetrics.CodingKeys.allCases.count).map { index in
        let values = perImage.map { $0.values[index] }.filter { !$0.isNaN }
        return values.reduce(0, +) / Double(values.count)
      })
  }

  private func known(
    _ prediction: [Float], _ truth: [Float], _ size: Size
  ) -> [(prediction: Double, truth: Double)] {
    let region = options.crop.region(in: size)
    var pixels: [(prediction: Double, truth: Double)] = []
    for row in region.top..<region.top + region.height {
      for index in row * size.width + region.left..<row * size.width + region.left + region.width {
        let depth = Double(truth[index])
        if depth > options.minDepth, depth < options.maxDepth {
          pixels.append((Double(prediction[index]), depth))
        }
      }
    }
    return pixels
  }

  private func scale(_ pixels: inout [(prediction: Double, truth: Double)]) {
    let factor = Self.median(pixels.map(\.truth)) / Self.median(pixels.map(\.prediction))
    for index in pixels.indices {
      let scaled = pixels[index].prediction * factor
      pixels[index].prediction = min(max(scaled, options.minDepth), options.maxDepth)
    }
  }

  /// The middle value; of an even number of values the mean of both in the middle.
  private static func median(_ values: [Double]) -> Double {
    guard !values.isEmpty else { return .nan }
    let sorted = values.sorted()
    let middle = sorted.count / 2
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
  }
}
