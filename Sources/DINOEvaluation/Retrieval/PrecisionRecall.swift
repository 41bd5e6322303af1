/// How precision and recall of scored candidates change with the score that is asked for.
///
/// Candidates of equal score are taken together, so that the result does not depend on their order.
///
/// Source: micro average precision and recall at 90 % precision as in Douze et al., 2021 (the image
/// similarity challenge), section 4.
public struct PrecisionRecall: Sendable, Equatable {
  /// What taking every candidate down to a score gives.
  public struct Point: Sendable, Equatable {
    /// The lowest score that is taken.
    public let threshold: Float
    /// The share of right ones among those taken.
    public let precision: Double
    /// The share of all right ones that is taken.
    public let recall: Double
  }

  /// One point for each score that occurs, from the highest down.
  public let points: [Point]
  /// The area below precision over recall, as a sum of steps; NaN if there is nothing to find.
  public let averagePrecision: Double

  /// Measures candidates.
  ///
  /// - Parameters:
  ///   - scores: The score of each candidate.
  ///   - isRight: Whether each is right.
  ///   - total: The number of all right ones, also those that are no candidates; those among the
  ///     candidates if left out.
  /// - Precondition: There are as many scores as answers.
  public init(scores: [Float], isRight: [Bool], total: Int? = nil) {
    precondition(scores.count == isRight.count, "scores without answers")
    let all = total ?? isRight.count { $0 }
    let order = scores.indices.sorted { scores[$0] > scores[$1] }
    var points: [Point] = []
    var (area, right, before) = (0.0, 0, 0)
    for (position, index) in order.enumerated() {
      if isRight[index] { right += 1 }
      let isLast = position + 1 == order.count || scores[order[position + 1]] != scores[index]
      guard isLast else { continue }
      let precision = Double(right) / Double(position + 1)
      area += precision * Double(right - before) / Double(max(all, 1))
      before = right
      points.append(
        Point(
          threshold: scores[index], precision: precision,
          recall: all > 0 ? Double(right) / Double(all) : .nan))
    }
    self.points = points
    averagePrecision = all > 0 ? area : .nan
  }

  /// The point of the highest recall among those of a precision.
  ///
  /// - Parameter precision: The least precision.
  /// - Returns: The point; nil if none is precise enough.
  public func point(atPrecision precision: Double) -> Point? {
    points.last { $0.precision >= precision }
  }
}
