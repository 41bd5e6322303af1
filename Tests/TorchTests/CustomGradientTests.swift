import Testing
import Torch

@Suite("Gradients of one's own")
struct CustomGradientTests {
  /// `x³` with a gradient that is wrong on purpose, so that it can be told from libtorch's.
  private func cube(_ x: Tensor, slope: Double) throws(TorchError) -> Tensor {
    try withCustomGradient(inputs: [x]) {
      () throws(TorchError) -> (outputs: [Tensor], gradient: GradientFunction) in
      let gradient: GradientFunction = { upstream throws(TorchError) in
        guard let upstream = upstream[0] else { return [nil] }
        return [try upstream * slope]
      }
      return ([try x.pow(3)], gradient)
    }[0]
  }

  @Test("are used by the backward pass, inside a graph")
  func used() throws {
    let x = try Tensor([1, 2] as [Float]).requiringGrad()
    let y = try cube(x * 2, slope: 10)
    #expect(try y.floats() == [8, 64])
    try (y * Tensor([1, 3] as [Float])).sum().backward()
    #expect(try x.grad?.floats() == [20, 60])
  }

  @Test("several inputs and outputs, some without a gradient")
  func several() throws {
    let (a, b) = (try Tensor([2] as [Float]).requiringGrad(), try Tensor([3] as [Float]))
    let outputs = try withCustomGradient(inputs: [a, b]) {
      () throws(TorchError) -> (outputs: [Tensor], gradient: GradientFunction) in
      let gradient: GradientFunction = { upstream throws(TorchError) in
        // Only the second output is used below.
        let first: Double = upstream[0] == nil ? 0 : 1000
        guard let second = upstream[1] else { return [nil, nil] }
        return [try second * 7 + first, nil]
      }
      return ([try a * b, try a + b], gradient)
    }
    try outputs[1].sum().backward()
    #expect(try a.grad?.floats() == [7])
  }

  @Test("an error of the function is the error of the backward pass")
  func failing() throws {
    let x = try Tensor([1] as [Float]).requiringGrad()
    let y = try withCustomGradient(inputs: [x]) {
      () throws(TorchError) -> (outputs: [Tensor], gradient: GradientFunction) in
      let gradient: GradientFunction = { _ throws(TorchError) in
        throw TorchError("mine", "broke on purpose")
      }
      return ([try x * 2], gradient)
    }[0]
    let error = #expect(throws: TorchError.self) { try y.sum().backward() }
    #expect(error?.message.contains("broke on purpose") == true)
  }

  @Test("nothing is recorded where nothing needs it, and what was captured is let go")
  func lifetime() throws {
    final class Witness {}
    weak var witness: Witness?
    func run(_ x: Tensor) throws(TorchError) -> Tensor {
      let held = Witness()
      witness = held
      return try withCustomGradient(inputs: [x]) {
        () throws(TorchError) -> (outputs: [Tensor], gradient: GradientFunction) in
        let gradient: GradientFunction = { upstream throws(TorchError) in
          withExtendedLifetime(held) { upstream }
        }
        return ([try x * 2], gradient)
      }[0]
    }
    let plain = try run(Tensor([1] as [Float]))
    #expect(!plain.requiresGrad)
    #expect(witness == nil)

    let x = try Tensor([1] as [Float]).requiringGrad()
    let kept = try run(x)
    #expect(witness != nil)
    try kept.sum().backward()
    #expect(witness == nil)
    #expect(try x.grad?.floats() == [1])
  }
}
