import CheckpointFormats
import DINOInference
import DINOModels
import DINOTestSupport
import Foundation
import Imaging
import Kernels
import Testing
import Torch

/// The packed forward pass against the original, on every instruction set at hand.
@Suite("Processor engine")
struct ProcessorEngineTests {
  struct Run: CustomTestStringConvertible, Sendable {
    let golden: Golden
    let level: ProcessorLevel
    var testDescription: String { "\(golden.name), \(level.name)" }
  }

  static let runs = Golden.cases(inGroup: "vit") { $0.contains("mlp") || $0.contains("swiglu") }
    .flatMap { golden in
      ProcessorLevel.allCases.filter(\.isAvailable).map { Run(golden: golden, level: $0) }
    }

  @Test("gives the original's tokens at every size", arguments: runs)
  func agreesWithOriginal(run: Run) throws {
    let golden = run.golden
    let engine = try ProcessorEngine(goldenModel(golden), threads: 2, level: run.level)
    let last = engine.config.depth - 1
    for tag in try golden.decodeConfig([[Int]].self, at: "sizes").map({
      $0.map(String.init).joined(separator: "x")
    }) {
      let images = try imageBatch(golden["input.\(tag).image"])

      let normed = try engine.tokens(of: images, after: [last], normalize: true)[0]
      let raw = try engine.tokens(of: images, after: [last], normalize: false)[0]

      let prefix = "expected.\(tag).plain."
      let (b, d) = (images.count, normed.width)
      try check(
        (0..<b).flatMap { normed.clsToken($0) }, [b, d], prefix + "x_norm_clstoken", golden)
      try check(
        (0..<b).flatMap { normed.patchTokens($0) }, [b, normed.grid.count, d],
        prefix + "x_norm_patchtokens", golden)
      if normed.registers > 0 {
        try check(
          (0..<b).flatMap { normed.registerTokens($0) }, [b, normed.registers, d],
          prefix + "x_norm_regtokens", golden)
      }
      try check(raw.values, [b, raw.tokens, d], prefix + "x_prenorm", golden)
    }
  }

  @Test("gives each image of a batch what it gives the image alone")
  func imagesAreIndependent() throws {
    let engine = try smallEngine()
    let size = Size(height: 42, width: 56)
    let values = (0..<3 * 3 * size.height * size.width).map { Float(($0 * 7919) % 255) / 127 - 1 }
    let batch = ImageBatch(values: values, count: 3, size: size)

    let together = try engine.tokens(of: batch, after: [1], normalize: true)[0]

    let stride = values.count / 3
    for image in 0..<3 {
      let alone = ImageBatch(
        values: Array(values[image * stride..<(image + 1) * stride]), count: 1, size: size)
      let single = try engine.tokens(of: alone, after: [1], normalize: true)[0]
      let difference = zip(together.patchTokens(image), single.patchTokens(0)).map { abs($0 - $1) }
      #expect((difference.max() ?? 1) < 1e-5)
    }
  }

  @Test("returns chosen blocks in the order of the blocks")
  func blocksInOrder() throws {
    let engine = try smallEngine()
    let batch = ImageBatch(
      values: [Float](repeating: 0.5, count: 3 * 28 * 28), count: 1,
      size: Size(height: 28, width: 28))

    let both = try engine.tokens(of: batch, after: [0, 1], normalize: false)
    let last = try engine.tokens(of: batch, after: [1], normalize: false)

    #expect(both.count == 2)
    #expect(both[1].values == last[0].values)
    #expect(both[0].values != both[1].values)
  }

  @Test(
    "stays near single precision with bfloat16",
    arguments: [ProcessorEngine.Numbers.rounded, .bfloat16],
    ProcessorLevel.allCases.filter(\.isAvailable))
  func bfloat16(numbers: ProcessorEngine.Numbers, level: ProcessorLevel) throws {
    let model = try smallModel()
    let exact = try ProcessorEngine(model, threads: 1, level: level)
    let rounded = try ProcessorEngine(model, threads: 2, level: level, numbers: numbers)
    let batch = ImageBatch(
      values: (0..<2 * 3 * 56 * 56).map { Float(sin(Double($0))) }, count: 2,
      size: Size(height: 56, width: 56))

    let a = try exact.tokens(of: batch, after: [1], normalize: true)[0].values
    let b = try rounded.tokens(of: batch, after: [1], normalize: true)[0].values

    #expect(a != b)
    #expect(cosine(a, b) > 0.9995)
  }

  @Test("gives the original's class token in bfloat16", arguments: runs)
  func bfloat16Golden(run: Run) throws {
    let golden = run.golden
    let engine = try ProcessorEngine(
      goldenModel(golden), threads: 1, level: run.level, numbers: .bfloat16)
    let tag = try golden.decodeConfig(String.self, at: "half_size")
    let tokens = try engine.tokens(
      of: imageBatch(golden["input.\(tag).image"]), after: [engine.config.depth - 1],
      normalize: true)[0]

    try check(
      Array(tokens.clsToken(0)), [1, tokens.width], "expected.\(tag).bf16.x_norm_clstoken", golden)
    let exact = try golden["expected.\(tag).plain.x_norm_clstoken"].floats()
    #expect(cosine(Array(tokens.clsToken(0)), Array(exact.prefix(tokens.width))) > 0.999)
  }

  @Test("refuses a size that is no multiple of the patch, and other channels")
  func refusesSizes() throws {
    let engine = try smallEngine()
    let odd = ImageBatch(
      values: [Float](repeating: 0, count: 3 * 28 * 30), count: 1,
      size: Size(height: 28, width: 30))
    let gray = ImageBatch(
      values: [Float](repeating: 0, count: 28 * 28), count: 1, channels: 1,
      size: Size(height: 28, width: 28))

    for batch in [odd, gray] {
      #expect(throws: InferenceError.self) {
        try engine.tokens(of: batch, after: [0], normalize: true)
      }
    }
  }

  // MARK: -

  private func smallModel() throws -> VisionTransformer {
    var config = VisionTransformerConfig()
    (config.embedDim, config.depth, config.numHeads) = (96, 2, 3)
    (config.imageSize, config.numRegisterTokens) = (56, 2)
    return try VisionTransformer(config, in: ParameterScope(seed: 5))
  }

  private func smallEngine() throws -> ProcessorEngine {
    try ProcessorEngine(smallModel(), threads: 2)
  }

  private func cosine(_ a: [Float], _ b: [Float]) -> Double {
    let dot = zip(a, b).reduce(0.0) { $0 + Double($1.0) * Double($1.1) }
    let norms = [a, b].map { $0.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot() }
    return dot / (norms[0] * norms[1])
  }

  private func check(_ got: [Float], _ shape: [Int], _ name: String, _ golden: Golden) throws {
    try expectClose(
      got: got, shape: shape, expected: golden[name], tolerance: golden.tolerance(for: name),
      label: name)
  }
}
