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

  private func config(_ initialization: String) throws -> TrainingConfig {
    // Nothing is learned: the model that is written is the one before the first step.
    try TrainingConfig.load(preset: .tiny).withSteps(1).changed(
      by: [
        "student.initialization=\(initialization)", "train.batch_size_per_gpu=4", "optim.base_lr=0",
        "optim.min_lr=0", "optim.warmup_epochs=0",
      ])
  }

  private func start(_ initialization: String, _ run: String) throws -> VisionTransformer {
    let config = try config(initialization)
    let trainer = try Trainer(
      config, images: TrainingImages([folder.file("images")]),
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

  private func trace(_ matrix: Tensor) throws -> Double {
    let values = try matrix.floats()
    let width = matrix.shape[0]
    return (0..<width).reduce(0) { $0 + Double(values[$1 * width + $1]) }
  }

  @Test("the patch embedding makes the components of patches alike in size")
  func whitening() throws {
    let whitened = try spectrum(start("whitened", "whitened"))
    let random = try spectrum(start("random", "random"))
    // ε is twice the smallest kept variance: the smallest becomes a third, the largest nearly 1.
    #expect(whitened[0] > 0.5 && whitened[0] < 3)
    #expect(whitened[31] / whitened[0] > 0.2)
    #expect(random[31] / random[0] < 0.02)
  }

  @Test("attention starts near the identity, positions are sines")
  func attention() throws {
    let model = try start("whitened", "run")
    let (width, heads) = (model.config.embedDim, model.config.numHeads)
    let head = width / heads
    for block in 0..<model.config.depth {
      let weights = try value(model, "blocks.\(block).attn.qkv.weight")
      for first in stride(from: 0, to: width, by: head) {
        let query = try weights.narrow(dim: 0, first..<(first + head))
        let key = try weights.narrow(dim: 0, (width + first)..<(width + first + head))
        let product = try query.transpose(0, 1).matmul(key)
        // Of rank D / heads: a share of 0.7 D.
        #expect(try trace(product) > 0.5 * 0.7 * Double(head))
      }
      let values = try weights.narrow(dim: 0, (2 * width)..<(3 * width))
      let output = try value(model, "blocks.\(block).attn.proj.weight")
      let product = try trace(output.matmul(values))
      #expect(abs(product / (-0.4 * Double(width)) - 1) < 0.3)
    }
    let positions = try value(model, "pos_embed").floats()
    let first = Array(positions[width..<(2 * width)])
    let quarter = width / 4
    #expect(first[0..<quarter].allSatisfy { $0 == 0 })
    #expect(first[quarter..<(2 * quarter)].allSatisfy { $0 == 0.5 })
    // The second patch of the first row: its column is 1.
    #expect(abs(positions[2 * width + 2 * quarter] - 0.5 * sin(1)) < 1e-6)
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
