public import DINOData

/// Average precision and recall of detections, as the COCO benchmark defines them.
///
/// Per image and category, detections in the order of their scores take the free box that they overlap
/// most, at ten thresholds of overlap. Over all images, precision is made monotonic and read at 101 values
/// of recall. Boxes around crowds, and boxes of another size than the one that is asked for, count neither
/// as found nor as missed.
///
/// Source: Lin et al., 2014; the metric is what `pycocotools.cocoeval.COCOeval` computes, here without its
/// slip that a box whose id is 0 can never be found.
///
///     var evaluator = COCOEvaluator(categories: 12)
///     evaluator.addImage(truth: boxes, detections: found)
///     print(evaluator.metrics().ap50)
public struct COCOEvaluator: Sendable {
  /// A box of the ground truth.
  public struct Truth: Sendable, Equatable {
    /// The category, counted from 0.
    public var category: Int
    /// The box.
    public var box: BoundingBox
    /// The area by which the size is judged, square pixels: that of the object, not of its box, where it
    /// is known.
    public var area: Double
    /// Whether the box holds a crowd: it is no loss to miss it, and no fault to find it several times.
    public var isCrowd: Bool

    /// Describes a box.
    ///
    /// - Parameters:
    ///   - category: The category, counted from 0.
    ///   - box: The box.
    ///   - area: The area by which the size is judged; the box's if nil.
    ///   - isCrowd: Whether the box holds a crowd.
    public init(category: Int, box: BoundingBox, area: Double? = nil, isCrowd: Bool = false) {
      self.category = category
      self.box = box
      self.area = area ?? box.area
      self.isCrowd = isCrowd
    }
  }

  /// A box that was found.
  public struct Detection: Sendable, Equatable {
    /// The category, counted from 0.
    public var category: Int
    /// The box.
    public var box: BoundingBox
    /// How sure the detector is; larger comes first.
    public var score: Double

    /// Describes a box that was found.
    ///
    /// - Parameters:
    ///   - category: The category, counted from 0.
    ///   - box: The box.
    ///   - score: How sure the detector is.
    public init(category: Int, box: BoundingBox, score: Double) {
      (self.category, self.box, self.score) = (category, box, score)
    }
  }

  /// What is measured.
  public struct Options: Sendable, Equatable {
    /// Overlaps from which on a box counts as found.
    public var overlaps = Self.evenly(from: 0.5, to: 0.95, count: 10)
    /// Values of recall at which precision is read.
    public var recalls = Self.evenly(from: 0, to: 1, count: 101)
    /// How many detections of an image and a category count, ascending; precision takes the last.
    public var maxDetections = [1, 10, 100]
    /// Areas of all, small, medium and large objects, square pixels.
    public var areas: [ClosedRange<Double>] = [0...1e10, 0...1024, 1024...9216, 9216...1e10]

    /// Measures what the benchmark measures.
    public init() {}

    /// Numbers as numpy's `linspace` rounds them: comparisons at the bounds depend on it.
    private static func evenly(from first: Double, to last: Double, count: Int) -> [Double] {
      let step = (last - first) / Double(count - 1)
      return (0..<count - 1).map { Double($0) * step + first } + [last]
    }
  }

  /// What is measured.
  public let options: Options
  /// The number of categories.
  public let categories: Int
  /// The number of images so far.
  public private(set) var imageCount = 0
  /// Matches by category and area, in the order of the images.
  var records: [[[Record]]]

  /// The matches of an image.
  struct Record: Sendable {
    let image: Int
    let matches: DetectionMatches
  }

  /// Begins without images.
  ///
  /// - Parameters:
  ///   - categories: The number of categories.
  ///   - options: What is measured.
  public init(categories: Int, options: Options = Options()) {
    self.categories = max(categories, 0)
    self.options = options
    records = Array(
      repeating: Array(repeating: [], count: options.areas.count), count: self.categories)
  }

  /// Compares the detections of an image with its boxes.
  ///
  /// What has a category that is not there is left out, as are detections whose score is no number.
  ///
  /// - Parameters:
  ///   - truth: The boxes, in the order in which they are listed; it decides between equal overlaps.
  ///   - detections: The detections; their order decides between equal scores.
  public mutating func addImage(truth: [Truth], detections: [Detection]) {
    var boxes = [[Truth]](repeating: [], count: categories)
    var found = [[Detection]](repeating: [], count: categories)
    for item in truth where boxes.indices.contains(item.category) {
      boxes[item.category].append(item)
    }
    for item in detections where found.indices.contains(item.category) && !item.score.isNaN {
      found[item.category].append(item)
    }
    let most = options.maxDetections.last ?? 0
    for category in boxes.indices where !boxes[category].isEmpty || !found[category].isEmpty {
      let overlaps = BoxOverlaps(found[category], boxes[category], most: most)
      for (index, area) in options.areas.enumerated() {
        let matches = DetectionMatches(overlaps, area: area, thresholds: options.overlaps)
        records[category][index].append(Record(image: imageCount, matches: matches))
      }
    }
    imageCount += 1
  }
}
