internal import Glibc
public import Imaging

/// How well the mask of an object agrees with the true one in one frame.
///
/// Source: Perazzi et al., 2016, section 3, and the code of the DAVIS 2017 benchmark.
public enum MaskAgreement {
  /// `J`, region similarity: the intersection of two masks over their union, 1 where both are empty.
  ///
  /// - Parameters:
  ///   - prediction: The predicted labels.
  ///   - truth: The true labels, of the same size.
  ///   - object: The label of the object in both.
  ///   - void: A label of the truth whose pixels count nowhere.
  /// - Returns: 0 to 1.
  /// - Throws: ``EvaluationError`` if the sizes differ.
  public static func regionSimilarity(
    _ prediction: ValueImage, _ truth: ValueImage, object: UInt16, void: UInt16? = nil
  ) throws(EvaluationError) -> Double {
    try checkSizes(prediction, truth)
    var (intersection, union) = (0, 0)
    for (predicted, known) in zip(prediction.values, truth.values) where known != void {
      let (isPredicted, isKnown) = (predicted == object, known == object)
      if isPredicted && isKnown { intersection += 1 }
      if isPredicted || isKnown { union += 1 }
    }
    return union == 0 ? 1 : Double(intersection) / Double(union)
  }

  /// `F`, contour accuracy: the harmonic mean of the shares of each contour that lies near the other.
  ///
  /// Near is within `tolerance` times the diagonal, rounded up to whole pixels.
  ///
  /// - Parameters:
  ///   - prediction: The predicted labels.
  ///   - truth: The true labels, of the same size.
  ///   - object: The label of the object in both.
  ///   - void: A label of the truth whose pixels belong to no mask.
  ///   - tolerance: The share of the diagonal; a number from 1 on is the distance in pixels.
  /// - Returns: 0 to 1; 1 where both contours are empty.
  /// - Throws: ``EvaluationError`` if the sizes differ or the tolerance is negative or no number.
  public static func contourAccuracy(
    _ prediction: ValueImage, _ truth: ValueImage, object: UInt16, void: UInt16? = nil,
    tolerance: Double = 0.008
  ) throws(EvaluationError) -> Double {
    try checkSizes(prediction, truth)
    let size = truth.size
    let diagonal = hypot(Double(size.height), Double(size.width))
    guard tolerance >= 0, tolerance <= diagonal else {
      throw EvaluationError(
        "contour accuracy: the tolerance is \(tolerance); expected 0 to the diagonal, \(diagonal)")
    }
    let radius = Int(tolerance >= 1 ? tolerance : (tolerance * diagonal).rounded(.up))
    func contour(_ map: ValueImage) -> Contour {
      Contour(
        of: zip(map.values, truth.values).map { $0 == object && $1 != void }, size: size)
    }
    let (predicted, known) = (contour(prediction), contour(truth))
    if predicted.places.isEmpty || known.places.isEmpty {
      return predicted.places.isEmpty && known.places.isEmpty ? 1 : 0
    }
    let precision = predicted.share(near: known, radius: radius)
    let recall = known.share(near: predicted, radius: radius)
    return precision + recall == 0 ? 0 : 2 * precision * recall / (precision + recall)
  }

  private static func checkSizes(
    _ prediction: ValueImage, _ truth: ValueImage
  ) throws(EvaluationError) {
    guard prediction.size == truth.size else {
      throw EvaluationError(
        "tracking: a prediction of \(prediction.size) for a mask of \(truth.size); "
          + "resize the prediction")
    }
  }
}

/// The pixels at which a mask changes.
struct Contour {
  /// The pixels, row by row.
  let places: [Int]
  private let size: Size

  /// Finds pixels that differ from the one to the right, below, or both.
  ///
  /// At the last row and column only the neighbours that exist count.
  ///
  /// Source: `seg2bmap` of the Berkeley segmentation benchmark, as DAVIS uses it.
  init(of mask: [Bool], size: Size) {
    var places: [Int] = []
    for row in 0..<size.height {
      let below = row + 1 < size.height ? size.width : 0
      for column in 0..<size.width {
        let index = row * size.width + column
        let right = column + 1 < size.width ? 1 : 0
        let own = mask[index]
        if mask[index + right] != own || mask[index + below] != own
          || mask[index + right + below] != own
        {
          places.append(index)
        }
      }
    }
    self.places = places
    self.size = size
  }

  /// The share of the pixels that have one of another contour's within a distance.
  func share(near other: Contour, radius: Int) -> Double {
    let near = other.dilated(radius)
    return Double(places.count { near[$0] }) / Double(max(places.count, 1))
  }

  /// The pixels within a distance of the contour.
  private func dilated(_ radius: Int) -> [Bool] {
    // Where runs begin and end: painting every pixel of every disc would take much longer.
    let stride = size.width + 1
    var changes = [Int32](repeating: 0, count: size.height * stride)
    let halfWidths = (-radius...radius).map {
      Int(Double(radius * radius - $0 * $0).squareRoot())
    }
    for place in places {
      let (row, column) = place.quotientAndRemainder(dividingBy: size.width)
      for (step, halfWidth) in halfWidths.enumerated() {
        let line = row + step - radius
        guard line >= 0, line < size.height else { continue }
        changes[line * stride + max(column - halfWidth, 0)] += 1
        changes[line * stride + min(column + halfWidth + 1, size.width)] -= 1
      }
    }
    var near = [Bool](repeating: false, count: size.height * size.width)
    for row in 0..<size.height {
      var open: Int32 = 0
      for column in 0..<size.width {
        open += changes[row * stride + column]
        near[row * size.width + column] = open > 0
      }
    }
    return near
  }
}
