import Foundation
import Testing
import Torch

@Suite("Optimisers")
struct OptimizerTests {
  private func parameter(_ values: [Float], name: String = "p") throws -> Parameter {
    let store = ParameterStore(initializingFrom: try Generator(seed: 0))
    let parameter = try store.root.parameter(name, [values.count], .zeros)
    try withoutGradient { () throws(TorchError) in
      try parameter.value.copy(from: Tensor(values))
    }
    return parameter
  }

  /// Sets the gradient of a parameter.
  private func setGradient(_ parameter: Parameter, _ gradient: [Float]) throws {
    parameter.value.clearGrad()
    try (parameter.value * Tensor(gradient)).sum().backward()
  }

  @Test("AdamW takes the steps of the definition")
  func adamW() throws {
    let parameter = try parameter([1, -2])
    let optimizer = try AdamW([ParameterGroup([parameter], learningRate: 0.1, weightDecay: 0.5)])
    var expected = [1.0, -2.0]
    var (first, second) = ([0.0, 0.0], [0.0, 0.0])
    for step in 1...3 {
      let gradient: [Float] = [0.5 * Float(step), -1]
      try setGradient(parameter, gradient)
      try optimizer.step()
      for index in 0..<2 {
        let g = Double(gradient[index])
        first[index] = 0.9 * first[index] + 0.1 * g
        second[index] = 0.999 * second[index] + 0.001 * g * g
        let mean = first[index] / (1 - pow(0.9, Double(step)))
        let square = second[index] / (1 - pow(0.999, Double(step)))
        expected[index] *= 1 - 0.1 * 0.5
        expected[index] -= 0.1 * mean / (square.squareRoot() + 1e-8)
      }
      let got = try parameter.value.detached().floats()
      for index in 0..<2 { #expect(abs(Double(got[index]) - expected[index]) < 1e-6) }
    }
  }

  @Test("descent with momentum takes the steps of the definition")
  func sgd() throws {
    let parameter = try parameter([1])
    let optimizer = try SGD(
      [ParameterGroup([parameter], learningRate: 0.1, weightDecay: 0.2)], momentum: 0.5)
    var (value, velocity) = (1.0, 0.0)
    for _ in 0..<3 {
      try setGradient(parameter, [2])
      try optimizer.step()
      velocity = 0.5 * velocity + 2 + 0.2 * value
      value -= 0.1 * velocity
    }
    #expect(abs(try parameter.value.detached().item() - value) < 1e-6)
  }

  @Test("Muon takes orthogonal steps with matrices and those of AdamW with the rest")
  func muon() throws {
    let store = ParameterStore(initializingFrom: try Generator(seed: 0))
    let matrix = try store.root.parameter("matrix", [2, 3], .zeros)
    let (vector, alone) = (try parameter([1, -2]), try parameter([1, -2]))
    let optimizer = try Muon(
      [ParameterGroup([vector, matrix], learningRate: 0.1, weightDecay: 0.5)],
      where: { $0.name == "matrix" })
    let adamW = try AdamW([ParameterGroup([alone], learningRate: 0.1, weightDecay: 0.5)])
    // Singular values 3 and 1 along the axes; each goes through the polynomial on its own.
    let gradient: [Float] = [3, 0, 0, 0, 0, -1]
    var (value, velocity) = ([0.0, 0.0], [0.0, 0.0])
    for _ in 1...3 {
      matrix.value.clearGrad()
      try (matrix.value * Tensor(gradient).reshape([2, 3])).sum().backward()
      for one in [vector, alone] { try setGradient(one, [0.5, -1]) }
      try optimizer.step()
      try adamW.step()
      velocity = [velocity[0] * 0.95 + 3, velocity[1] * 0.95 - 1]
      let direction = [3 + 0.95 * velocity[0], -1 + 0.95 * velocity[1]]
      let norm = (direction[0] * direction[0] + direction[1] * direction[1]).squareRoot()
      for index in 0..<2 {
        var x = direction[index] / norm
        for _ in 0..<5 { x = 3.4445 * x - 4.7750 * pow(x, 3) + 2.0315 * pow(x, 5) }
        #expect(Swift.abs(Swift.abs(x) - 1) < 0.35)
        value[index] *= 1 - 0.1 * 0.5
        value[index] -= 0.1 * 0.2 * 3.0.squareRoot() * x
      }
    }
    let got = try matrix.value.detached().floats()
    let expected = [value[0], 0, 0, 0, 0, value[1]]
    for index in 0..<6 { #expect(Swift.abs(Double(got[index]) - expected[index]) < 1e-5) }
    #expect(try vector.value.detached().floats() == alone.value.detached().floats())
    #expect(
      optimizer.state.map(\.name) == ["momentum.matrix", "exp_avg.p", "exp_avg_sq.p", "step.p"])
  }

  @Test("goes on from stored state with the same bits")
  func restoring() throws {
    let (one, other) = (try parameter([3, 4]), try parameter([3, 4]))
    let straight = try AdamW([ParameterGroup([one], learningRate: 0.1)])
    let stopped = try AdamW([ParameterGroup([other], learningRate: 0.1)])
    for optimizer in [(one, straight), (other, stopped)] {
      try setGradient(optimizer.0, [1, -1])
      try optimizer.1.step()
    }
    var stored: [String: Tensor] = [:]
    for (name, tensor) in stopped.state { stored[name] = try tensor.clone() }
    let resumed = try AdamW([ParameterGroup([other], learningRate: 0.1)])
    try resumed.restore(stored)
    for optimizer in [(one, straight), (other, resumed)] {
      try setGradient(optimizer.0, [0.3, 2])
      try optimizer.1.step()
    }
    #expect(try one.value.detached().floats() == other.value.detached().floats())
  }

  @Test("refuses state that is missing")
  func missingState() throws {
    let optimizer = try AdamW([ParameterGroup([parameter([1])])])
    #expect(throws: TorchError.self) { try optimizer.restore([:]) }
  }

  @Test("a parameter without a gradient is left alone")
  func noGradient() throws {
    let (moved, still) = (try parameter([1], name: "a"), try parameter([1], name: "b"))
    let optimizer = try AdamW([ParameterGroup([moved, still], learningRate: 0.1, weightDecay: 1)])
    try setGradient(moved, [1])
    try optimizer.step()
    #expect(try still.value.detached().item() == 1)
    #expect(try moved.value.detached().item() < 1)
  }
}
