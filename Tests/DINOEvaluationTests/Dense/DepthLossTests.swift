import CheckpointFormats
import DINOEvaluation
import DINOModels
import DINOTestSupport
import Testing
import Torch

@Suite("Depth losses")
struct DepthLossTests {
  struct Config: Decodable {
    let eps: Double
    let maxDepth: [String: Double]
    let warmIter: Int
    let weights: [String: Double]

    enum CodingKeys: String, CodingKey {
      case eps, weights
      case maxDepth = "max_depth"
      case warmIter = "warm_iter"
    }
  }

  private func check(
    _ golden: Golden, _ name: String, map: Int? = nil, _ loss: (Tensor, Tensor) throws -> Tensor
  ) throws {
    var prediction = try Tensor(golden["input.pred"]).clone()
    var truth = try Tensor(golden["input.gt"])
    if let map {
      prediction = try prediction.select(dim: 0, map).select(dim: 0, 0).clone()
      truth = try truth.select(dim: 0, map).select(dim: 0, 0)
    }
    try prediction.requiringGrad()
    let value = try loss(prediction, truth)
    let gradient = try #require(try value.gradients(of: [prediction])[0])
    for (got, part) in [(value, "value"), (gradient, "grad")] {
      let full = "expected.\(name).\(part)"
      try expectClose(
        got: got.detached().floats(), shape: got.shape, expected: golden[full],
        tolerance: golden.tolerance(for: full), label: full)
    }
  }

  @Test("SigLoss agrees with the original", arguments: Golden.named("eval/depth_losses"))
  func sigLoss(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    func loss(_ name: String) -> SigLoss {
      var loss = SigLoss()
      loss.epsilon = config.eps
      loss.weight = config.weights[name] ?? 1
      loss.maxDepth = config.maxDepth[name]
      loss.masksUnknown = name != "sig_unmasked"
      return loss
    }
    for name in ["sig", "sig_max", "sig_unmasked"] {
      try check(golden, name) { try loss(name)($0, truth: $1) }
    }
    let steps = try golden.names(prefix: "expected.sig_warm.").filter { $0.hasSuffix(".value") }
    for step in steps.indices {
      try check(golden, "sig_warm.\(step)") {
        try loss("sig_warm")($0, truth: $1, isWarmingUp: step < config.warmIter)
      }
    }
  }

  @Test("GradientLoss agrees with the original", arguments: Golden.named("eval/depth_losses"))
  func gradientLoss(golden: Golden) throws {
    let config = try golden.decodeConfig(Config.self)
    // Single maps are the first and, with a largest depth, the second of the batch.
    for (name, map, axes) in [
      ("grad_map", 0, GradientLoss.Axes.rowsAndColumns), ("grad_map", 0, .firstTwo),
      ("grad_map_max", 1, .rowsAndColumns), ("grad_batch", nil, .firstTwo),
    ] as [(String, Int?, GradientLoss.Axes)] {
      var loss = GradientLoss()
      loss.epsilon = config.eps
      loss.weight = config.weights[name] ?? 1
      loss.maxDepth = config.maxDepth[name]
      loss.axes = axes
      try check(golden, name, map: map) { try loss($0, truth: $1) }
    }
  }

  @Test("the quirk gives nothing for two images, the correction does")
  func quirk() throws {
    let generator = try Generator(seed: 1)
    let prediction = try Tensor.rand([2, 1, 9, 8], generator: generator) + 1
    let truth = try Tensor.rand([2, 1, 9, 8], generator: generator) + 1
    var loss = GradientLoss()
    #expect(try loss(prediction, truth: truth).item() > 0.01)
    loss.axes = .firstTwo
    #expect(try loss(prediction, truth: truth).item() == 0)
  }

  @Test("a factor leaves the variance and the gradients of log depth alone")
  func scaleInvariance() throws {
    let truth = try Tensor.rand([1, 1, 7, 9], generator: Generator(seed: 1), dtype: .float64) + 1
    var sig = SigLoss()
    sig.epsilon = 0
    let expected = 0.15.squareRoot() * 0.693147180559945
    #expect(abs(try sig(truth * 2, truth: truth).item() - expected) < 1e-9)
    #expect(abs(try sig(truth * 2, truth: truth, isWarmingUp: true).item() - expected) < 1e-9)
    var gradient = GradientLoss()
    gradient.epsilon = 0
    #expect(try gradient(truth * 2, truth: truth).item() < 1e-9)
  }

  @Test("no known pixel, one pixel and a perfect map have finite losses and gradients")
  func degenerate() throws {
    for (prediction, truth) in [([1, 2], [0, 0]), ([1, 2], [0, 3]), ([1, 2], [1, 2])]
      as [([Float], [Float])]
    {
      let p = try Tensor(prediction, [1, 1, 1, 2]).requiringGrad()
      let t = try Tensor(truth, [1, 1, 1, 2])
      for loss in try [
        SigLoss()(p, truth: t), SigLoss()(p, truth: t, isWarmingUp: true),
        GradientLoss()(p, truth: t),
      ] {
        #expect(try loss.item().isFinite)
        if loss.requiresGrad, let gradient = try loss.gradients(of: [p])[0] {
          #expect(try gradient.floats().allSatisfy(\.isFinite))
        }
      }
    }
    #expect(throws: TorchError.self) { try SigLoss()(.ones([2]), truth: .ones([3])) }
    #expect(throws: TorchError.self) { try GradientLoss()(.ones([2]), truth: .ones([2])) }
  }
}
