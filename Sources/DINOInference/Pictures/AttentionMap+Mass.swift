internal import DINOModels

extension AttentionMap {
  /// The weights of one head.
  ///
  /// - Parameter head: The head, from 0.
  /// - Returns: One weight per patch.
  /// - Precondition: There is such a head.
  public func weights(ofHead head: Int) -> [Float] {
    precondition((0..<heads).contains(head), "no head \(head) of \(heads)")
    return Array(values[head * grid.count..<(head + 1) * grid.count])
  }

  /// The mean of the weights over the heads, one per patch.
  public var mean: [Float] {
    (0..<grid.count).map { patch in
      (0..<heads).reduce(0) { $0 + values[$1 * grid.count + patch] } / Float(max(heads, 1))
    }
  }

  /// Keeps the fewest patches that together hold a share of the weight, the strongest first.
  ///
  /// Of equally strong patches the first one is kept.
  ///
  /// Source: `visualize_attention.py` of DINO (Caron et al., 2021).
  ///
  /// - Parameters:
  ///   - share: The share of the weight on all patches, 0 to 1.
  ///   - weights: One weight per patch.
  /// - Returns: The weights; those of the other patches are 0.
  public static func keeping(_ share: Double, of weights: [Float]) -> [Float] {
    let goal = share * weights.reduce(0.0) { $0 + Double($1) }
    var (result, sum) = ([Float](repeating: 0, count: weights.count), 0.0)
    for index in weights.indices.sorted(by: { (weights[$0], $1) > (weights[$1], $0) }) {
      guard sum < goal else { break }
      result[index] = weights[index]
      sum += Double(weights[index])
    }
    return result
  }
}
