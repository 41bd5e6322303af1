/// Average precision and recall of a set of images, fractions 0 to 1; NaN where no box counts.
///
/// pycocotools says −1 where NaN stands here.
public struct COCOMetrics: Sendable, Equatable {
  /// Mean over categories and ten thresholds of overlap from 0.5 to 0.95.
  public var ap = Double.nan
  /// ``ap`` at the overlap 0.5 alone.
  public var ap50 = Double.nan
  /// ``ap`` at the overlap 0.75 alone.
  public var ap75 = Double.nan
  /// ``ap`` of objects below 32 × 32 pixels, of those below 96 × 96, and of larger ones.
  public var apByArea: [Double] = []
  /// Recall with the one, ten and hundred best detections of each image and category, mean over
  /// thresholds and categories.
  public var arByCount: [Double] = []
  /// Recall of small, medium and large objects with the hundred best detections.
  public var arByArea: [Double] = []
  /// ``ap`` of each category.
  public var apByCategory: [Double] = []
  /// ``ap50`` of each category.
  public var ap50ByCategory: [Double] = []
}

extension COCOEvaluator {
  /// The metrics of all images so far.
  ///
  /// - Returns: The metrics.
  public func metrics() -> COCOMetrics {
    let most = options.maxDetections.last ?? 0
    var result = COCOMetrics()
    let all = (0..<categories).map { curves($0, area: 0, most: most) }
    result.ap = Self.mean(all.flatMap { $0?.precisions.flatMap(\.self) ?? [] })
    result.ap50 = Self.mean(precisions(all, at: 0.5))
    result.ap75 = Self.mean(precisions(all, at: 0.75))
    result.apByCategory = all.map { Self.mean($0?.precisions.flatMap(\.self) ?? []) }
    result.ap50ByCategory = all.map { Self.mean(precisions([$0], at: 0.5)) }
    for area in options.areas.indices.dropFirst() {
      let part = (0..<categories).map { curves($0, area: area, most: most) }
      result.apByArea.append(Self.mean(part.flatMap { $0?.precisions.flatMap(\.self) ?? [] }))
      result.arByArea.append(Self.mean(part.flatMap { $0?.recalls ?? [] }))
    }
    for count in options.maxDetections {
      let part = (0..<categories).map { curves($0, area: 0, most: count) }
      result.arByCount.append(Self.mean(part.flatMap { $0?.recalls ?? [] }))
    }
    return result
  }

  /// Between which bounds ``COCOMetrics/ap`` and ``COCOMetrics/ap50`` lie, by drawing images again.
  ///
  /// - Parameters:
  ///   - draws: How often all images are drawn.
  ///   - seed: Equal seeds give equal bounds.
  /// - Returns: 95 % intervals; nil for no draws or no images.
  public func intervals(
    draws: Int, seed: UInt64
  ) -> (ap: ConfidenceInterval, ap50: ConfidenceInterval)? {
    let most = options.maxDetections.last ?? 0
    let byImage = records.map { areas in
      Dictionary(uniqueKeysWithValues: (areas.first ?? []).map { ($0.image, $0) })
    }
    func interval(_ value: ([Curves?]) -> Double) -> ConfidenceInterval? {
      ConfidenceInterval.bootstrap(of: imageCount, draws: draws, seed: seed) { drawn in
        value(byImage.map { found in Curves(drawn.compactMap { found[$0] }, options, most: most) })
      }
    }
    guard
      let ap = interval({ Self.mean($0.flatMap { $0?.precisions.flatMap(\.self) ?? [] }) }),
      let ap50 = interval({ Self.mean(precisions($0, at: 0.5)) })
    else { return nil }
    return (ap, ap50)
  }

  private func curves(_ category: Int, area: Int, most: Int) -> Curves? {
    guard records[category].indices.contains(area) else { return nil }
    return Curves(records[category][area], options, most: most)
  }

  private func precisions(_ curves: [Curves?], at overlap: Double) -> [Double] {
    guard let index = options.overlaps.firstIndex(of: overlap) else { return [] }
    return curves.flatMap { $0?.precisions[index] ?? [] }
  }

  private static func mean(_ values: [Double]) -> Double {
    values.reduce(0, +) / Double(values.count)
  }
}

/// Precision and recall of one category and range of areas over images.
struct Curves {
  /// Precision at each value of recall: `[thresholds, recalls]`.
  let precisions: [[Double]]
  /// The recall that is reached, by threshold.
  let recalls: [Double]

  /// Accumulates matches; nil if no box counts.
  ///
  /// - Parameters:
  ///   - records: Matches in the order of the images, which decides between equal scores.
  ///   - options: What is measured.
  ///   - most: How many detections of an image count.
  init?(_ records: [COCOEvaluator.Record], _ options: COCOEvaluator.Options, most: Int) {
    let total = records.reduce(0) { $0 + $1.matches.truthCount }
    guard total > 0 else { return nil }
    var items: [(score: Double, record: Int, place: Int)] = []
    for (index, record) in records.enumerated() {
      for (place, score) in record.matches.scores.prefix(most).enumerated() {
        items.append((score, index, place))
      }
    }
    let order = items.indices.sorted { first, second in
      (items[second].score, first) < (items[first].score, second)
    }
    var precisions: [[Double]] = []
    var recalls: [Double] = []
    for threshold in options.overlaps.indices {
      var (right, wrong) = (0.0, 0.0)
      var recall: [Double] = []
      var precision: [Double] = []
      for index in order {
        let matches = records[items[index].record].matches
        let place = items[index].place
        if !matches.isIgnored[threshold][place] {
          if matches.isMatched[threshold][place] { right += 1 } else { wrong += 1 }
        }
        recall.append(right / Double(total))
        precision.append(right / (wrong + right + .ulpOfOne))
      }
      for index in precision.indices.dropLast().reversed() {
        precision[index] = max(precision[index], precision[index + 1])
      }
      var place = 0
      precisions.append(
        options.recalls.map { wanted in
          while place < recall.count, recall[place] < wanted { place += 1 }
          return place < precision.count ? precision[place] : 0
        })
      recalls.append(recall.last ?? 0)
    }
    self.precisions = precisions
    self.recalls = recalls
  }
}
