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
