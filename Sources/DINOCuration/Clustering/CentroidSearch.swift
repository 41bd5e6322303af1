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
  private let halfNorms: [Float]
  private let longest: Float

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
    var norms: [Float] = []
    var longest = 0.0
    moved.reserveCapacity(count * columns)
    for index in 0..<count {
      var squared = 0.0
      for (value, origin) in zip(centroids[index], rows.shift) {
        let difference = value - Double(origin)
        moved.append(Float(difference))
        squared += difference * difference
      }
      norms.append(Float(squared / 2))
      longest = max(longest, squared.squareRoot())
    }
    halfNorms = norms
    self.longest = Float(longest)
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
    // Roundings of D products and sums, of both shifted operands, of the half norm and of its
    // subtraction, each at most 2^-24 of the magnitudes; once for each of the two scores compared.
    let lengths = rows.longest + longest
    let error =
      Float(rows.columns + 16) * 0x1p-24 * longest * lengths
      + rows.precision.inputError(columns: rows.columns) * rows.longest * longest
    unsafe try shifted.forEachProduct(with: moved.all, wholeLines: true) {
      products, scores throws(TorchError) in
      unsafe try points.withFloats { points in
        for row in products.rows {
          let point = unsafe points.row(row, rows.columns)
          let line = row - products.rows.lowerBound
          let best = unsafe nearest(
            to: point, scores, first: line * products.stride, error: error)
          unsafe found.clusters[block.lowerBound + row] = Int32(best.cluster)
          unsafe found.distances[block.lowerBound + row] = best.squaredDistance
        }
      }
    }
  }

  private func nearest(
    to point: UnsafeBufferPointer<Float>, _ scores: UnsafeRawPointer, first: Int, error: Float
  ) -> (cluster: Int, squaredDistance: Double) {
    rows.precision == .bfloat16
      ? unsafe nearest(to: point, scores, first: first, error: error, as: BFloat16Bits.self)
      : unsafe nearest(to: point, scores, first: first, error: error, as: Float.self)
  }

  private func nearest<Element: ScoreElement>(
    to point: UnsafeBufferPointer<Float>, _ scores: UnsafeRawPointer, first: Int, error: Float,
    as type: Element.Type
  ) -> (cluster: Int, squaredDistance: Double) {
    let line = unsafe scores + first * MemoryLayout<Element>.size
    return unsafe halfNorms.withUnsafeBufferPointer { norms in
      let scan = unsafe ScoreScan<Element>(line, less: norms)
      let threshold = scan.maximum - 2 * error
      var best = (cluster: 0, squaredDistance: Double.infinity)
      func look(_ cluster: Int) {
        let distance = unsafe squaredDistance(point, cluster)
        if distance < best.squaredDistance { best = (cluster, distance) }
      }
      // A product that overflowed sorts nothing out.
      guard threshold.isFinite, error.isFinite else {
        for cluster in 0..<centroids.count { look(cluster) }
        return best
      }
      scan.forEach(atLeast: threshold, look)
      return best
    }
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
