internal import Torch

/// The centres of clusters, in double precision: `K` points of `D` values.
public struct Centroids: Sendable, Equatable {
  /// The coordinates, `[K, D]`, row by row.
  public internal(set) var values: [Double]
  /// The number of values of a point, `D`, at least 1.
  public let columns: Int

  /// The number of points, `K`.
  public var count: Int { values.count / columns }

  /// Creates centroids.
  ///
  /// - Parameters:
  ///   - values: `K · D` finite coordinates, row by row.
  ///   - columns: The number of values of a point.
  /// - Throws: ``CurationError`` if they make no whole points, or a coordinate is not finite.
  public init(_ values: [Double], columns: Int) throws(CurationError) {
    guard columns > 0, values.count.isMultiple(of: columns) else {
      throw .shape(
        source: "centroids", problem: "\(values.count) values are no whole points of \(columns)")
    }
    if let place = values.firstIndex(where: { !$0.isFinite }) {
      throw .notFinite(source: "centroids", row: place / columns)
    }
    self.values = values
    self.columns = columns
  }

  /// The rows of a matrix as centroids.
  ///
  /// - Parameters:
  ///   - matrix: Any matrix.
  ///   - rows: Which rows, in this order.
  /// - Throws: ``CurationError`` if there is no such row.
  public init(_ matrix: EmbeddingMatrix, rows: [Int]) throws(CurationError) {
    let floats = try CurationError.tensors(try matrix.rows(rows).floats)
    try self.init(floats.map { Double($0) }, columns: matrix.columns)
  }

  /// All rows of a matrix as centroids.
  ///
  /// - Parameter matrix: Any matrix that fits into memory.
  /// - Throws: ``CurationError`` if there is too little memory.
  public init(_ matrix: EmbeddingMatrix) throws(CurationError) {
    try self.init(matrix, rows: Array(0..<matrix.rowCount))
  }

  /// The points as rows of a matrix, rounded to float32.
  ///
  /// - Returns: `[K, D]`.
  /// - Throws: ``CurationError`` if a coordinate is beyond float32.
  public func matrix() throws(CurationError) -> EmbeddingMatrix {
    try EmbeddingMatrix(values.map { Float($0) }, columns: columns, source: "centroids")
  }

  /// Replaces a point.
  mutating func replace(_ index: Int, with point: some Sequence<Double>) {
    for (column, value) in point.enumerated() { values[index * columns + column] = value }
  }

  /// The coordinates of a point.
  subscript(index: Int) -> ArraySlice<Double> {
    values[(index * columns)..<((index + 1) * columns)]
  }
}
