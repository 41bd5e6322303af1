internal import Glibc
internal import Torch

/// Chooses rows as first centres, each with a probability that grows with its distance from the others.
///
/// The first centre is any row. For each further one, `2 + ⌊ln K⌋` rows are drawn with a probability
/// proportional to the squared distance from the nearest centre so far, and the one that leaves the
/// smallest sum of squared distances is taken.
///
/// Source: Arthur and Vassilvitskii, 2007, with the local trials of its section 5 (greedy k-means++).
public struct PlusPlusSeeding: Sendable {
  /// The number of centres, `K`.
  public let clusters: Int

  /// Describes the seeding.
  ///
  /// - Parameter clusters: The number of centres, at least 1.
  public init(clusters: Int) { self.clusters = clusters }

  /// The number of rows tried for each centre.
  public var trials: Int { 2 + Int(log(Double(max(clusters, 1)))) }

  /// Chooses centres.
  ///
  /// - Parameters:
  ///   - matrix: `[N, D]` with `N ≥ K`.
  ///   - draws: The random numbers.
  /// - Returns: `K` rows in the order chosen; a row occurs twice only if fewer than `K` differ.
  /// - Throws: ``CurationError`` if there are fewer rows than centres.
  public func callAsFunction(
    _ matrix: EmbeddingMatrix, draws: SeedingDraws
  ) throws(CurationError) -> [Int] {
    guard clusters >= 1, clusters <= matrix.rowCount else {
      throw .usage(
        problem: "\(clusters) clusters of \(matrix.rowCount) rows were asked for; at least 1 and "
          + "at most one per row can be made")
    }
    var chosen = [try draws.first(below: matrix.rowCount)]
    let distances = try SeedingDistances(matrix)
    var nearest = try distances.lowered(
      by: chosen, from: [Double](repeating: .infinity, count: matrix.rowCount))[0]
    while chosen.count < clusters {
      let uniforms = try draws.uniforms(centre: chosen.count, trials: trials)
      let candidates = Self.rows(at: uniforms, weights: nearest)
      let lowered = try distances.lowered(by: candidates, from: nearest)
      let totals = lowered.map { $0.reduce(0, +) }
      var best = 0
      for trial in totals.indices where totals[trial] < totals[best] { best = trial }
      chosen.append(candidates[best])
      nearest = lowered[best]
    }
    return chosen
  }

  /// For each number the first row at which the running sum of the weights reaches that part of all.
  static func rows(at uniforms: [Double], weights: [Double]) -> [Int] {
    var sums: [Double] = []
    sums.reserveCapacity(weights.count)
    var sum = 0.0
    for weight in weights {
      sum += weight
      sums.append(sum)
    }
    return uniforms.map { uniform in
      let target = uniform * sum
      var (low, high) = (0, sums.count)
      while low < high {
        let middle = (low + high) / 2
        if sums[middle] < target { low = middle + 1 } else { high = middle }
      }
      return min(low, sums.count - 1)
    }
  }
}

/// Squared distances of all rows from a few of them.
private struct SeedingDistances {
  private let matrix: EmbeddingMatrix
  /// The squared length of each row.
  private var norms: [Double] = []
  private var kept: [Tensor] = []
  /// Blocks in double precision are kept if all of them take at most 1 GiB.
  private let keepsBlocks: Bool
  private static let blockRows = 4096

  init(_ matrix: EmbeddingMatrix) throws(CurationError) {
    self.matrix = matrix
    keepsBlocks = matrix.rowCount <= (1 << 27) / matrix.columns
    for rows in RowBlocks(count: matrix.rowCount, size: Self.blockRows) {
      let block = try double(matrix.block(rows))
      norms += try squaredNorms(block)
      if keepsBlocks { kept.append(block) }
    }
  }

  /// For each candidate, the smaller of a row's distance from it and its distance so far.
  ///
  /// - Parameters:
  ///   - candidates: Rows.
  ///   - nearest: The squared distance of each row so far, `[N]`.
  /// - Returns: One list `[N]` per candidate.
  /// - Throws: ``CurationError`` if there is too little memory.
  func lowered(
    by candidates: [Int], from nearest: [Double]
  ) throws(CurationError) -> [[Double]] {
    let points = try double(matrix.rows(candidates))
    var result = candidates.map { _ in nearest }
    var index = 0
    for rows in RowBlocks(count: matrix.rowCount, size: Self.blockRows) {
      let block = try self.block(index, rows)
      index += 1
      try CurationError.tensors { () throws(TorchError) in
        let products = try block.matmul(points.transpose(0, 1)).contiguous()  // [B, T]
        unsafe try block.withElements(as: Double.self) { values throws(TorchError) in
          unsafe try points.withElements(as: Double.self) { points throws(TorchError) in
            unsafe try products.withElements(as: Double.self) { products throws(TorchError) in
              for row in 0..<rows.count {
                let point = unsafe values.row(row, matrix.columns)
                let place = rows.lowerBound + row
                for trial in candidates.indices {
                  let product = unsafe products[row * candidates.count + trial]
                  let squares = norms[place] + norms[candidates[trial]]
                  var distance = squares - 2 * product
                  // The difference of nearly equal sums is noise: duplicates must be at distance 0.
                  if distance <= 1e-9 * squares {
                    distance = unsafe squaredDistance(point, points.row(trial, matrix.columns))
                  }
                  if distance < result[trial][place] { result[trial][place] = distance }
                }
              }
            }
          }
        }
      }
    }
    return result
  }

  private func block(_ index: Int, _ rows: Range<Int>) throws(CurationError) -> Tensor {
    index < kept.count ? kept[index] : try double(matrix.block(rows))
  }

  private func double(_ block: Tensor) throws(CurationError) -> Tensor {
    try CurationError.tensors { () throws(TorchError) in try block.to(dtype: .float64) }
  }

  private func squaredNorms(_ points: Tensor) throws(CurationError) -> [Double] {
    try CurationError.tensors { () throws(TorchError) in
      unsafe try points.withElements(as: Double.self) { values throws(TorchError) in
        (0..<(values.count / matrix.columns)).map { index in
          let point = unsafe values.row(index, matrix.columns)
          return unsafe dot(point, point)
        }
      }
    }
  }

  private func dot(
    _ one: UnsafeBufferPointer<Double>, _ other: UnsafeBufferPointer<Double>
  ) -> Double {
    var sums = SIMD4<Double>.zero
    for column in 0..<matrix.columns {
      unsafe sums[column & 3] += one[column] * other[column]
    }
    return sums.sum()
  }

  private func squaredDistance(
    _ one: UnsafeBufferPointer<Double>, _ other: UnsafeBufferPointer<Double>
  ) -> Double {
    var sum = 0.0
    for column in 0..<matrix.columns {
      let difference = unsafe one[column] - other[column]
      sum += difference * difference
    }
    return sum
  }
}
