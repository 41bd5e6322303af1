import CheckpointFormats
import DINOModels
import DINOTestSupport
import DINOTraining
import Kernels
import Testing
import Torch

/// Both ways to compute a loss: by libtorch, and by the kernels of this processor.
enum LossEngine: String, CaseIterable, CustomTestStringConvertible {
  case libtorch, kernels

  var processor: ProcessorKernels? { self == .kernels ? ProcessorKernels(threads: 2) : nil }
  var testDescription: String { rawValue }
}

@Suite("Losses against the original")
struct LossGoldenTests {
  @Test(
    "Sinkhorn-Knopp gives the same targets", arguments: Golden.named("loss/dino_sinkhorn"),
    LossEngine.allCases)
  func dinoSinkhorn(golden: Golden, engine: LossEngine) throws {
    for name in try golden.names(prefix: "expected.") {
      // expected.<input>.temp<T>.iter<n>
      let parts = name.split(separator: ".temp")
      let settings = parts[1].split(separator: ".iter")
      try check(
        golden, name, input: String(parts[0]).replacing("expected.", with: "input."), settings,
        engine)
    }
  }

  @Test(
    "Sinkhorn-Knopp of patches too", arguments: Golden.named("loss/ibot_teacher"),
    LossEngine.allCases)
  func ibotSinkhorn(golden: Golden, engine: LossEngine) throws {
    for name in try golden.names(prefix: "expected.sinkhorn.") {
      let parts = name.split(separator: ".temp")
      let settings = parts[1].split(separator: ".iter")
      try check(
        golden, name, input: String(parts[0]).replacing("expected.", with: "input."), settings,
        engine)
    }
  }

  private func check(
    _ golden: Golden, _ name: String, input: String, _ settings: [Substring],
    _ engine: LossEngine
  ) throws {
    var balance = SinkhornKnopp(kernels: engine.processor)
    balance.iterations = try #require(Int(settings[1]))
    let temperature = try #require(Double(settings[0]))
    try golden.check(
      balance(golden.tensor("\(input).teacher"), temperature: temperature), name)
  }

  @Test(
    "softmax centering follows the batches", arguments: Golden.named("loss/dino_softmax_centering"))
  func dinoCentering(golden: Golden) throws {
    let config = try golden.settings(CenteringConfig.self)
    let steps = try golden.components(after: "input.")
    let width = try golden.tensor("input.\(steps[0]).teacher").size(1)
    let centering = try SoftmaxCentering(
      prototypes: width, momentum: config.centerMomentum)
    for (index, step) in steps.enumerated() {
      let targets = try centering(
        golden.tensor("input.\(step).teacher"), temperature: config.temperature(at: index))
      try golden.check(targets, "expected.\(step).probs")
      try golden.check(centering.center, "expected.\(step).center")
    }
    try golden.check(centering.state(), "expected.final_center")
  }

  @Test("softmax centering of patches too", arguments: Golden.named("loss/ibot_teacher"))
  func ibotCentering(golden: Golden) throws {
    let config = try golden.settings(CenteringConfig.self)
    let steps = try golden.components(after: "input.centering.")
    let width = try golden.tensor("input.centering.\(steps[0]).teacher").size(-1)
    let centering = try SoftmaxCentering(
      prototypes: width, momentum: config.centerMomentum)
    for (index, step) in steps.enumerated() {
      let logits = try golden.tensor("input.centering.\(step).teacher")
      let targets = try centering(
        logits.flatten(from: 0, to: 1), temperature: config.temperature(at: index))
      try golden.check(targets.unsqueeze(dim: 0), "expected.centering.\(step).probs")
      try golden.check(
        centering.center.unsqueeze(dim: 0), "expected.centering.\(step).center")
    }
    try golden.check(
      centering.state().unsqueeze(dim: 0), "expected.centering.final_center")
  }

