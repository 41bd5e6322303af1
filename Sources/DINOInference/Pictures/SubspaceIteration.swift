/// The leading eigenvectors of a symmetric matrix without negative eigenvalues.
///
/// Orthogonal iteration with a Rayleigh-Ritz step: eight vectors are multiplied by the matrix and made
/// orthonormal again until the wanted ones are eigenvectors. The vectors beyond the wanted ones make it
/// converge fast where eigenvalues lie close together.
///
/// Source: Golub and Van Loan, Matrix Computations, 4th edition, section 8.2.4.
package struct SubspaceIteration {
  /// An eigenvector of length 1 and its eigenvalue.
  package struct Pair {
    /// The eigenvalue.
    package let value: Double
    /// The eigenvector, `[D]`.
    package let vector: [Double]
  }

  /// The number of vectors.
  package static let lanes = 8
  /// The error of an eigenvector, relative to the largest eigenvalue, that ends the iteration.
  private static let tolerance = 1e-9
  /// Ends the iteration where eigenvalues are equal, so that every vector between is as good.
  private static let most = 1_000

  private let matrix: [Double]
  private let width: Int

  /// Takes over a matrix.
  ///
  /// - Parameters:
  ///   - matrix: A symmetric matrix, `[D, D]`.
  ///   - width: `D`.
  package init(_ matrix: [Double], width: Int) {
    precondition(matrix.count == width * width, "a matrix that is not square")
    self.matrix = matrix
    self.width = width
  }

  /// The eigenvectors of the largest eigenvalues.
  ///
  /// - Parameter count: How many, at most ``lanes`` and `D`.
  /// - Returns: Eigenvalues and eigenvectors, the largest first.
  package func leading(_ count: Int) -> [Pair] {
    precondition(count <= min(Self.lanes, width), "more eigenvectors than there are")
    var basis = start()
    var values = SIMD8<Double>.zero
    for _ in 0..<Self.most {
      let image = multiplied(basis)
      let rotation = SymmetricMatrix(products(basis, image)).eigenvectors()
      values = rotation.values
      basis = rotated(basis, rotation.vectors)
      let turned = rotated(image, rotation.vectors)
      if error(of: basis, turned, values, count) <= Self.tolerance * values[0] { break }
      basis = orthonormal(turned)
    }
    return (0..<count).map { lane in
      Pair(value: values[lane], vector: basis.map { $0[lane] })
    }
  }

  /// Where the iteration begins: fixed numbers that look random.
  private func start() -> [SIMD8<Double>] {
    var state: UInt64 = 0
    let numbers = (0..<width).map { _ in
      var row = SIMD8<Double>.zero
      for lane in 0..<min(Self.lanes, width) { row[lane] = Self.number(&state) }
      return row
    }
    return orthonormal(numbers)
  }

  /// The next of a fixed sequence of numbers between -1 and 1.
  ///
  /// Source: Steele, Lea and Flood, 2014 (SplitMix64).
  private static func number(_ state: inout UInt64) -> Double {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = (state ^ state >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return Double((bits ^ bits >> 31) >> 11) * 0x1p-52 - 1
  }

  private func multiplied(_ basis: [SIMD8<Double>]) -> [SIMD8<Double>] {
    (0..<width).map { row in
      var sum = SIMD8<Double>.zero
      for column in 0..<width { sum += matrix[row * width + column] * basis[column] }
      return sum
    }
  }

  /// The inner products of the vectors of two sets.
  private func products(_ a: [SIMD8<Double>], _ b: [SIMD8<Double>]) -> [SIMD8<Double>] {
    var result = [SIMD8<Double>](repeating: .zero, count: Self.lanes)
    for row in 0..<width {
      for lane in 0..<Self.lanes { result[lane] += a[row][lane] * b[row] }
    }
    return result
  }

  private func rotated(
    _ basis: [SIMD8<Double>], _ rotation: [SIMD8<Double>]
  ) -> [SIMD8<Double>] {
    basis.map { row in
      var result = SIMD8<Double>.zero
      for lane in 0..<Self.lanes { result += row[lane] * rotation[lane] }
      return result
    }
  }

  /// How far the first vectors are from eigenvectors: the longest `A v - λ v`.
  private func error(
    of basis: [SIMD8<Double>], _ image: [SIMD8<Double>], _ values: SIMD8<Double>, _ count: Int
  ) -> Double {
    var squares = SIMD8<Double>.zero
    for (vector, image) in zip(basis, image) {
      let difference = image - values * vector
      squares += difference * difference
    }
    return (0..<count).map { squares[$0] }.max().map { $0.squareRoot() } ?? 0
  }

  /// Makes the vectors orthonormal, by Gram and Schmidt; twice, which is enough.
  ///
  /// A vector that depends on those before it is replaced.
  private func orthonormal(_ vectors: [SIMD8<Double>]) -> [SIMD8<Double>] {
    var result = vectors
    var state: UInt64 = 1 << 32
    for lane in 0..<min(Self.lanes, width) {
      var vector = result.map { $0[lane] }
      var before = Self.length(vector)
      while true {
        for _ in 0..<2 {
          for other in 0..<lane {
            var product = 0.0
            for row in 0..<width { product += result[row][other] * vector[row] }
            for row in 0..<width { vector[row] -= product * result[row][other] }
          }
        }
        if Self.length(vector) > 1e-12 * before { break }
        vector = vector.map { _ in Self.number(&state) }
        before = Self.length(vector)
      }
      let factor = 1 / Self.length(vector)
      for row in 0..<width { result[row][lane] = factor * vector[row] }
    }
    return result
  }

  private static func length(_ vector: [Double]) -> Double {
    vector.reduce(0) { $0 + $1 * $1 }.squareRoot()
  }
}

/// A symmetric matrix of eight rows.
package struct SymmetricMatrix {
  private var rows: [SIMD8<Double>]

  /// Takes over rows; what rounding has made unsymmetric is evened out.
  ///
  /// - Parameter rows: The eight rows.
  package init(_ rows: [SIMD8<Double>]) {
    self.rows = rows
    for row in rows.indices {
      for column in rows.indices {
        self.rows[row][column] = (rows[row][column] + rows[column][row]) / 2
      }
    }
  }

  /// All eigenvectors.
  ///
  /// Source: Golub and Van Loan, section 8.5.3 (the cyclic method of Jacobi).
  ///
  /// - Returns: The eigenvalues, the largest first, and the vectors as columns.
  package func eigenvectors() -> (values: SIMD8<Double>, vectors: [SIMD8<Double>]) {
    var a = rows.map { row in (0..<8).map { row[$0] } }
    var v = (0..<8).map { row in (0..<8).map { $0 == row ? 1.0 : 0 } }
    let size = a.joined().reduce(0) { $0 + $1 * $1 }
    for _ in 0..<30 {
      let rest = (0..<8).reduce(0.0) { sum, row in
        sum + (0..<8).reduce(0.0) { $0 + ($1 == row ? 0 : a[row][$1] * a[row][$1]) }
      }
      if rest <= 1e-30 * size { break }
      for p in 0..<7 {
        for q in p + 1..<8 where a[p][q] != 0 { Self.rotate(&a, &v, p, q) }
      }
    }
    let order = (0..<8).sorted { (a[$0][$0], $1) > (a[$1][$1], $0) }
    var values = SIMD8<Double>.zero
    var vectors = [SIMD8<Double>](repeating: .zero, count: 8)
    for (place, index) in order.enumerated() {
      values[place] = a[index][index]
      for row in 0..<8 { vectors[row][place] = v[row][index] }
    }
    return (values, vectors)
  }

  /// Turns two axes so that the matrix has a zero where they meet.
  private static func rotate(
    _ a: inout [[Double]], _ v: inout [[Double]], _ p: Int, _ q: Int
  ) {
    let ratio = (a[q][q] - a[p][p]) / (2 * a[p][q])
    let tangent = (ratio < 0 ? -1 : 1) / (abs(ratio) + (1 + ratio * ratio).squareRoot())
    let cosine = 1 / (1 + tangent * tangent).squareRoot()
    let sine = tangent * cosine
    for k in 0..<8 {
      (a[k][p], a[k][q]) = (
        cosine * a[k][p] - sine * a[k][q], sine * a[k][p] + cosine * a[k][q]
      )
    }
    for k in 0..<8 {
      (a[p][k], a[q][k]) = (
        cosine * a[p][k] - sine * a[q][k], sine * a[p][k] + cosine * a[q][k]
      )
      (v[k][p], v[k][q]) = (
        cosine * v[k][p] - sine * v[k][q], sine * v[k][p] + cosine * v[k][q]
      )
    }
  }
}
