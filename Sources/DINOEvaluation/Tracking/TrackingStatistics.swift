/// A measure of one object over the frames of its video.
///
/// Source: Perazzi et al., 2016, section 3; `db_statistics` of the DAVIS benchmark.
public struct TrackingStatistics: Sendable, Equatable {
  /// The mean over the frames.
  public let mean: Double
  /// The share of frames in which the measure is above 0.5.
  public let recall: Double
  /// How much the mean of the first quarter of the frames is above that of the last.
  public let decay: Double

  /// Takes the statistics of the frames.
  ///
  /// - Parameter values: The measure of each frame, 0 to 1, in order; NaN for an empty list.
  public init(_ values: [Double]) {
    mean = Self.mean(values[...])
    recall = Self.mean(values.map { $0 > 0.5 ? 1 : 0 }[...])
    guard !values.isEmpty else {
      decay = .nan
      return
    }
    // Five edges from the first to the last frame, rounded; neighbouring quarters share the frame between.
    let edges = (0...4).map { edge in
      let place = 1 + Double(values.count - 1) * Double(edge) / 4
      return Int((place + 1e-10).rounded(.toNearestOrEven)) - 1
    }
    decay = Self.mean(values[edges[0]...edges[1]]) - Self.mean(values[edges[3]...edges[4]])
  }

  /// The mean of the statistics of several objects.
  ///
  /// - Parameter objects: The statistics of each object.
  /// - Returns: The mean of each; NaN for an empty list.
  public static func mean(of objects: [TrackingStatistics]) -> TrackingStatistics {
    TrackingStatistics(
      mean: mean(objects.map(\.mean)[...]), recall: mean(objects.map(\.recall)[...]),
      decay: mean(objects.map(\.decay)[...]))
  }

  private init(mean: Double, recall: Double, decay: Double) {
    (self.mean, self.recall, self.decay) = (mean, recall, decay)
  }

  private static func mean(_ values: ArraySlice<Double>) -> Double {
    values.reduce(0, +) / Double(values.count)
  }
}