  @Test(
    "DINO loss and its gradients", arguments: Golden.named("loss/dino_forward"), LossEngine.allCases
  )
  func dinoForward(golden: Golden, engine: LossEngine) throws {
    let teachers = try golden.components(after: "input.teacher.").map {
      try golden.tensor("input.teacher.\($0)")
    }
    for value in try golden.names(prefix: "expected.").filter({ $0.hasSuffix(".value") }) {
      let tag = value.dropFirst("expected.".count).dropLast(".value".count)
      let pairs = try golden.settings(Pairs.self, at: String(tag))
      let prefix = "input.\(tag).student."
      let names = try golden.names(prefix: prefix)
      let student = try names.map { try golden.tensor($0).requiringGrad() }
      #expect(student.count == pairs.students)
      let loss = try DINOLoss(
        PrototypeCrossEntropy(temperature: pairs.studentTemp, kernels: engine.processor))(
          student: student, teacher: Array(teachers.prefix(pairs.teachers)))
      try golden.check(loss, value)
      try loss.backward()
      for (name, logits) in zip(names, student) {
        let gradient = try #require(logits.grad)
        try golden.check(gradient, "expected.\(tag).grad.\(name.dropFirst(prefix.count))")
      }
    }
  }

  @Test(
    "iBOT loss and its gradients", arguments: Golden.named("loss/ibot_forward"), LossEngine.allCases
  )
  func ibotForward(golden: Golden, engine: LossEngine) throws {
    let config = try golden.settings(IBOTConfig.self)
    let loss = IBOTPatchLoss(
      PrototypeCrossEntropy(temperature: config.studentTemp, kernels: engine.processor))
    let masks = try golden.tensor("input.masks")
    let weights = try golden.tensor("input.masks_weight")
    let rows = config.nMaskedPatches
    for (tag, count) in [("given", config.images), ("default", config.images)] {
      let student = try golden.tensor("input.given.student").narrow(dim: 0, 0..<rows)
        .clone().requiringGrad()
      let teacher = try golden.tensor("input.given.teacher").narrow(dim: 0, 0..<rows)
      let value = try loss(student: student, teacher: teacher, weights: weights, crops: count)
      try golden.check(value, "expected.\(tag).value")
      try value.backward()
      // The original's buffer may be longer; the gradient of its padding is 0.
      let padding = try golden["expected.\(tag).grad"].shape[0] - rows
      let gradient = try #require(student.grad).padded([0, 0, 0, padding])
      try golden.check(gradient, "expected.\(tag).grad")
    }
    let student = try golden.tensor("input.dense.student").requiringGrad()
    let value = try loss(
      student: student, teacher: golden.tensor("input.dense.teacher"), mask: masks)
    try golden.check(value, "expected.dense.value")
    try value.backward()
    try golden.check(#require(student.grad), "expected.dense.grad")
  }

  @Test("KoLeo, its neighbours and its gradients", arguments: Golden.named("loss/koleo"))
  func koleo(golden: Golden) throws {
    for tag in try golden.components(after: "input.") {
      let x = try golden.tensor("input.\(tag).x").requiringGrad()
      let loss = try KoLeoLoss()(x)
      try golden.check(loss, "expected.\(tag).value")
      guard tag != "duplicates" else { continue }
      try loss.backward()
      try golden.check(#require(x.grad), "expected.\(tag).grad")
      let unit = try x.detached().normalized(epsilon: 1e-8)
      let neighbours = try KoLeoLoss().neighbours(unit).array(of: Int64.self).map(Int.init)
      expectEqual(
        got: neighbours, shape: [neighbours.count],
        expected: try golden["expected.\(tag).neighbours"], label: "neighbours \(tag)")
    }
  }

  struct Pairs: Decodable {
    let studentTemp: Double
    let students: Int
    let teachers: Int
  }

  struct IBOTConfig: Decodable {
    let images: Int
    let nMaskedPatches: Int
    let studentTemp: Double
  }
}

/// The settings of the centering cases.
struct CenteringConfig: Decodable {
  let centerMomentum: Double
  let temps: [Double]
  let stepsTemps: [Double]?

  func temperature(at step: Int) -> Double { (stepsTemps ?? temps)[step] }
}
