internal import Kernels
internal import Torch

/// Sums of the rows of each cluster, in double precision and in the order of the rows.
struct ClusterMeans {
  private var sums: [Double]
  private var counts: [Int]
  private let columns: Int

  /// No rows yet.
  init(_ centroids: Centroids) {
    sums = [Double](repeating: 0, count: centroids.values.count)
    counts = [Int](repeating: 0, count: centroids.count)
    columns = centroids.columns
  }

  /// Adds rows.
  ///
  /// - Parameters:
  ///   - block: float32, `[B, D]`, contiguous.
  ///   - clusters: The cluster of each row.
  /// - Throws: ``CurationError`` if the block is not of that form.
  mutating func add(_ block: Tensor, clusters: ArraySlice<Int>) throws(CurationError) {
    let columns = columns
    for cluster in clusters { counts[cluster] += 1 }
    try CurationError.tensors { () throws(TorchError) in
      unsafe try block.withFloats { values throws(TorchError) in
        unsafe sums.withUnsafeMutableBufferPointer { sums in
          // Each column is summed by one thread, row by row.
          let (sums, clusters) = unsafe (sums, Array(clusters))
          RowBlocks.inParallel(columns, minimum: 64) { part in
            for (row, cluster) in clusters.enumerated() {
              let (from, to) = (row * columns + part.lowerBound, cluster * columns)
              let row = unsafe UnsafeBufferPointer(rebasing: values[from..<(from + part.count)])
              if let first = sums.baseAddress {
                unsafe ExactSums.accumulate(row, to: first + to + part.lowerBound)
              }
            }
          }
        }
      }
    }
  }

  /// Moves each centroid to the mean of its rows; one without rows stays.
  func move(_ centroids: inout Centroids, isSpherical: Bool) {
    for cluster in counts.indices where counts[cluster] > 0 {
      let mean = sums[(cluster * columns)..<((cluster + 1) * columns)].map {
        $0 / Double(counts[cluster])
      }
      guard isSpherical else {
        centroids.replace(cluster, with: mean)
        continue
      }
      // The mean of opposite rows has no direction: the centroid stays.
      if let unit = mean.unit { centroids.replace(cluster, with: unit) }
    }
  }
}

extension Centroids {
  /// The points scaled to length 1; the origin stays.
  func normalized() -> Centroids {
    var result = self
    for index in 0..<count {
      if let unit = Array(self[index]).unit { result.replace(index, with: unit) }
    }
    return result
  }
}

extension [Double] {
  /// The vector scaled to length 1; nil for the origin.
  fileprivate var unit: [Double]? {
    let length = reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? map { $0 / length } : nil
  }
}
