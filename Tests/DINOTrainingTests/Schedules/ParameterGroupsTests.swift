import DINOModels
import DINOTestSupport
import DINOTraining
import Foundation
import Testing
import Torch

@Suite("ParameterGroups")
struct ParameterGroupsTests {
  /// A model of the fixture with its groups.
  struct Model: Decodable {
    struct Submodule: Decodable {
      let parameters: [ParameterSetting]
      let fused: [FusedParameters]
    }

    struct Sizes: Decodable {
      let depth: Int
    }

    let name: String
    let layerwiseDecay: Double
    let patchEmbedFactor: Double
    let sizes: Sizes
    let submodules: [String: Submodule]

    enum CodingKeys: String, CodingKey {
      case name
      case layerwiseDecay = "layerwise_decay"
      case patchEmbedFactor = "patch_embed_lr_mult"
      case sizes = "model"
      case submodules
    }
  }

  private func models() throws -> (models: [Model], tolerance: Double) {
    let golden = Golden.named("schedule/parameter_groups")
    let path = try golden.sideFile("parameter_groups.json")
    let models = try JSONDecoder().decode(
      [Model].self, from: Data(contentsOf: URL(fileURLWithPath: path)))
    try #require(!models.isEmpty)
    return (models, try golden.tolerance(for: "lr_multiplier"))
  }

  private func groups(_ model: Model, _ submodule: String) throws -> ParameterGroups {
    let expected = try #require(model.submodules[submodule])
    return ParameterGroups(
      names: expected.parameters.map(\.name),
      depth: submodule == "backbone" ? model.sizes.depth : nil,
      layerwiseDecay: model.layerwiseDecay, patchEmbedFactor: model.patchEmbedFactor)
  }

  @Test("agree with the original, parameter by parameter")
  func settings() throws {
    let (models, tolerance) = try models()

    for model in models {
      for (name, expected) in model.submodules {
        let got = try groups(model, name).settings
        #expect(got.count == expected.parameters.count)
        for (got, wanted) in zip(got, expected.parameters) {
          let place: Comment = "\(model.name) \(name) \(wanted.name)"
          #expect(got.name == wanted.name, place)
          #expect(
            abs(got.learningRateFactor - wanted.learningRateFactor)
              <= tolerance * wanted.learningRateFactor, place)
          #expect(got.weightDecayFactor == wanted.weightDecayFactor, place)
          #expect(got.isLastLayer == wanted.isLastLayer, place)
        }
      }
    }
  }

  @Test("are fused as the original does, in the order of first appearance")
  func fused() throws {
    let (models, tolerance) = try models()

    for model in models {
      for (name, expected) in model.submodules {
        let got = try groups(model, name).fused
        #expect(got.count == expected.fused.count, "\(model.name) \(name)")
        for (got, wanted) in zip(got, expected.fused) {
          #expect(got.names == wanted.names)
          #expect(
            abs(got.learningRateFactor - wanted.learningRateFactor)
              <= tolerance * wanted.learningRateFactor)
          #expect(got.weightDecayFactor == wanted.weightDecayFactor)
          #expect(got.isLastLayer == wanted.isLastLayer)
        }
      }
    }
  }

  @Test("multiply the values of an iteration")
  func values() throws {
    let values = TrainingSchedules.Values(
      learningRate: 0.5, lastLayerLearningRate: 0, weightDecay: 0.25, momentum: 1,
      teacherTemperature: 0.07)
    let fused = ParameterGroups(
      names: ["patch_embed.proj.weight", "blocks.0.norm1.weight", "last_layer.weight_g"], depth: 1,
      layerwiseDecay: 0.5, patchEmbedFactor: 0.25
    ).fused

    #expect(fused.map { $0.learningRate(values) } == [0.03125, 0.25, 0])
    #expect(fused.map { $0.weightDecay(values) } == [0.25, 0, 0.25])
  }

  @Test("of a backbone that is built: every parameter once, rates rise towards the output")
  func backbone() throws {
    let config = TrainingPreset.tiny.config.modelConfig
    let model = try VisionTransformer(config, in: ParameterScope(seed: 0))
    let names = model.parameters.parameters.map(\.name)

    let groups = ParameterGroups(
      names: names, depth: config.depth, layerwiseDecay: 0.5, patchEmbedFactor: 0.25)

    #expect(groups.settings.map(\.name) == names)
    #expect(groups.fused.flatMap(\.names).sorted() == names.sorted())
    let factors = Dictionary(
      uniqueKeysWithValues: groups.settings.map { ($0.name, $0.learningRateFactor) })
    #expect(factors["cls_token"] == 0.0625)
    #expect(factors["patch_embed.proj.weight"] == 0.015625)
    #expect(factors["blocks.0.attn.qkv.weight"] == 0.125)
    #expect(factors["blocks.2.attn.qkv.weight"] == 0.5)
    #expect(factors["norm.weight"] == 1)
  }
}
