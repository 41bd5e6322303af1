import CheckpointFormats
import DINOData
import DINOModels
import DINOTestSupport
import DINOTraining
import Foundation
import Imaging
import Testing
import Torch

/// First weights that follow from the images.
@Suite("WhitenedStart")
struct WhitenedStartTests {
  private let folder: TemporaryFolder

  init() throws {
    folder = try TemporaryFolder()
    try folder.writeScenes("images", count: 40, side: 48, seed: 5)
    try folder.write("images/broken.png", Array("no image".utf8))
  }

  private func config(
    _ initialization: String, _ overrides: [String] = []
  ) throws -> TrainingConfig {
    // Nothing is learned: the model that is written is the one before the first step.
    try TrainingConfig.load(preset: .tiny).withSteps(1).changed(
      by: [
        "student.initialization=\(initialization)", "train.batch_size_per_gpu=4", "optim.base_lr=0",
        "optim.min_lr=0", "optim.warmup_epochs=0",
      ] + overrides)
  }

  private func start(
    _ initialization: String, _ run: String, images: String = "images", _ overrides: [String] = []
  ) throws -> VisionTransformer {
    let config = try config(initialization, overrides)
    let trainer = try Trainer(
      config, images: TrainingImages([folder.file(images)]),
      files: RunFiles(path: folder.file(run), config: config))
    #expect(try trainer.run() == .finished)
    return try ModelFolder.load(folder.file("\(run)/model")).model
  }

  /// The covariance of the patch embedding's results over all patches of the images.
  private func spectrum(_ model: VisionTransformer) throws -> [Double] {
    let weight = try value(model, "patch_embed.proj.weight")
    let bias = try value(model, "patch_embed.proj.bias")
    let patch = weight.shape[2]
    let preprocessing = Preprocessing(resize: 32, crop: Size(height: 32, width: 32))
    var rows: [Float] = []
    for index in 0..<40 {
      let image = try preprocessing.crop(
        ImageDecoder().decode(path: folder.file("images/\(index).png")))
      var pixels = [Float](repeating: 0, count: 3 * 32 * 32)
      try pixels.withUnsafeMutableBufferPointer { try preprocessing.normalize(image, into: $0) }
      for top in stride(from: 0, through: 32 - patch, by: 4) {
        for left in stride(from: 0, through: 32 - patch, by: 4) {
          for channel in 0..<3 {
            for row in top..<(top + patch) {
              let first = (channel * 32 + row) * 32 + left
              rows += pixels[first..<(first + patch)]
            }
          }
        }
      }
    }
    let columns = 3 * patch * patch
    let patches = try Tensor(rows, [rows.count / columns, columns])
    let tokens =
      try patches.matmul(weight.reshape([weight.shape[0], columns]).transpose(0, 1)) + bias
    let centred = try tokens - tokens.mean(dim: 0, keepDim: true)
    let covariance = try centred.transpose(0, 1).matmul(centred) / Double(tokens.shape[0])
    return try covariance.symmetricEigen().values.floats().map { Double($0) }.reversed()
  }

  private func value(_ model: VisionTransformer, _ name: String) throws -> Tensor {
    try #require(model.parameters[name]).value
  }

  /// Normalised pixels of an image, `[1, 3, 32, 32]`.
  private func pixels(_ index: Int) throws -> Tensor {
    let preprocessing = Preprocessing(resize: 32, crop: Size(height: 32, width: 32))
    let image = try preprocessing.crop(
      ImageDecoder().decode(path: folder.file("images/\(index).png")))
    var pixels = [Float](repeating: 0, count: 3 * 32 * 32)
    try pixels.withUnsafeMutableBufferPointer { try preprocessing.normalize(image, into: $0) }
    return try Tensor(pixels, [1, 3, 32, 32])
  }

  @Test("the patch embedding makes the components of patches alike in size")
  func whitening() throws {
    let whitened = try spectrum(start("whitened", "whitened"))
    let random = try spectrum(start("random", "random"))
    // 29 of 64 coordinates hold components. Half the smallest kept variance is added to all: the smallest
    // becomes two thirds, the largest nearly 1.
    #expect(whitened[0] > 0.5 && whitened[0] < 3)
    #expect(whitened[28] / whitened[0] > 0.2)
    #expect(whitened[29] < 1e-3)
    #expect(random[28] / random[0] < 0.02)
  }

