import DINOTraining
import Foundation
import Kernels
import Testing
import Torch

@Suite("Properties of the losses")
struct LossPropertyTests {
  @Test("Sinkhorn-Knopp's rows sum to 1 and its prototypes are used alike")
  func sinkhornMarginals() throws {
    let logits = try Tensor.randn([64, 16], generator: Generator(seed: 1))
    var balance = SinkhornKnopp()
    balance.iterations = 50
    let targets = try balance(logits, temperature: 0.5)
    #expect(try relativeDifference(targets.sum(dim: 1), .ones([64])) < 1e-5)
    #expect(try relativeDifference(targets.sum(dim: 0), .full([16], 4)) < 1e-4)
  }

  @Test(
    "Sinkhorn-Knopp survives logits that overflow an exponential", arguments: [1e3, -1e3, 1e5],
    LossEngine.allCases)
  func sinkhornOverflow(size: Double, engine: LossEngine) throws {
    let logits = try Tensor.randn([8, 12], generator: Generator(seed: 2)) * size
    let targets = try SinkhornKnopp(kernels: engine.processor)(logits, temperature: 0.04)
    #expect(try targets.isFinite().to(dtype: .float32).min().item() == 1)
    #expect(try relativeDifference(targets.sum(dim: 1), .ones([8])) < 1e-5)
  }

  @Test(
    "the kernels agree with libtorch",
    arguments: [(1, 5), (3, 64), (9, 1000), (33, 4099)],
    [ProcessorLevel.portable, .avx2, .wide, .avx512])
  func kernelsAgree(shape: (rows: Int, columns: Int), level: ProcessorLevel) throws {
    guard level.isAvailable else { return }
    let kernels = ProcessorKernels(threads: 3, level: level)
    let generator = try Generator(seed: 9)
    let size = [2 * shape.rows, shape.columns]
    let logits = try Tensor.randn(size, generator: generator)
    let balanced = try SinkhornKnopp(kernels: kernels)(logits, temperature: 0.05)
    #expect(
      try relativeDifference(balanced, SinkhornKnopp()(logits, temperature: 0.05)) < 1e-4)

    let targets = try balanced.narrow(dim: 0, 0..<shape.rows)
    let weights = try Tensor.rand([2 * shape.rows], generator: generator)
    let (x, y) = (try logits.clone().requiringGrad(), try logits.clone().requiringGrad())
    let got = try PrototypeCrossEntropy(kernels: kernels)(x, targets: targets, weights: weights)
    let wanted = try PrototypeCrossEntropy()(y, targets: targets, weights: weights)
    #expect(try relativeDifference(got, wanted) < 1e-5)
    try (got * 3).backward()
    try (wanted * 3).backward()
    #expect(try relativeDifference(#require(x.grad), #require(y.grad)) < 1e-5)
  }

  @Test("a second backward pass of the kernels' loss is an error, not a wrong gradient")
  func onlyOneBackward() throws {
    let logits = try Tensor.randn([4, 6], generator: Generator(seed: 3)).requiringGrad()
    let targets = try Tensor.full([4, 6], 1 / 6)
    let loss = try PrototypeCrossEntropy(kernels: ProcessorKernels(threads: 1))(
      logits, targets: targets)
    try loss.backward(retainGraph: true)
    #expect(throws: TorchError.self) { try loss.backward() }
  }

  @Test("a constant added to one prototype's logits changes nothing")
  func sinkhornPrototypeShift() throws {
    let logits = try Tensor.randn([10, 6], generator: Generator(seed: 3))
    let shift = try Tensor([0, 0, 3, 0, 0, -2] as [Float], [1, 6])
    #expect(
      try relativeDifference(
        SinkhornKnopp()(logits + shift, temperature: 0.3),
        SinkhornKnopp()(logits, temperature: 0.3)) < 1e-5)
  }

  @Test("a uniform student loses ln K", arguments: [24, 65536])
  func uniformStudent(k: Int) throws {
    let targets = try Tensor.randn([3, k], generator: Generator(seed: 4)).softmax(dim: -1)
    let loss = try DINOLoss()(student: [.zeros([3, k])], teacher: [targets])
    #expect(abs(try loss.item() - log(Double(k))) < 1e-3)
  }

  @Test("the loss is smallest where the student agrees with the teacher")
  func agreement() throws {
    let logits = try Tensor.randn([4, 9], generator: Generator(seed: 5))
    let targets = try (logits / 0.1).softmax(dim: -1)
    let best = try DINOLoss()(student: [logits], teacher: [targets]).item()
    let other = try DINOLoss()(
      student: [logits + .randn([4, 9], generator: Generator(seed: 6)) * 0.1], teacher: [targets])
    #expect(try other.item() > best)
  }

  @Test("KoLeo of two orthogonal unit vectors is -ln √2")
  func koleoOrthogonal() throws {
    let loss = try KoLeoLoss()(Tensor([1, 0, 0, 5] as [Float], [2, 2])).item()
    #expect(abs(loss + log(2.0.squareRoot())) < 1e-6)
  }

  @Test("KoLeo of equal vectors is large and finite, in half precision too")
  func koleoEqual() throws {
    let equal = try Tensor.ones([3, 1024])
    let expected = -log(1e-8 * (1 + 32))
    #expect(abs(try KoLeoLoss()(equal).item() - expected) < 1e-3)
    #expect(abs(try KoLeoLoss()(equal.to(dtype: .bfloat16)).item() - expected) < 1e-3)
  }

  @Test("KoLeo of one vector is 0, of two opposite ones finite")
  func koleoFew() throws {
    #expect(try KoLeoLoss()(.ones([1, 8])).item() == 0)
    let opposite = try Tensor([1, 2, -1, -2] as [Float], [2, 2])
    #expect(abs(try KoLeoLoss()(opposite).item() + log(2)) < 1e-6)
  }

  @Test("gradients agree with finite differences")
  func gradients() throws {
    let generator = try Generator(seed: 7)
    let targets = try Tensor.randn([4, 6], generator: generator, dtype: .float64).softmax(dim: -1)
    // The losses compute in float32: steps and tolerance are those of single precision.
    let x = try Tensor.randn([4, 6], generator: generator).requiringGrad()
    let gradient = try #require(
      try DINOLoss(PrototypeCrossEntropy(temperature: 0.5))(student: [x], teacher: [targets])
        .gradients(of: [x])[0])
    let probabilities = try (x.detached() / 0.5).softmax(dim: -1)
    let exact = try (probabilities - targets.to(dtype: .float32)) / (0.5 * 4)
    #expect(try relativeDifference(gradient, exact) < 1e-5)
  }
}
