internal import Kernels
internal import Torch

/// Finds the nearest centroid of rows: a product of matrices sorts out, double precision decides.
///
/// With a shift `s` near all points, `|x - c|² / 2 = |x - s|² / 2 - ((x - s)·(c - s) - |c - s|² / 2)`: the nearest
/// centroid has the largest score in parentheses. Every centroid whose score could be the largest, given
/// the error of the product, is compared by its distance in double precision.
struct CentroidSearch: Sendable {
  private let centroids: Centroids
  private let rows: ShiftedRows
  private let moved: ProductRows  // [K, D], less the shift
  /// `|c - s|² / 2` of each centroid, more and less the largest error of a score with it.
  private let most: [Float]
  private let least: [Float]

  /// Prepares centroids for rows.
  init(_ centroids: Centroids, for rows: ShiftedRows) throws(CurationError) {
    let (count, columns) = (centroids.count, centroids.columns)
    guard count > 0 else { throw .usage(problem: "there is no centroid to assign rows to") }
    guard rows.columns == columns else {
      throw .shape(
        source: "centroids", problem: "have \(columns) values, the rows have \(rows.columns)")
    }
    self.centroids = centroids
    self.rows = rows
    var moved: [Float] = []
    var (most, least): ([Float], [Float]) = ([], [])
    let longest = Double(rows.longest)
    let inputError = Double(rows.precision.inputError(columns: columns))
    moved.reserveCapacity(count * columns)
    for index in 0..<count {
      var squared = 0.0
      for (value, origin) in zip(centroids[index], rows.shift) {
        let difference = value - Double(origin)
        moved.append(Float(difference))
        squared += difference * difference
      }
      // Roundings of D products and sums, of both shifted operands, of the half norm and of its
      // subtraction, each at most 2^-24 of the magnitudes; and those of the operands of a product.
      let length = squared.squareRoot()
      let error =
        length * (Double(columns + 16) * 0x1p-24 * (longest + length) + inputError * longest)
      most.append(Float(squared / 2 + error).nextUp)
      least.append(Float(squared / 2 - error).nextDown)
    }
    (self.most, self.least) = (most, least)
    let values = moved
    self.moved = try ProductRows(0..<count, columns: columns, rows.precision) {
      part throws(CurationError) in
      try CurationError.tensors { () throws(TorchError) in
        try Tensor(
          Array(values[(part.lowerBound * columns)..<(part.upperBound * columns)]),
          [part.count, columns])
      }
    }
  }

  /// The nearest centroid of each row, the lowest of equals.
  func assignment() throws(CurationError) -> ClusterAssignment {
    let found = Nearest(count: rows.count)
    // About 4 MiB of scores at a time: they stay in the cache until they are looked through.
    let size =
      max(16, min(2048, (4 << 20) / (centroids.count * rows.precision.dtype.byteCount))) & ~15
    let blocks = (rows.count + size - 1) / size
    let counter = Workers.Counter(to: blocks)
    try Workers.run(atMost: blocks) { () throws(CurationError) in
      while let number = counter.take() {
        let block = (number * size)..<min(number * size + size, rows.count)
        try search(block, into: found)
      }
    }
    return ClusterAssignment(
      clusterCount: centroids.count, clusters: unsafe found.clusters.map { Int($0) },
      squaredDistances: unsafe Array(found.distances))
  }

  private func search(_ block: Range<Int>, into found: Nearest) throws(CurationError) {
    let points = try rows.exact(block)
    let shifted = try rows.shifted(block)
    unsafe try shifted.forEachProduct(with: moved.all, wholeLines: true) {
      products, scores throws(TorchError) in
      unsafe try points.withFloats { points in
        for row in products.rows {
          let point = unsafe points.row(row, rows.columns)
          let line = row - products.rows.lowerBound
          let best = unsafe nearest(
            to: point, scores, first: line * products.stride)
          unsafe found.clusters[block.lowerBound + row] = Int32(best.cluster)
          unsafe found.distances[block.lowerBound + row] = best.squaredDistance
        }
      }
    }
  }

  private func nearest(
    to point: UnsafeBufferPointer<Float>, _ scores: UnsafeRawPointer, first: Int
  ) -> (cluster: Int, squaredDistance: Double) {
    var best = (cluster: 0, squaredDistance: Double.infinity)
    func look(_ cluster: Int) {
      let distance = unsafe squaredDistance(point, cluster)
      if distance < best.squaredDistance { best = (cluster, distance) }
    }
    unsafe most.withUnsafeBufferPointer { most in
      unsafe least.withUnsafeBufferPointer { least in
        if rows.precision == .bfloat16 {
          let line = unsafe scores + first * MemoryLayout<UInt16>.size
          let scan = unsafe ScoreScan(line, less: most, to: least)
          // A product that overflowed sorts nothing out.
          guard scan.maximum.isFinite else { return (0..<centroids.count).forEach(look) }
          scan.forEach(atLeast: scan.maximum, look)
        } else {
          let line = unsafe scores.assumingMemoryBound(to: Float.self) + first
          let maximum = unsafe ExactSums.largest(line, less: most)
          guard maximum.isFinite else { return (0..<centroids.count).forEach(look) }
          unsafe ExactSums.forEach(atLeast: maximum, line, less: least, look)
        }
      }
    }
    return best
  }

  private func squaredDistance(_ row: UnsafeBufferPointer<Float>, _ cluster: Int) -> Double {
    unsafe centroids.values.withUnsafeBufferPointer { values in
      unsafe ExactProducts.squaredDistance(row, values.row(cluster, centroids.columns))
    }
  }

  /// What several threads find for rows of their own.
  @safe private final class Nearest: @unchecked Sendable {
    // Each place is written by one thread, and read when all have ended.
    let clusters: UnsafeMutableBufferPointer<Int32>
    let distances: UnsafeMutableBufferPointer<Double>

    init(count: Int) {
      unsafe clusters = .allocate(capacity: count)
      unsafe distances = .allocate(capacity: count)
      unsafe clusters.initialize(repeating: 0)
      unsafe distances.initialize(repeating: 0)
    }

    deinit {
      unsafe clusters.deallocate()
      unsafe distances.deallocate()
    }
  }
}
