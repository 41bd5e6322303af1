import Foundation
import Kernels
import Testing

/// The bfloat16 kernels against sums of rounded values in double precision.
@Suite("bfloat16 kernels")
struct HalfKernelsTests {
  static let levels = ProcessorLevel.allCases.filter(\.isAvailable)

  @Test(
    "a linear layer rounds operands, not sums", arguments: levels,
    [(1, 2, 2), (13, 38, 42), (29, 1536, 70), (40, 384, 128)])
  func linear(level: ProcessorLevel, shape: (Int, Int, Int)) {
    let (rows, inputs, outputs) = shape
    let x = HalfMatrix(rows: rows, columns: inputs)
    x.write(wave(rows * inputs, 0.37))
    let weight = HalfMatrix(rows: outputs, columns: inputs)
    weight.write(wave(outputs * inputs, 0.61))
    let bias = wave(outputs, 0.23)
    let (values, weights) = (x.array, weight.array)
    let kernels = ProcessorKernels(threads: 2, level: level)
    let layer = PackedLinear(
      .init(weight: weights, bias: bias), inputs: inputs, isHalf: true, level: level)
    let exact = (0..<rows * outputs).map { index -> Double in
      let (row, output) = (index / outputs, index % outputs)
      return (0..<inputs).reduce(Double(bias[output])) {
        $0 + Double(values[row * inputs + $1]) * Double(weights[output * inputs + $1])
      }
    }

    let sums = FloatBuffer([Float](repeating: 1, count: rows * outputs))
    kernels.add(layer, x, to: Matrix(sums, rows: rows, columns: outputs))
    expectNear(sums.array(0..<sums.count), exact.map { $0 + 1 }, 3e-6)

    let y = HalfMatrix(rows: rows, columns: outputs)
    kernels.linear(layer, x, into: y, .gelu)
    expectNear(y.array, exact.map { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }, 1.0 / 256)

    let gated = PackedLinear(
      .init(weight: weights, bias: bias), inputs: inputs, isGated: true, isHalf: true, level: level)
    let half = outputs / 2
    let z = HalfMatrix(rows: rows, columns: half)
    kernels.linear(gated, x, into: z, .gate)
    let expected = (0..<rows * half).map { index -> Double in
      let u = exact[index / half * outputs + index % half]
      return u / (1 + exp(-u)) * exact[index / half * outputs + index % half + half]
    }
    expectNear(z.array, expected, 1.0 / 256)
  }

  @Test("a layer with more inputs than one stretch adds all of them", arguments: levels)
  func longLayer(level: ProcessorLevel) {
    let inputs = 2 * ProcessorKernels.mostHalfInputs + 10
    let x = HalfMatrix(rows: 5, columns: inputs)
    x.write(wave(5 * inputs, 0.11))
    let weight = HalfMatrix(rows: 34, columns: inputs)
    weight.write(wave(34 * inputs, 0.29))
    let layer = PackedLinear(
      .init(weight: weight.array), inputs: inputs, isHalf: true, level: level)
    let sums = FloatBuffer([Float](repeating: 0, count: 5 * 34))

    ProcessorKernels(threads: 3, level: level).add(
      layer, x, to: Matrix(sums, rows: 5, columns: 34))

    let (a, b) = (x.array, weight.array)
    let exact = (0..<5 * 34).map { index in
      (0..<inputs).reduce(0.0) {
        $0 + Double(a[index / 34 * inputs + $1]) * Double(b[index % 34 * inputs + $1])
      }
    }
    expectNear(sums.array(0..<sums.count), exact, 1e-5)
  }

  @Test(
    "attention stays within the rounding of its operands", arguments: levels,
    [(1, 1, 1, 2), (2, 13, 3, 10), (1, 67, 2, 64)])
  func attention(level: ProcessorLevel, shape: (Int, Int, Int, Int)) {
    let (batch, tokens, heads, width) = shape
    let (rows, columns) = (batch * tokens, heads * width)
    let qkv = HalfMatrix(rows: rows, columns: 3 * columns)
    qkv.write(wave(rows * 3 * columns, 0.47).map { 2 * $0 })
    let kernels = ProcessorKernels(threads: 2, level: level)
    let y = HalfMatrix(rows: rows, columns: columns)
    let exact = FloatBuffer(count: rows * columns)

    kernels.attention(qkv, into: y, batch: batch, heads: heads)
    kernels.attention(
      Matrix(FloatBuffer(qkv.array), rows: rows, columns: 3 * columns),
      into: Matrix(exact, rows: rows, columns: columns), batch: batch, heads: heads)

    expectNear(y.array, exact.array(0..<exact.count).map { Double($0) }, 1.0 / 100)
  }

  @Test("a norm is rounded once", arguments: levels)
  func norm(level: ProcessorLevel) {
    let x = Matrix(FloatBuffer(wave(5 * 77, 0.9)), rows: 5, columns: 77)
    let (weight, bias) = (FloatBuffer(wave(77, 0.3)), FloatBuffer(wave(77, 0.7)))
    let kernels = ProcessorKernels(threads: 2, level: level)
    let y = HalfMatrix(rows: 5, columns: 77)
    let exact = FloatBuffer(count: 5 * 77)

    kernels.layerNorm(x, weight: weight, bias: bias, epsilon: 1e-6, into: y)
    kernels.layerNorm(
      x, weight: weight, bias: bias, epsilon: 1e-6, into: Matrix(exact, rows: 5, columns: 77))

    let rounded = HalfMatrix(rows: 5, columns: 77)
    rounded.write(exact.array(0..<exact.count))
    expectNear(y.array, rounded.array.map { Double($0) }, 1.0 / 256)
  }

  /// Values between -1 and 1 without a short period.
  private func wave(_ count: Int, _ step: Double) -> [Float] {
    (0..<count).map { Float(sin(step * Double($0) + 0.1 * Double($0 % 7))) }
  }

  private func expectNear(
    _ got: [Float], _ expected: [Double], _ tolerance: Double,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let scale = max(expected.map(abs).max() ?? 0, 1e-6)
    let worst = zip(got, expected).map { abs(Double($0) - $1) / scale }.max() ?? .infinity
    #expect(
      worst < tolerance && got.count == expected.count, "off by \(worst)",
      sourceLocation: sourceLocation)
  }
}
