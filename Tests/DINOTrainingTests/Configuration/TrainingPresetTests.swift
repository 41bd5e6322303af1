import DINOTraining
import Testing

@Suite("TrainingPreset")
struct TrainingPresetTests {
  @Test("names", arguments: TrainingPreset.allCases)
  func names(_ preset: TrainingPreset) throws {
    #expect(try TrainingPreset(named: preset.rawValue) == preset)
    #expect(!preset.summary.isEmpty)
  }

  @Test("an unknown name is refused with the nearest one")
  func unknownName() {
    let error = #expect(throws: ConfigurationError.self) { try TrainingPreset(named: "smal-data") }
    #expect(
      error.map { "\($0)" }
        == "unknown preset \"smal-data\"; did you mean small-data? presets are tiny, small-data, "
        + "meta-short, vitl14, vitg14")
  }

  @Test("the tiny one is tiny")
  func tiny() {
    let config = TrainingPreset.tiny.config
    #expect(config.totalIterations == 100)
    #expect(TrainingPlan(config).parts.reduce(0) { $0 + $1.parameters } < 300_000)
    #expect(TrainingPlan(config).tokensPerImage == 2 * 17 + 4 * 5)
  }

  @Test(
    "the choice depends on images and machine, and says so",
    arguments: [
      (10, 2, 0, TrainingPreset.tiny), (255, 64, 8, .tiny), (256, 2, 0, .smallData),
      (6_600, 2, 0, .smallData), (10_000_000, 128, 0, .smallData), (10_000_000, 64, 4, .smallData),
      (1_281_167, 64, 8, .metaShort), (11_797_647, 64, 32, .metaShort),
      (11_797_647, 64, 64, .vitl14),
    ])
  func automatic(images: Int, cores: Int, accelerators: Int, preset: TrainingPreset) {
    let choice = TrainingPreset.automatic(
      imageCount: images, coreCount: cores, acceleratorCount: accelerators)
    #expect(choice.preset == preset)
    #expect("\(choice)".hasPrefix("preset \(preset.rawValue): "))
  }

  @Test("the reason reads well")
  func reason() {
    #expect(
      "\(TrainingPreset.automatic(imageCount: 6_600, coreCount: 2))"
        == "preset small-data: 6,600 images, 2 cores, no accelerator: a model that learns in hours "
        + "without an accelerator")
  }
}
