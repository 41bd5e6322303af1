import Foundation
import Kernels
import Testing

/// Every kernel against the definition in double precision, on every instruction set at hand.
@Suite("Processor kernels")
struct ProcessorKernelsTests {
  static let levels = ProcessorLevel.allCases.filter(\.isAvailable)
  /// Rows, inputs, outputs: single values, odd edges, whole tiles, more than one stretch of inputs.
  static let shapes = [(1, 1, 2), (13, 37, 42), (100, 48, 144), (29, 700, 96), (257, 384, 128)]

  struct Product: CustomTestStringConvertible, Sendable {
    let rows: Int
    let inputs: Int
    let outputs: Int
    let level: ProcessorLevel
    let threads: Int
    var testDescription: String {
      "\(rows)×\(inputs)×\(outputs), \(level.name), \(threads) threads"
    }
  }

  static let products = levels.flatMap { level in
    shapes.flatMap { shape in
      [1, 3].map {
        Product(
          rows: shape.0, inputs: shape.1, outputs: shape.2, level: level, threads: $0)
      }
    }
  }

  @Test("a linear layer stores, adds, activates and gates", arguments: products)
  func linear(product: Product) {
    var random = Noise(seed: 7)
    let x = random.values(product.rows * product.inputs)
    let weight = random.values(product.outputs * product.inputs)
    let bias = random.values(product.outputs)
    let scale = random.values(product.outputs)
    let before = random.values(product.rows * product.outputs)
    let kernels = ProcessorKernels(threads: product.threads, level: product.level)
    let exact = reference(x, weight, bias, scale, product)

    for epilogue in [ProcessorKernels.Epilogue.store, .gelu, .add, .gate] {
      let isGated = epilogue == .gate
      let layer = PackedLinear(
        .init(weight: weight, bias: bias, scale: scale), inputs: product.inputs, isGated: isGated,
        level: product.level)
      let columns = layer.outputs
      let y = FloatBuffer(Array(before.prefix(product.rows * columns)))
      kernels.linear(
        layer, Matrix(FloatBuffer(x), rows: product.rows, columns: product.inputs),
        into: Matrix(y, rows: product.rows, columns: columns), epilogue)
      let expected = (0..<product.rows * columns).map { index -> Double in
        let (row, column) = (index / columns, index % columns)
        let value = exact[row * product.outputs + column]
        switch epilogue {
        case .store: return value
        case .add: return value + Double(before[index])
        case .gelu: return 0.5 * value * (1 + erf(value / 2.0.squareRoot()))
        case .gate:
          return value / (1 + exp(-value)) * exact[row * product.outputs + column + columns]
        }
      }
      expectNear(y.array(0..<y.count), expected, "\(epilogue)")
    }
  }

  private func reference(
    _ x: [Float], _ weight: [Float], _ bias: [Float], _ scale: [Float], _ product: Product
  ) -> [Double] {
    var result: [Double] = []
    for row in 0..<product.rows {
      for output in 0..<product.outputs {
        var sum = Double(bias[output])
        for k in 0..<product.inputs {
          sum += Double(x[row * product.inputs + k]) * Double(weight[output * product.inputs + k])
        }
        result.append(sum * Double(scale[output]))
      }
    }
    return result
  }

  @Test("a norm centres and scales each row", arguments: levels, [1, 7, 64, 387])
  func norm(level: ProcessorLevel, width: Int) {
    var random = Noise(seed: 3)
    let (rows, epsilon) = (5, 1e-6)
    let x = random.values(rows * width)
    let (weight, bias) = (random.values(width), random.values(width))
    let y = FloatBuffer(count: x.count)

    ProcessorKernels(threads: 2, level: level).layerNorm(
      Matrix(FloatBuffer(x), rows: rows, columns: width), weight: FloatBuffer(weight),
      bias: FloatBuffer(bias), epsilon: Float(epsilon),
      into: Matrix(y, rows: rows, columns: width))

    let expected = x.indices.map { index -> Double in
      let row = x[index / width * width..<(index / width + 1) * width].map { Double($0) }
      let mean = row.reduce(0, +) / Double(width)
      let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(width)
      return (Double(x[index]) - mean) / (variance + epsilon).squareRoot()
        * Double(weight[index % width]) + Double(bias[index % width])
    }
    expectNear(y.array(0..<y.count), expected, "norm")
  }

