import Kernels
import Testing

/// Sums whose bits must not depend on the processor, against plain loops.
@Suite("ExactSums")
struct ExactSumsTests {
  private func wave(_ count: Int, _ step: Float) -> [Float] {
    (0..<count).map { Float(($0 * 37) % 101) * step - 3 }
  }

  @Test("sums have the bits of plain loops", arguments: [0, 5, 8, 19, 384])
  func sums(count: Int) {
    let (one, other) = (wave(count, 0.113), wave(count, 0.07))
    let point = other.map { Double($0) / 3 }
    var (dot, distance) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
    for index in 0..<(count / 8 * 8) {
      dot[index % 8] += Double(one[index]) * Double(other[index])
      let difference = Double(one[index]) - point[index]
      distance[index % 8] += difference * difference
    }
    one.withUnsafeBufferPointer { one in
      other.withUnsafeBufferPointer { #expect(ExactSums.dot(one, $0) == dot) }
      point.withUnsafeBufferPointer { #expect(ExactSums.squaredDistance(one, $0) == distance) }
    }
    var sums = point
    one.withUnsafeBufferPointer { row in
      sums.withUnsafeMutableBufferPointer { buffer in
        if let first = buffer.baseAddress { ExactSums.accumulate(row, to: first) }
      }
    }
    #expect(sums == zip(point, one).map { $0 + Double($1) })
  }

  @Test("scans find what plain loops find", arguments: [1, 7, 8, 40, 1003])
  func scans(count: Int) {
    let (scores, less) = (wave(count, 0.31), wave(count, 0.05))
    let differences = zip(scores, less).map { $0 - $1 }
    let threshold = differences.sorted()[count * 9 / 10]
    var found: [Int] = []
    scores.withUnsafeBufferPointer { scores in
      less.withUnsafeBufferPointer { less in
        guard let first = scores.baseAddress else { return }
        #expect(ExactSums.largest(first, less: less) == differences.max())
        ExactSums.forEach(atLeast: threshold, first, less: less) { found.append($0) }
      }
    }
    #expect(found == differences.indices.filter { differences[$0] >= threshold })
  }
}
