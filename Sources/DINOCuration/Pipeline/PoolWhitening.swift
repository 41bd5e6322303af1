internal import CheckpointFormats
internal import Glibc
internal import Torch

/// Coordinates in which a pool of embeddings is spread evenly in all directions, so that one threshold
/// means the same for every model.
///
/// Embeddings of one network share large directions: any two images are similar to some degree, more or
/// less by network. Copy-detection networks are trained to spread evenly (SSCD: Pizzi et al., 2022), which
/// the threshold of 0.6 in Oquab et al., 2023, stands on. Here rows become `L⁻¹ (x - μ)`, with `L Lᵀ` the
/// covariance of the pool; cosines between them are those of the Mahalanobis metric.
///
/// Mean and covariance of a small pool are drawn towards zero and towards equal variances, by as much as
/// so many more rows would: ``meanPrior`` for the mean and one per column for the covariance (the
/// conjugate priors of a normal distribution). What is left of the mean counts as variance, as it does
/// there, so that a large common direction does not make everything similar. A part ``regularization`` of the mean variance is added, so
/// that directions without variance are not blown up.
struct PoolWhitening: Sendable {
  /// Rows at zero that count for the mean.
  static let meanPrior = 64.0
  /// The part of the mean variance that is added in every direction.
  static let regularization = 0.1

  /// The columns of rows that count.
  let columns: Range<Int>
  private let mean: [Double]
  /// `L⁻¹`, lower triangular, row by row.
  private let inverse: [Double]
  private var width: Int { columns.count }

  /// Measures a pool by some of its rows.
  ///
  /// - Parameters:
  ///   - matrix: The pool.
  ///   - rows: Rows that count, ascending.
  ///   - columns: Columns that count.
  /// - Throws: ``CurationError`` if a row cannot be read.
  init(
    _ matrix: EmbeddingMatrix, rows: [Int], columns: Range<Int>
  ) throws(CurationError) {
    self.columns = columns
    let width = columns.count
    // Enough for a covariance, and all of a small pool.
    let most = max(16 * width, 16_384)
    var random = CounterRandom(seed: 0, stream: 0x7768_6974)
    let chosen = rows.count > most ? random.choose(most, of: rows).sorted() : rows
    var points: [Double] = []
    points.reserveCapacity(chosen.count * width)
    var values: [Float] = []
    for row in chosen {
      values.removeAll(keepingCapacity: true)
      try matrix.appendRow(row, to: &values)
      points += Self.unit(values[columns])
    }
    let count = Double(max(chosen.count, 1))
    var sums = [Double](repeating: 0, count: width)
    for index in points.indices { sums[index % width] += points[index] }
    let centre = sums.map { $0 / count }
    mean = sums.map { $0 / (count + Self.meanPrior) }
    for index in points.indices { points[index] -= centre[index % width] }
    var covariance = Self.products(of: points, width: width)
    let scale = 1 / max(count - 1, 1)
    let trace = (0..<width).reduce(0) { $0 + covariance[$1 * width + $1] } * scale
    // A pool without any variance is left as it is.
    let variance = trace > 0 ? trace / Double(width) : 1
    let prior = Double(width) / (count + Double(width))
    let common = Self.meanPrior / (count + Self.meanPrior)
    for index in covariance.indices {
      let mean = common * centre[index / width] * centre[index % width]
      covariance[index] = (1 - prior) * (scale * covariance[index] + mean)
    }
    for column in 0..<width {
      covariance[column * width + column] += (prior + Self.regularization) * variance
    }
    inverse = Self.invertedFactor(of: covariance, width: width)
  }

  /// A row of unit length in the columns that count.
  private static func unit(_ row: ArraySlice<Float>) -> [Double] {
    let values = row.map { Double($0) }
    let length = values.reduce(0) { $0 + $1 * $1 }.squareRoot()
    return length > 0 ? values.map { $0 / length } : values
  }

