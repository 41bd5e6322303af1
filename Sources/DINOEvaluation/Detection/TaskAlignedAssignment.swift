package import DINOModels
internal import Foundation

/// Which places of a detection head are to find which object, and how well they are to score.
///
/// Of the places whose centre lies in an object's box, those with the largest `s^α · u^β` are its own: `s` is
/// the score that a place gives the object's class, `u` the overlap of its box with the object's. A place of two
/// objects goes to the one that it overlaps more. The score that a place is to learn is its `s^α · u^β`,
/// scaled so that the largest of an object is the object's largest overlap.
///
/// Against the fixed ranges of sizes and the centre-ness of FCOS: nothing has to be set for the sizes of a data
/// set, scores and boxes improve each other, and the head needs one prediction less.
///
/// Source: Feng et al., 2021 (TOOD), section 3.2. An object between all centres gets the nearest place of the
/// finest level, which the source leaves without one.
package struct TaskAlignedAssignment: Sendable, Equatable {
  /// The exponent `α` of the score.
  package var scoreExponent = 1.0
  /// The exponent `β` of the overlap.
  package var overlapExponent = 6.0
  /// The most places of an object.
  package var count = 9

  /// Assigns as the source does, with fewer places: the levels are fewer too.
  package init() {}

  /// Places that find something.
  package struct Result: Sendable, Equatable {
    /// The places, ascending.
    package var places: [Int] = []
    /// The object of each.
    package var objects: [Int] = []
    /// The score that each is to learn, 0 to 1.
    package var qualities: [Float] = []
    /// Places whose scores do not count, ascending.
    package var ignored: [Int] = []
  }

  /// What the head predicts for an image at present.
  package struct Predictions {
    /// The places.
    package let grid: DetectionGrid
    /// Scores 0 to 1, `[N, K]`.
    package let scores: ArraySlice<Float>
    /// Boxes, `[N, 4]`.
    package let boxes: ArraySlice<Float>
    /// The number of classes, `K`.
    package let classes: Int

    /// Puts predictions together.
    package init(
      grid: DetectionGrid, scores: ArraySlice<Float>, boxes: ArraySlice<Float>, classes: Int
    ) {
      (self.grid, self.scores, self.boxes, self.classes) = (grid, scores, boxes, classes)
    }

    func score(_ place: Int, _ category: Int) -> Float {
      scores[scores.startIndex + place * classes + category]
    }

    func box(_ place: Int) -> SIMD4<Float> {
      let start = boxes.startIndex + 4 * place
      return SIMD4(boxes[start], boxes[start + 1], boxes[start + 2], boxes[start + 3])
    }
  }

  private struct Candidate {
    let place: Int
    let metric: Double
    let overlap: Float
    let distance: Float
  }

  /// Assigns the places of an image.
  ///
  /// - Parameters:
  ///   - targets: The objects.
  ///   - predictions: What the head predicts at present.
  /// - Returns: The places that find something.
  package func callAsFunction(_ targets: [TargetBox], _ predictions: Predictions) -> Result {
    var owners: [Int: (object: Int, metric: Double, overlap: Float)] = [:]
    for (object, target) in targets.enumerated() where !target.isCrowd {
      let candidates = candidates(for: target, predictions).sorted { first, second in
        if first.metric != second.metric { return first.metric > second.metric }
        return (first.distance, first.place) < (second.distance, second.place)
      }
      for candidate in candidates.prefix(count) {
        if let owner = owners[candidate.place], owner.overlap >= candidate.overlap { continue }
        owners[candidate.place] = (object, candidate.metric, candidate.overlap)
      }
    }
    var best = [(metric: Double, overlap: Float)](repeating: (0, 0), count: targets.count)
    for owner in owners.values {
      best[owner.object].metric = max(best[owner.object].metric, owner.metric)
      best[owner.object].overlap = max(best[owner.object].overlap, owner.overlap)
    }
    var result = Result()
    for (place, owner) in owners.sorted(by: { $0.key < $1.key }) {
      let top = best[owner.object]
      result.places.append(place)
      result.objects.append(owner.object)
      result.qualities.append(
        top.metric > 0 ? Float(owner.metric / top.metric) * top.overlap : 0)
    }
    for target in targets where target.isCrowd {
      result.ignored += inside(target, predictions.grid).filter { owners[$0] == nil }
    }
    result.ignored = Array(Set(result.ignored)).sorted()
    return result
  }

  private func candidates(
    for target: TargetBox, _ predictions: Predictions
  ) -> [Candidate] {
    var places = inside(target, predictions.grid)
    if let nearest = nearest(target, predictions.grid), !places.contains(nearest) {
      places.append(nearest)
    }
    let middle = (
      x: (target.edges[0] + target.edges[2]) / 2, y: (target.edges[1] + target.edges[3]) / 2
    )
    return places.map { place in
      let overlap = target.overlap(with: predictions.box(place))
      let score = Double(predictions.score(place, target.category))
      let center = predictions.grid.center(place)
      return Candidate(
        place: place,
        metric: pow(score, scoreExponent) * pow(Double(overlap), overlapExponent),
        overlap: overlap,
        distance: (center.x - middle.x) * (center.x - middle.x)
          + (center.y - middle.y) * (center.y - middle.y))
    }
  }

  /// The places whose centres lie in a box.
  private func inside(_ target: TargetBox, _ grid: DetectionGrid) -> [Int] {
    grid.levels.flatMap { level in
      let rows = Self.range(target.edges[1], target.edges[3], level.stride, level.rows)
      let columns = Self.range(target.edges[0], target.edges[2], level.stride, level.columns)
      return rows.flatMap { row in columns.map { level.start + row * level.columns + $0 } }
    }
  }

  /// The place of the finest level whose centre is nearest to that of a box.
  private func nearest(_ target: TargetBox, _ grid: DetectionGrid) -> Int? {
    guard let level = grid.levels.first, level.count > 0 else { return nil }
    func index(_ low: Float, _ high: Float, _ count: Int) -> Int {
      let cell = (Double(low + high) / 2 / level.stride).rounded(.down)
      return Int(min(max(cell, 0), Double(count - 1)))
    }
    let row = index(target.edges[1], target.edges[3], level.rows)
    return level.start + row * level.columns
      + index(target.edges[0], target.edges[2], level.columns)
  }

  /// The cells whose centres lie between two edges.
  private static func range(
    _ low: Float, _ high: Float, _ stride: Double, _ count: Int
  ) -> Range<Int> {
    let first = (Double(low) / stride - 0.5).rounded(.up)
    let last = (Double(high) / stride - 0.5).rounded(.down)
    let start = Int(min(max(first, 0), Double(count)))
    return start..<max(Int(min(max(last + 1, 0), Double(count))), start)
  }
}

extension DetectionGrid {
  /// The centre of a cell.
  func center(_ place: Int) -> (x: Float, y: Float) {
    guard let level = levels.last(where: { $0.start <= place }), level.columns > 0 else {
      return (0, 0)
    }
    let index = place - level.start
    return (
      Float((Double(index % level.columns) + 0.5) * level.stride),
      Float((Double(index / level.columns) + 0.5) * level.stride)
    )
  }
}
