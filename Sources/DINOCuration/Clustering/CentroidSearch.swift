internal import Torch

/// Finds the nearest centroid of rows: a float32 product sorts out, double precision decides.
///
/// With a shift `s` near all points, `|x - c|² / 2 = |x - s|² / 2 - ((x - s)·(c - s) - |c - s|² / 2)`: the nearest
/// centroid has the largest score in parentheses. Every centroid whose score could be the largest, given
/// the error of the product, is compared by its distance in double precision.
struct CentroidSearch {
  /// Rows that fit into one product.
  let blockRows: Int
  private let centroids: Centroids
  private let shift: [Float]
  private let shiftTensor: Tensor
  private let transposed: Tensor  // [D, K]
  private let halfNorms: Tensor  // [K]
  private let longest: Float

  /// Prepares centroids.
  init(_ centroids: Centroids) throws(CurationError) {
    let (count, columns) = (centroids.count, centroids.columns)
    guard count > 0 else { throw .usage(problem: "there is no centroid to assign rows to") }
    self.centroids = centroids
    var mean = [Double](repeating: 0, count: columns)
    for index in 0..<count {
      for (column, value) in centroids[index].enumerated() { mean[column] += value / Double(count) }
    }
    let shift = mean.map { Float($0) }
    var moved: [Float] = []
    var norms: [Float] = []
    var longest = 0.0
    for index in 0..<count {
      var squared = 0.0
      for (value, origin) in zip(centroids[index], shift) {
        let difference = value - Double(origin)
        moved.append(Float(difference))
        squared += difference * difference
      }
      norms.append(Float(squared / 2))
      longest = max(longest, squared.squareRoot())
    }
    self.shift = shift
    self.longest = Float(longest)
    // About 64 MiB of scores at a time.
    blockRows = max(16, min(8192, (16 << 20) / count))
    (shiftTensor, transposed, halfNorms) = try CurationError.tensors { () throws(TorchError) in
      (
        try Tensor(shift), try Tensor(moved, [count, columns]).transpose(0, 1),
        try Tensor(norms)
      )
    }
  }

  /// The nearest centroid of each row of a block, the lowest of equals, and the squared distance.
  ///
  /// - Parameter block: float32, `[B, D]`, contiguous.
  /// - Returns: One cluster and one distance per row.
  /// - Throws: ``CurationError`` if the width does not fit.
  func nearest(
    to block: Tensor
  ) throws(CurationError) -> (clusters: [Int], squaredDistances: [Double]) {
    guard block.shape == [block.shape.first ?? 0, centroids.columns] else {
      throw .shape(
        source: "centroids",
        problem: "have \(centroids.columns) values, the rows are \(block.typeDescription)")
    }
    let rowCount = block.shape[0]
    var clusters = [Int](repeating: 0, count: rowCount)
    var distances = [Double](repeating: 0, count: rowCount)
    try CurationError.tensors { () throws(TorchError) in
      let scores = try withoutGradient { () throws(TorchError) in
        try (block - shiftTensor).matmul(transposed) - halfNorms  // [B, K]
      }
      unsafe try block.withFloats { rows throws(TorchError) in
        unsafe try scores.withFloats { scores throws(TorchError) in
          unsafe clusters.withUnsafeMutableBufferPointer { clusters in
            unsafe distances.withUnsafeMutableBufferPointer { distances in
              // Each index is written by one thread only.
              let (clusters, distances) = unsafe (clusters, distances)
              RowBlocks.inParallel(rowCount) { part in
                for row in part {
                  let found = unsafe nearest(
                    to: rows.row(row, centroids.columns), scores.row(row, centroids.count))
                  unsafe clusters[row] = found.cluster
                  unsafe distances[row] = found.squaredDistance
                }
              }
            }
          }
        }
      }
    }
    return (clusters, distances)
  }

  private func nearest(
    to row: UnsafeBufferPointer<Float>, _ scores: UnsafeBufferPointer<Float>
  ) -> (cluster: Int, squaredDistance: Double) {
    var squared = 0.0
    for (column, origin) in shift.enumerated() {
      let difference = unsafe Double(row[column]) - Double(origin)
      squared += difference * difference
    }
    // Roundings of D products and sums, of both shifted operands, of the half norm and of its
    // subtraction, each at most 2^-24 of the magnitudes; once for each of the two scores compared.
    let length = Float(squared.squareRoot())
    let error = Float(row.count + 16) * 0x1p-24 * longest * (length + longest)
    let threshold = unsafe ScoreScan.maximum(of: scores) - 2 * error
    var best = (cluster: 0, squaredDistance: Double.infinity)
    // A product that overflowed sorts nothing out.
    guard threshold.isFinite, error.isFinite else {
      for cluster in 0..<centroids.count {
        let distance = unsafe squaredDistance(row, cluster)
        if distance < best.squaredDistance { best = (cluster, distance) }
      }
      return best
    }
    var position = 0
    while let cluster = unsafe ScoreScan.first(in: scores, from: position, atLeast: threshold) {
      let distance = unsafe squaredDistance(row, cluster)
      if distance < best.squaredDistance { best = (cluster, distance) }
      position = cluster + 1
    }
    return best
  }

  private func squaredDistance(_ row: UnsafeBufferPointer<Float>, _ cluster: Int) -> Double {
    unsafe centroids.values.withUnsafeBufferPointer { values in
      unsafe ExactProducts.squaredDistance(row, values.row(cluster, centroids.columns))
    }
  }
}
