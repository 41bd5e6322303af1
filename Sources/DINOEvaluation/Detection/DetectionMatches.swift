internal import DINOData

/// The overlaps of detections and boxes of one image and category.
struct BoxOverlaps {
  /// Detections by falling score; equal scores in the order in which they came.
  let detections: [COCOEvaluator.Detection]
  let truth: [COCOEvaluator.Truth]
  /// Of each detection with each box, `[detections, boxes]`.
  private let values: [Double]

  init(
    _ found: [COCOEvaluator.Detection], _ truth: [COCOEvaluator.Truth], most: Int
  ) {
    let order = found.indices.sorted { first, second in
      (found[second].score, first) < (found[first].score, second)
    }
    detections = order.prefix(max(most, 0)).map { found[$0] }
    self.truth = truth
    values = detections.flatMap { detection in
      truth.map { Self.overlap(detection.box, $0.box, isCrowd: $0.isCrowd) }
    }
  }

  subscript(detection: Int, box: Int) -> Double { values[detection * truth.count + box] }

  /// Intersection over union; over the detection alone where the box holds a crowd.
  static func overlap(_ found: BoundingBox, _ box: BoundingBox, isCrowd: Bool) -> Double {
    let width = min(found.right, box.right) - max(found.left, box.left)
    guard width > 0 else { return 0 }
    let height = min(found.bottom, box.bottom) - max(found.top, box.top)
    guard height > 0 else { return 0 }
    let common = width * height
    return common / (isCrowd ? found.area : found.area + box.area - common)
  }
}

/// Which detections of one image, category and range of areas found a box.
struct DetectionMatches: Sendable, Equatable {
  /// Scores, falling.
  let scores: [Double]
  /// Whether a detection found a box, at each threshold: `[thresholds, detections]`.
  let isMatched: [[Bool]]
  /// Whether a detection counts neither as right nor as wrong: `[thresholds, detections]`.
  let isIgnored: [[Bool]]
  /// The number of boxes that count.
  let truthCount: Int

  /// Gives each detection the box that it overlaps most among those that are free.
  ///
  /// - Parameters:
  ///   - overlaps: Detections and boxes.
  ///   - area: The areas of boxes that count; ends belong to it.
  ///   - thresholds: The least overlaps.
  init(_ overlaps: BoxOverlaps, area: ClosedRange<Double>, thresholds: [Double]) {
    let truth = overlaps.truth
    let isOut = truth.map { $0.isCrowd || !area.contains($0.area) }
    truthCount = isOut.count { !$0 }
    // Boxes that count come first, otherwise the order stays.
    let order = truth.indices.filter { !isOut[$0] } + truth.indices.filter { isOut[$0] }
    scores = overlaps.detections.map(\.score)
    let isOutside = overlaps.detections.map { !area.contains($0.box.area) }
    var matched: [[Bool]] = []
    var ignored: [[Bool]] = []
    for threshold in thresholds {
      var isTaken = [Bool](repeating: false, count: truth.count)
      var matchedHere = [Bool](repeating: false, count: scores.count)
      var ignoredHere = isOutside
      for detection in scores.indices {
        var best = min(threshold, 1 - 1e-10)
        var match: Int?
        for box in order {
          if isTaken[box], !truth[box].isCrowd { continue }
          // Once a box that counts is found, those that do not are not looked at.
          if let match, !isOut[match], isOut[box] { break }
          guard overlaps[detection, box] >= best else { continue }
          best = overlaps[detection, box]
          match = box
        }
        guard let match else { continue }
        isTaken[match] = true
        matchedHere[detection] = true
        ignoredHere[detection] = isOut[match]
      }
      matched.append(matchedHere)
      ignored.append(ignoredHere)
    }
    isMatched = matched
    isIgnored = ignored
  }
}
