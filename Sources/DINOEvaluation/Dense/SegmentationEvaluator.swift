/// Counts how label maps overlap, one image at a time.
///
/// Areas are summed over all images before ratios are taken.
///
/// Source: Everingham et al., 2015, section 4.2.2; `mean_iou` of mmsegmentation.
public struct SegmentationEvaluator: Equatable, Sendable {
  /// Pixels of a class, over all images.
  public struct Area: Equatable, Sendable {
    /// Labelled and predicted as the class.
    public var intersection = 0
    /// Predicted as the class, where the label is not ignored.
    public var prediction = 0
    /// Labelled as the class.
    public var label = 0

    /// Labelled or predicted as the class.
    public var union: Int { prediction + label - intersection }
  }

  /// The areas of each class.
  public private(set) var areas: [Area]
  /// Pixels with this label count nowhere.
  public let ignoreIndex: Int
  /// Whether label 0 becomes 255 and all others move down by one, as ADE20K wants it.
  public let reducesZeroLabel: Bool

  /// Creates an evaluation without images.
  ///
  /// - Parameters:
  ///   - classes: The number of classes.
  ///   - ignoreIndex: Pixels with this label count nowhere.
  ///   - reducesZeroLabel: Whether label 0 becomes 255 and all others but 255 move down by one;
  ///     predictions stay as they are.
  public init(classes: Int, ignoreIndex: Int = 255, reducesZeroLabel: Bool = false) {
    areas = Array(repeating: Area(), count: max(classes, 0))
    self.ignoreIndex = ignoreIndex
    self.reducesZeroLabel = reducesZeroLabel
  }

  /// Compares the map of one image.
  ///
  /// A number that is no class adds to no area of its own kind: a pixel with such a label still
  /// counts as predicted.
  ///
  /// - Parameters:
  ///   - prediction: The predicted class of each pixel.
  ///   - labels: The label of each pixel.
  /// - Throws: ``EvaluationError`` if the numbers of pixels differ.
  @specialized(where Prediction == UInt8, Label == UInt8)
  @specialized(where Prediction == UInt16, Label == UInt16)
  @specialized(where Prediction == Int64, Label == Int64)
  public mutating func add<Prediction: FixedWidthInteger, Label: FixedWidthInteger>(
    _ prediction: [Prediction], labels: [Label]
  ) throws(EvaluationError) {
    guard prediction.count == labels.count else {
      throw EvaluationError(
        "segmentation: \(prediction.count) predicted pixels for \(labels.count) labelled ones; "
          + "resize the prediction to the size of the labels")
    }
    // Maps hold long runs of equal pixels, which are counted at once.
    var (start, predictionEnd, labelEnd) = (0, 0, 0)
    while start < labels.count {
      if predictionEnd == start { predictionEnd = prediction.endOfRun(from: start) }
      if labelEnd == start { labelEnd = labels.endOfRun(from: start) }
      let end = min(predictionEnd, labelEnd)
      if let label = Int(exactly: labels[start]) {
        count(end - start, predicted: Int(exactly: prediction[start]) ?? -1, label: label)
      }
      start = end
    }
  }

  /// Counts pixels that are all alike.
  private mutating func count(_ pixels: Int, predicted: Int, label: Int) {
    var label = label
    if reducesZeroLabel { label = label == 0 || label == 255 ? 255 : label - 1 }
    guard label != ignoreIndex else { return }
    if areas.indices.contains(predicted) { areas[predicted].prediction += pixels }
    guard areas.indices.contains(label) else { return }
    areas[label].label += pixels
    if predicted == label { areas[label].intersection += pixels }
  }

  /// Adds what another evaluation of the same classes counted.
  ///
  /// - Parameter other: The other evaluation.
  /// - Throws: ``EvaluationError`` if the numbers of classes differ.
  public mutating func merge(_ other: SegmentationEvaluator) throws(EvaluationError) {
    guard other.areas.count == areas.count else {
      throw EvaluationError(
        "segmentation: \(other.areas.count) classes cannot be added to \(areas.count)")
    }
    for (index, area) in other.areas.enumerated() {
      areas[index].intersection += area.intersection
      areas[index].prediction += area.prediction
      areas[index].label += area.label
    }
  }

  /// The ratios of all images so far.
  public var metrics: SegmentationMetrics { SegmentationMetrics(areas) }
}

/// How well label maps overlap, fractions 0 to 1.
public struct SegmentationMetrics: Equatable, Sendable {
  /// Intersection over union of each class; NaN for one that occurs nowhere.
  public let iou: [Double]
  /// The share of each class's pixels that are found; NaN for one that is never labelled.
  public let accuracy: [Double]
  /// The mean of ``iou`` over the classes that occur.
  public let mIoU: Double
  /// The mean of ``accuracy`` over the classes that are labelled.
  public let mAcc: Double
  /// The share of all pixels that are right.
  public let aAcc: Double

  /// Takes the ratios of areas.
  ///
  /// - Parameter areas: One per class.
  public init(_ areas: [SegmentationEvaluator.Area]) {
    func mean(_ values: [Double]) -> Double {
      let present = values.filter { !$0.isNaN }
      return present.reduce(0, +) / Double(present.count)
    }
    func sum(_ part: KeyPath<SegmentationEvaluator.Area, Int>) -> Double {
      Double(areas.reduce(0) { $0 + $1[keyPath: part] })
    }
    iou = areas.map { Double($0.intersection) / Double($0.union) }
    accuracy = areas.map { Double($0.intersection) / Double($0.label) }
    mIoU = mean(iou)
    mAcc = mean(accuracy)
    aAcc = sum(\.intersection) / sum(\.label)
  }
}

extension Array where Element: FixedWidthInteger {
  /// Where the elements end that equal the one at an index and follow it.
  fileprivate func endOfRun(from start: Int) -> Int {
    let width = MemoryLayout<Element>.stride
    return unsafe withUnsafeBytes { bytes in
      func word(_ index: Int) -> UInt64 {
        UInt64(
          littleEndian: unsafe bytes.loadUnaligned(
            fromByteOffset: index * width, as: UInt64.self))
      }
      var end = start + 1
      // Elements are alike as far as eight bytes equal those one element before.
      while width <= 8, end * width + 8 <= bytes.count {
        let difference = word(end) ^ word(end - 1)
        guard difference == 0 else { return end + difference.trailingZeroBitCount / (8 * width) }
        end += 8 / width
      }
      while end < count, self[end] == self[start] { end += 1 }
      return end
    }
  }
}