  @Test("large JPEG files are decoded smaller if the settings say so, others are not")
  func reducedDecoding() throws {
    for index in 0..<8 {
      let scene = try ImageDecoder().decode(path: folder.file("images/\(index).png"))
      let large = try scene.resized(to: Size(height: 300, width: 300))
      try ImageEncoder().write(large, to: folder.write("large/\(index).jpg", []))
    }
    for (images, isSame) in [("images", true), ("large", false)] {
      let weights = try [true, false].map { reduced in
        let model = try start(
          "whitened", "\(images)-\(reduced)", images: images,
          ["train.reduced_decoding=\(reduced)"])
        return try value(model, "patch_embed.proj.weight").floats()
      }
      #expect((weights[0] == weights[1]) == isSame, "\(images)")
    }
  }

  @Test("heads of the class token look at regions, patches at what lies beside them")
  func regions() throws {
    let model = try start("whitened", "run")
    // Two heads of two blocks: windows around (±1/2, ±1/2) of an image from -1 to 1, that is around the
    // middle of four patches each.
    for (block, top) in [(1, 0), (2, 2)] {
      let weights = try model.attentionWeights(pixels(0), block: block).weights  // [1, H, N, N]
      for (head, left) in [(0, 0), (1, 2)] {
        let rows = try weights.select(dim: 0, 0).select(dim: 0, head)
        let own = try rows.select(dim: 0, 0).floats()
        let near = [0, 1].flatMap { row in
          [0, 1].map { column in own[1 + (top + row) * 4 + left + column] }
        }
        #expect(near.reduce(0, +) > 0.8, "block \(block), head \(head): \(own)")
        #expect(own[0] < 0.01)
        let classShare = try rows.narrow(dim: 0, 1..<17).select(dim: 1, 0).max().item()
        #expect(classShare < 0.02, "block \(block), head \(head)")
        // Above themselves with the first head, below with the second, in the last block farther.
        for patch in 0..<16 {
          let seen = try rows.select(dim: 0, 1 + patch).floats()[1...]
          let row = seen.enumerated().reduce(0) { $0 + Float($1.offset / 4) * $1.element }
          let column = seen.enumerated().reduce(0) { $0 + Float($1.offset % 4) * $1.element }
          let shift = (row - Float(patch / 4)) * (head == 0 ? -1 : 1)
          let farthest: Float = head == 0 ? Float(patch / 4) : Float(3 - patch / 4)
          // From a neighbourhood as wide as the image the rows before come in, too.
          #expect(farthest < Float(2 * block - 1) || shift > 0, "\(block) \(head) \(patch)")
          #expect(abs(column - Float(patch % 4)) < (block == 1 ? 0.3 : 1.5))
        }
      }
    }
  }

  @Test("a patch depends most on its own pixels, the class token on all, each region in its way")
  func tokens() throws {
    let model = try start("whitened", "run")
    let image = try pixels(1)
    let changed = try image.clone()
    try changed.narrow(dim: 2, 0..<8).narrow(dim: 3, 8..<16).multiply(inPlace: -1)
    let mirrored = try image.flip(dims: [3])
    let (before, after) = try (model.forwardFeatures(image), model.forwardFeatures(changed))
    let difference = try (before.normalized - after.normalized).norm(dim: 2).floats()
    // The second patch of the first row.
    let others = Array(difference[1..<2] + difference[3...])
    #expect(try difference[2] > 1.5 * (#require(others.max())))
    #expect(difference[0] > 0.5)
    #expect(try cosine(model(image), model(mirrored)) < 0.9)
  }

  private func cosine(_ first: Tensor, _ second: Tensor) throws -> Double {
    try (first.normalized() * second.normalized()).sum().item()
  }

  @Test("class tokens tell apart what random ones mix up")
  func classTokens() throws {
    let images = try Tensor.cat((0..<40).map { try pixels($0) })
    let spread = try ["whitened", "random"].map { initialization in
      let tokens = try start(initialization, initialization)(images).normalized()
      return try 1 - tokens.matmul(tokens.transpose(0, 1)).mean().item()
    }
    #expect(spread[0] > 5 * spread[1], "\(spread)")
  }

  @Test("a network without the parts that are set is refused")
  func refusals() throws {
    for change in ["student.ffn_layer=swiglu", "student.depth=1", "student.qkv_bias=false"] {
      #expect(throws: ConfigurationError.self, "\(change)") {
        try config("whitened").changed(by: [change]).validate()
      }
    }
  }

  @Test("the same images and seed give the same bits; other weights and a checkpoint do not mix")
  func isReproducible() throws {
    _ = try start("whitened", "one")
    _ = try start("whitened", "two")
    let files = try ["one", "two"].map { run in
      try Data(contentsOf: URL(fileURLWithPath: folder.file("\(run)/model/model.safetensors")))
    }
    #expect(files[0] == files[1])
    #expect(throws: ConfigurationError.self) {
      try config("whitened").changed(by: ["student.pretrained_weights=x.pth"]).validate()
    }
    #expect(throws: ConfigurationError.self) { try config("white") }
  }
}
