import DINOCuration
import DINOTestSupport
import Testing
import Torch

/// Small matrices whose values follow from a seed.
enum Planted {
  /// Rows of normal-like values.
  static func matrix(rows: Int, columns: Int, seed: UInt64 = 1) throws -> EmbeddingMatrix {
    try EmbeddingMatrix(values(rows: rows, columns: columns, seed: seed), columns: columns)
  }

  /// The values of ``matrix(rows:columns:seed:)``.
  static func values(rows: Int, columns: Int, seed: UInt64 = 1) -> [Float] {
    let random = CounterRandom(seed: seed, stream: 77)
    return (0..<(rows * columns)).map { index in
      let draws = (0..<4).map { random.uniform(at: UInt64(4 * index + $0)) }
      return Float(draws.reduce(-2, +))
    }
  }

  /// Rows of small integers, many of which are equal or of equal similarity.
  static func ties(rows: Int, columns: Int, seed: UInt64 = 1) throws -> EmbeddingMatrix {
    var random = CounterRandom(seed: seed, stream: 78)
    return try EmbeddingMatrix(
      (0..<(rows * columns)).map { _ in Float(random.integer(below: 3) - 1) }, columns: columns)
  }
}

/// Rows as lists of numbers, for computing by brute force.
func rows(_ matrix: EmbeddingMatrix) throws -> [[Double]] {
  let values = try matrix.block(0..<matrix.rowCount).floats().map { Double($0) }
  return (0..<matrix.rowCount).map {
    Array(values[($0 * matrix.columns)..<(($0 + 1) * matrix.columns)])
  }
}

/// The cosine of the angle between two vectors, 0 if one is zero.
func cosine(_ one: [Double], _ other: [Double]) -> Float {
  let dot = zip(one, other).reduce(0) { $0 + $1.0 * $1.1 }
  let norms = [one, other].map { $0.reduce(0) { $0 + $1 * $1 }.squareRoot() }
  return norms[0] == 0 || norms[1] == 0 ? 0 : Float(dot / (norms[0] * norms[1]))
}

/// The squared distance of two points.
func squaredDistance(_ one: [Double], _ other: [Double]) -> Double {
  zip(one, other).reduce(0) { $0 + ($1.0 - $1.1) * ($1.0 - $1.1) }
}

/// Runs a closure with another number of libtorch threads.
func withThreads<Result>(_ count: Int, _ body: () throws -> Result) rethrows -> Result {
  let before = TorchRuntime.threadCount
  TorchRuntime.threadCount = count
  defer { TorchRuntime.threadCount = before }
  return try body()
}

extension Golden {
  /// A tensor as a matrix of embeddings.
  func matrix(_ name: String) throws -> EmbeddingMatrix { try EmbeddingMatrix(self[name]) }
}
