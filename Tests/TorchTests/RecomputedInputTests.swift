import Testing
import Torch

@Suite("Recomputed inputs of linear layers")
struct RecomputedInputTests {
  /// `gelu(a · b)` with a gate, `[2, 3, 4]`, and a layer from 4 to 5.
  private struct Setting {
    let a, b, weight, bias: Tensor

    init(frozenWeight: Bool = false) throws {
      let generator = try Generator(seed: 4)
      a = try Tensor.randn([2, 3, 4], generator: generator).requiringGrad()
      b = try Tensor.randn([4], generator: generator).requiringGrad()
      weight = try Tensor.randn([5, 4], generator: generator).requiringGrad(!frozenWeight)
      bias = try Tensor.randn([5], generator: generator).requiringGrad()
    }

    static func prepare(_ sources: [Tensor]) throws(TorchError) -> Tensor {
      try (sources[0] * sources[1]).gelu()
    }

    /// The output and the gradients of a function of it.
    func run(
      _ layer: (Setting) throws(TorchError) -> Tensor
    ) throws -> (output: [Float], gradients: [[Float]?]) {
      let y = try layer(self)
      try (y.to(dtype: .float32) * y.to(dtype: .float32)).sum().backward()
      return (
        try y.to(dtype: .float32).floats(), try [a, b, weight, bias].map { try $0.grad?.floats() }
      )
    }

    static func kept(_ s: Setting) throws(TorchError) -> Tensor {
      try prepare([s.a, s.b]).linear(weight: s.weight, bias: s.bias)
    }

    static func recomputed(_ s: Setting) throws(TorchError) -> Tensor {
      try RecomputedInput(from: [s.a, s.b], prepare).linear(weight: s.weight, bias: s.bias)
    }
  }

  private func expectEqual(
    _ one: (output: [Float], gradients: [[Float]?]),
    _ other: (output: [Float], gradients: [[Float]?]),
    tolerance: Float
  ) {
    for (x, y) in zip(one.output, other.output) { #expect(abs(x - y) <= tolerance * (1 + abs(y))) }
    for (x, y) in zip(one.gradients, other.gradients) {
      #expect((x == nil) == (y == nil))
      for (p, q) in zip(x ?? [], y ?? []) { #expect(abs(p - q) <= tolerance * (1 + abs(q))) }
    }
  }

  @Test("give the values and gradients of kept ones")
  func equal() throws {
    expectEqual(
      try Setting().run(Setting.recomputed), try Setting().run(Setting.kept), tolerance: 1e-5)
  }

  @Test("a frozen weight gets no gradient, what lies before it does")
  func frozen() throws {
    let result = try Setting(frozenWeight: true).run(Setting.recomputed)
    #expect(result.gradients[2] == nil)
    expectEqual(result, try Setting(frozenWeight: true).run(Setting.kept), tolerance: 1e-5)
  }

  @Test("multiply in bfloat16 on the way back as on the way there")
  func halfPrecision() throws {
    func half(_ layer: @escaping (Setting) throws(TorchError) -> Tensor) throws -> (
      output: [Float], gradients: [[Float]?]
    ) {
      try Setting().run { s throws(TorchError) in
        try withAutocast(to: .bfloat16) { () throws(TorchError) in try layer(s) }
      }
    }
    let result = try half(Setting.recomputed)
    expectEqual(result, try half(Setting.kept), tolerance: 0.02)
    let exact = try Setting().run(Setting.kept)
    #expect(zip(result.output, exact.output).contains { $0 != $1 })
  }
}
