import DINOData
import DINOTraining
import Foundation
import Testing

@Suite("train.reduced_decoding")
struct ReducedDecodingConfigTests {
  @Test(
    "is on unless everything is as in the released code",
    arguments: [
      (TrainingPreset?.none, true), (.tiny, true), (.smallData, true), (.metaShort, false),
      (.vitl14, false), (.vitg14, false),
    ])
  func presets(preset: TrainingPreset?, isOn: Bool) throws {
    let config = try TrainingConfig.load(preset: preset)
    #expect(config.train.reducedDecoding == nil)
    #expect(config.reducesDecoding == isOn)
    #expect(config.loaderSettings.reducesDecoding == isOn)
  }

  @Test(
    "what is set counts more than the preset and the quirks",
    arguments: [
      (["quirks=original"], false), (["quirks=[inverted_blur]"], true),
      (["train.reduced_decoding=false"], false), (["train.reduced_decoding=true"], true),
      (["quirks=original", "train.reduced_decoding=true"], true),
      (["quirks=original", "train.reduced_decoding=null"], false),
    ])
  func overrides(overrides: [String], isOn: Bool) throws {
    #expect(try TrainingConfig.load(preset: .tiny, overrides: overrides).reducesDecoding == isOn)
    if overrides.contains("train.reduced_decoding=true") {
      #expect(try TrainingConfig.load(preset: .vitl14, overrides: overrides).reducesDecoding)
    }
  }

  @Test("spelling out what null means is no change")
  func spelledOut() throws {
    let config = TrainingPreset.smallData.config
    let same = try config.changed(by: ["train.reduced_decoding=true"])
    #expect(same.mathematicalHash == config.mathematicalHash)
    #expect(same.changes(from: config).isEmpty)
  }

  @Test("quirks that turn it off are one change, not two")
  func oneChange() throws {
    let config = try TrainingConfig.load(overrides: ["quirks=original"])
    #expect(config.changes(from: TrainingConfig()).map(\.key) == ["quirks"])
    #expect(config.mathematicalHash != TrainingConfig().mathematicalHash)
  }

  @Test("a checkpoint without the key was written when images were decoded whole")
  func olderCheckpoint() throws {
    let config = TrainingPreset.smallData.config
    let text = String(decoding: try JSONEncoder().encode(config), as: UTF8.self)
    let older = text.replacing("\"reduced_decoding\":null", with: "")
      .replacing(",,", with: ",").replacing("{,", with: "{").replacing(",}", with: "}")
    try #require(!older.contains("reduced_decoding"))

    let decoded = try JSONDecoder().decode(TrainingConfig.self, from: Data(older.utf8))

    #expect(decoded.train.reducedDecoding == false)
    #expect(
      config.changes(from: decoded).map(\.description)
        == ["train.reduced_decoding: false → true"])
    // It goes on when the old way is asked for: nothing else has changed.
    let asBefore = try config.changed(by: ["train.reduced_decoding=false"])
    #expect(asBefore == decoded)
    #expect(!asBefore.mathematicalLines.contains { $0.contains("reduced_decoding") })
    #expect(config.mathematicalLines.contains("train.reduced_decoding=true\n"))
    // Null is not the same as nothing.
    #expect(try JSONDecoder().decode(TrainingConfig.self, from: Data(text.utf8)) == config)
  }
}