  struct Heads: CustomTestStringConvertible, Sendable {
    let batch: Int
    let tokens: Int
    let heads: Int
    let width: Int
    let level: ProcessorLevel
    var testDescription: String { "\(batch)×\(tokens)×\(heads)×\(width), \(level.name)" }
  }

  static let heads = levels.flatMap { level in
    [(1, 1, 1, 3), (2, 13, 3, 9), (1, 67, 2, 64), (2, 50, 2, 32)].map {
      Heads(batch: $0.0, tokens: $0.1, heads: $0.2, width: $0.3, level: level)
    }
  }

  @Test("attention mixes values by softmax of scaled products", arguments: heads)
  func attention(shape: Heads) {
    var random = Noise(seed: 11)
    let columns = shape.heads * shape.width
    let qkv = random.values(shape.batch * shape.tokens * 3 * columns).map { 3 * $0 }
    let rows = shape.batch * shape.tokens
    let y = FloatBuffer(count: rows * columns)

    ProcessorKernels(threads: 3, level: shape.level).attention(
      Matrix(FloatBuffer(qkv), rows: rows, columns: 3 * columns),
      into: Matrix(y, rows: rows, columns: columns), batch: shape.batch, heads: shape.heads)

    func part(_ which: Int, _ row: Int, _ head: Int) -> [Double] {
      let start = row * 3 * columns + which * columns + head * shape.width
      return qkv[start..<start + shape.width].map { Double($0) }
    }
    var expected = [Double](repeating: 0, count: rows * columns)
    for row in 0..<rows {
      let first = row / shape.tokens * shape.tokens
      for head in 0..<shape.heads {
        let query = part(0, row, head)
        let scores = (first..<first + shape.tokens).map { other in
          zip(query, part(1, other, head)).reduce(0) { $0 + $1.0 * $1.1 }
            / Double(shape.width).squareRoot()
        }
        let top = scores.max() ?? 0
        let weights = scores.map { exp($0 - top) }
        let sum = weights.reduce(0, +)
        for (offset, weight) in weights.enumerated() {
          for (i, value) in part(2, first + offset, head).enumerated() {
            expected[row * columns + head * shape.width + i] += weight / sum * value
          }
        }
      }
    }
    expectNear(y.array(0..<y.count), expected, "attention")
  }

  @Test("patches are laid out channel by channel, row by row")
  func unfold() {
    let (channels, height, width, patch) = (2, 4, 6, 2)
    let image = (0..<channels * height * width).map { Float($0) }
    let y = FloatBuffer(count: image.count)

    image.withUnsafeBufferPointer {
      ProcessorKernels(threads: 2).unfold(
        $0, channels: channels, height: height, width: width,
        into: Matrix(y, rows: 6, columns: channels * patch * patch))
    }

    #expect(y.array(0..<8) == [0, 1, 6, 7, 24, 25, 30, 31])
    #expect(y.array(40..<48) == [16, 17, 22, 23, 40, 41, 46, 47])
  }

  private func expectNear(
    _ got: [Float], _ expected: [Double], _ label: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let scale = max(expected.map(abs).max() ?? 0, 1e-6)
    let worst = zip(got, expected).map { abs(Double($0) - $1) / scale }.max() ?? .infinity
    // Sums of up to 700 products in single precision.
    #expect(worst < 3e-6 && got.count == expected.count, "\(label)", sourceLocation: sourceLocation)
  }
}

/// Numbers between -1 and 1 from a seed.
private struct Noise {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func values(_ count: Int) -> [Float] {
    (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Float(Int64(bitPattern: state) >> 40) / Float(1 << 23)
    }
  }
}
