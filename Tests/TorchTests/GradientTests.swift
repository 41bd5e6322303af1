import Testing
import Torch

/// Compares analytic gradients with central differences, in float64, for every element.
///
/// - Parameters:
///   - tensors: The inputs and parameters, float64 leaves.
///   - sourceLocation: Where a failure is reported.
///   - function: The function; its output is weighted by fixed pseudo-random numbers to a scalar.
/// - Throws: What the function throws, or an error if a tensor has no gradient.
func expectGradients(
  _ tensors: [Tensor], sourceLocation: SourceLocation = #_sourceLocation,
  of function: () throws -> Tensor
) throws {
  let output = try function()
  let weights = try Tensor.randn(output.shape, generator: Generator(seed: 17), dtype: .float64)
  func scalar() throws -> Double { try (function() * weights).sum().item() }
  for tensor in tensors { try tensor.requiringGrad() }
  let analytic = try (function() * weights).sum().gradients(of: tensors)
  for tensor in tensors { try tensor.requiringGrad(false) }
  let step = 1e-6
  for (tensor, gradient) in zip(tensors, analytic) {
    let expected = try #require(gradient, sourceLocation: sourceLocation).array(of: Double.self)
    let flat = try tensor.reshape(-1)
    for index in 0..<tensor.elementCount {
      let element = try flat.select(dim: 0, index)
      let value = try element.item()
      try element.fill(value + step)
      let above = try scalar()
      try element.fill(value - step)
      let below = try scalar()
      try element.fill(value)
      let numeric = (above - below) / (2 * step)
      #expect(
        abs(numeric - expected[index]) <= 1e-6 * max(1, abs(numeric)),
        "element \(index) of \(tensor.typeDescription): \(expected[index]), numeric \(numeric)",
        sourceLocation: sourceLocation)
    }
  }
}

@Suite("Gradients in float64")
struct GradientTests {
  private func values(_ shape: [Int], seed: UInt64) throws -> Tensor {
    try Tensor.randn(shape, generator: Generator(seed: seed), dtype: .float64)
  }

  private func scope() throws -> ParameterScope { try ParameterScope(seed: 5, dtype: .float64) }

  private func leaves(_ scope: ParameterScope) throws -> [Tensor] {
    try scope.parameterStore.parameters.filter { !$0.isBuffer }.map {
      try $0.value.requiringGrad(false)
    }
  }

  @Test("of Linear, with and without bias", arguments: [true, false])
  func linear(hasBias: Bool) throws {
    let scope = try scope()
    let layer = try Linear(4, 3, bias: hasBias, in: scope)
    let x = try values([2, 5, 4], seed: 1)

    try expectGradients(leaves(scope) + [x]) { try layer(x) }
  }

  @Test("of LayerNorm")
  func layerNorm() throws {
    let scope = try scope()
    let layer = try LayerNorm(6, epsilon: 1e-6, in: scope)
    let x = try values([3, 6], seed: 2)

    try expectGradients(leaves(scope) + [x]) { try layer(x) }
  }

  @Test("of Conv2d", arguments: [(1, 0), (2, 1)])
  func convolution(stride: Int, padding: Int) throws {
    let scope = try scope()
    let shape = ConvolutionShape(
      inputs: 2, outputs: 3, kernel: 2, stride: stride, padding: padding)
    let layer = try Conv2d(shape, in: scope)
    let x = try values([2, 2, 4, 5], seed: 3)

    try expectGradients(leaves(scope) + [x]) { try layer(x) }
  }

  @Test("of ConvTranspose2d", arguments: [1, 2])
  func transposedConvolution(stride: Int) throws {
    let scope = try scope()
    let layer = try ConvTranspose2d(
      ConvolutionShape(inputs: 2, outputs: 3, kernel: 2, stride: stride), in: scope)
    let x = try values([2, 2, 3, 2], seed: 4)

    try expectGradients(leaves(scope) + [x]) { try layer(x) }
  }

  @Test("of BatchNorm", arguments: [true, false])
  func batchNorm(isTraining: Bool) throws {
    let scope = try scope()
    let layer = try BatchNorm(3, in: scope)
    let x = try values([4, 3, 2, 2], seed: 5)

    try expectGradients(leaves(scope) + [x]) { try layer(x, isTraining: isTraining) }
  }

  @Test("of attention")
  func attention() throws {
    let q = try values([1, 2, 3, 4], seed: 6)
    let k = try values([1, 2, 5, 4], seed: 7)
    let v = try values([1, 2, 5, 4], seed: 8)

    try expectGradients([q, k, v]) { try Tensor.attention(query: q, key: k, value: v) }
  }

  @Test("of the activations and of both cubic resizes")
  func elementwise() throws {
    let x = try values([7], seed: 9)
    try expectGradients([x]) { try x.gelu() }
    try expectGradients([x]) { try x.silu() }
    try expectGradients([x]) { try x.softmax(dim: 0) }
    try expectGradients([x]) { try x.logSoftmax(dim: 0) }
    try expectGradients([x]) { try x.normalized(dim: 0) }

    let image = try values([1, 2, 4, 4], seed: 10)
    for antialias in [false, true] {
      try expectGradients([image]) {
        try image.resizedBicubic(height: 3, width: 6, antialias: antialias)
      }
    }
  }
}
