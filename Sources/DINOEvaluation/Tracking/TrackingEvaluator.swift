public import Imaging

/// Compares tracked objects with the truth, frame by frame, as the DAVIS 2017 benchmark does.
///
///     var evaluator = TrackingEvaluator()
///     evaluator.begin("dogs", objects: [1, 2])
///     for (prediction, truth) in frames { try evaluator.add(prediction, truth: truth) }
///     print(evaluator.metrics.meanOfBoth)
///
/// Objects are those of the first frame. Every object of every video has the same weight. Who calls decides
/// which frames count: the benchmark leaves out the first, which is given, and the last.
///
/// Source: Pont-Tuset et al., 2017, section 3.
public struct TrackingEvaluator: Sendable {
  /// The measures of one object.
  public struct Object: Sendable, Equatable {
    /// The name of its video.
    public let video: String
    /// Its label.
    public let label: UInt16
    /// `J` of each frame.
    public internal(set) var regionSimilarity: [Double] = []
    /// `F` of each frame.
    public internal(set) var contourAccuracy: [Double] = []

    /// The statistics of `J`.
    public var region: TrackingStatistics { TrackingStatistics(regionSimilarity) }
    /// The statistics of `F`.
    public var contour: TrackingStatistics { TrackingStatistics(contourAccuracy) }
    /// The mean of the means of `J` and `F`.
    public var meanOfBoth: Double { (region.mean + contour.mean) / 2 }
  }

  /// The objects of all videos so far.
  public private(set) var objects: [Object] = []
  /// Pixels of the truth with this label count nowhere.
  public let void: UInt16?
  /// Where the objects of the current video begin.
  private var firstObject = 0

  /// Creates an evaluation without videos.
  ///
  /// - Parameter void: Pixels of the truth with this label count nowhere.
  public init(void: UInt16? = 255) { self.void = void }

  /// Begins a video.
  ///
  /// - Parameters:
  ///   - video: Its name.
  ///   - labels: The labels of its objects.
  public mutating func begin(_ video: String, objects labels: [UInt16]) {
    firstObject = objects.count
    objects += labels.map { Object(video: video, label: $0) }
  }

  /// Compares one frame of the video that was begun last.
  ///
  /// - Parameters:
  ///   - prediction: The predicted labels.
  ///   - truth: The true labels.
  /// - Throws: ``EvaluationError`` if the sizes differ.
  public mutating func add(
    _ prediction: ValueImage, truth: ValueImage
  ) throws(EvaluationError) {
    for index in firstObject..<objects.count {
      let label = objects[index].label
      // A mask of 255 alone is an object, not void.
      let void = self.void == label ? nil : self.void
      objects[index].regionSimilarity.append(
        try MaskAgreement.regionSimilarity(prediction, truth, object: label, void: void))
      objects[index].contourAccuracy.append(
        try MaskAgreement.contourAccuracy(prediction, truth, object: label, void: void))
    }
  }

  /// The measures of all videos so far.
  public var metrics: TrackingMetrics { TrackingMetrics(objects) }
}

/// How well objects were tracked, fractions 0 to 1.
public struct TrackingMetrics: Sendable, Equatable {
  /// `J`: how well regions overlap.
  public let region: TrackingStatistics
  /// `F`: how well contours agree.
  public let contour: TrackingStatistics
  /// `J&F`, the mean of the means of both: what the benchmark ranks by.
  public var meanOfBoth: Double { (region.mean + contour.mean) / 2 }

  /// Takes the means over objects.
  ///
  /// - Parameter objects: The objects of all videos.
  public init(_ objects: [TrackingEvaluator.Object]) {
    region = .mean(of: objects.map(\.region))
    contour = .mean(of: objects.map(\.contour))
  }
}