  /// The lower triangle of the sum of outer products, in one fixed order.
  private static func products(of points: [Double], width: Int) -> [Double] {
    var result = [Double](repeating: 0, count: width * width)
    let count = points.count / max(width, 1)
    unsafe result.withUnsafeMutableBufferPointer { result in
      unsafe points.withUnsafeBufferPointer { points in
        // Each line is summed by one thread, point by point.
        let (result, points) = unsafe (result, points)
        RowBlocks.inParallel(width, minimum: 8) { lines in
          for block in RowBlocks(count: count, size: 64) {
            for line in lines {
              for row in block {
                let factor = unsafe points[row * width + line]
                for column in 0...line {
                  unsafe result[line * width + column] += factor * points[row * width + column]
                }
              }
            }
          }
        }
      }
    }
    return result
  }

  /// `L⁻¹` of a positive definite matrix of which the lower triangle is given.
  private static func invertedFactor(of matrix: [Double], width: Int) -> [Double] {
    var factor = matrix
    for row in 0..<width {
      for column in 0...row {
        var sum = matrix[row * width + column]
        for inner in 0..<column {
          sum -= factor[row * width + inner] * factor[column * width + inner]
        }
        factor[row * width + column] =
          row == column
          ? max(sum, Double.leastNormalMagnitude).squareRoot()
          : sum / factor[column * width + column]
      }
    }
    var inverse = [Double](repeating: 0, count: width * width)
    for column in 0..<width {
      inverse[column * width + column] = 1 / factor[column * width + column]
      for row in (column + 1)..<max(width, column + 1) {
        var sum = 0.0
        for inner in column..<row {
          sum -= factor[row * width + inner] * inverse[inner * width + column]
        }
        inverse[row * width + column] = sum / factor[row * width + row]
      }
    }
    return inverse
  }

  /// Rows in the new coordinates.
  ///
  /// - Parameters:
  ///   - matrix: Any matrix of the pool's width.
  ///   - rows: Which rows.
  ///   - path: A file that is written and, once mapped, removed again.
  /// - Returns: A matrix with one row for each of them.
  /// - Throws: ``CurationError`` if a row cannot be read or the file cannot be written.
  func callAsFunction(
    _ matrix: EmbeddingMatrix, rows: [Int], through path: String
  ) throws(CurationError) -> EmbeddingMatrix {
    let width = width
    let tensor = try CurationError.files { () throws(CheckpointError) in
      let writer = try NpyRowWriter.create(path, columns: width)
      defer {
        unsafe unlink(path)
        unsafe unlink(path + ".partial")
      }
      for block in RowBlocks(count: rows.count, size: 4096) {
        let points: [Double]
        do throws(CurationError) { points = try self.points(matrix, rows[block]) } catch {
          throw .usage(problem: "\(error)")
        }
        try writer.append(transformed(points))
      }
      try writer.finish()
      return try NpyArray.read(path).tensor()
    }
    return try EmbeddingMatrix(tensor, source: matrix.source)
  }

  private func points(
    _ matrix: EmbeddingMatrix, _ rows: ArraySlice<Int>
  ) throws(CurationError) -> [Double] {
    var result: [Double] = []
    result.reserveCapacity(rows.count * width)
    var values: [Float] = []
    for row in rows {
      values.removeAll(keepingCapacity: true)
      try matrix.appendRow(row, to: &values)
      for (value, mean) in zip(Self.unit(values[columns]), mean) { result.append(value - mean) }
    }
    return result
  }

  private func transformed(_ points: [Double]) -> [Float] {
    let width = width
    let count = points.count / max(width, 1)
    var result = [Float](repeating: 0, count: points.count)
    unsafe result.withUnsafeMutableBufferPointer { result in
      unsafe points.withUnsafeBufferPointer { points in
        unsafe inverse.withUnsafeBufferPointer { inverse in
          let (result, points, inverse) = unsafe (result, points, inverse)
          RowBlocks.inParallel(count) { part in
            for row in part {
              for line in 0..<width {
                let (from, to) = (line * width, row * width)
                var sums = SIMD8<Double>.zero
                var column = 0
                while column + 8 <= line + 1 {
                  for lane in 0..<8 {
                    unsafe sums[lane] += inverse[from + column + lane] * points[to + column + lane]
                  }
                  column += 8
                }
                var rest = 0.0
                while column <= line {
                  unsafe rest += inverse[from + column] * points[to + column]
                  column += 1
                }
                unsafe result[to + line] = Float(sums.sum() + rest)
              }
            }
          }
        }
      }
    }
    return result
  }
}
