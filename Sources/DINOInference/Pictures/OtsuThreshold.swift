/// The threshold that parts numbers into a low and a high group.
package enum OtsuThreshold {
  /// The number of steps between the lowest and the highest number, as for images of 8 bits.
  private static let bins = 256

  /// The threshold that leaves the least variance inside the groups.
  ///
  /// Where a gap makes several thresholds equally good, the middle one is taken.
  ///
  /// Source: Otsu, A threshold selection method from gray-level histograms, 1979, equation 18.
  ///
  /// - Parameter values: Finite numbers.
  /// - Returns: The threshold; the number itself if all are equal, 0 if there is none.
  package static func of(_ values: [Float]) -> Float {
    guard let lowest = values.min(), let highest = values.max() else { return 0 }
    guard highest > lowest else { return lowest }
    var histogram = [Double](repeating: 0, count: bins)
    for value in values {
      let place = (value - lowest) / (highest - lowest) * Float(bins)
      histogram[min(Int(place), bins - 1)] += 1 / Double(values.count)
    }
    let mean = histogram.enumerated().reduce(0) { $0 + Double($1.offset) * $1.element }
    var (weight, moment) = (0.0, 0.0)
    var best = (value: -1.0, first: 0, last: 0)
    for bin in 0..<bins - 1 {
      weight += histogram[bin]
      moment += Double(bin) * histogram[bin]
      guard weight > 0, weight < 1 else { continue }
      let difference = mean * weight - moment
      let between = difference * difference / (weight * (1 - weight))
      if between > best.value * (1 + 1e-12) {
        best = (between, bin, bin)
      } else if histogram[bin] == 0, bin == best.last + 1 {
        best.last = bin
      }
    }
    let cut = Float(best.first + best.last + 2) / 2
    return lowest + (highest - lowest) * cut / Float(bins)
  }
}
