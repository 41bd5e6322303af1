import DINOModels
import DINOTestSupport
import DINOTraining
import Testing

/// The problems of a configuration that is refused.
func problems(
  _ sourceLocation: SourceLocation = #_sourceLocation, of body: () throws -> TrainingConfig
) -> [String] {
  do {
    let config = try body()
    Issue.record("was accepted: \(config.yaml)", sourceLocation: sourceLocation)
    return []
  } catch let error as ConfigurationError {
    switch error {
    case .invalid(let problems): return problems
    default: return ["\(error)"]
    }
  } catch {
    Issue.record("unexpected \(error)", sourceLocation: sourceLocation)
    return []
  }
}

/// The path of a configuration of the fixtures.
func fixture(_ name: String) -> String {
  TestData.packageRoot + "/Tests/Fixtures/configs/\(name).yaml"
}

@Suite("TrainingConfig loading")
struct TrainingConfigLoadingTests {
  @Test("the default tree in Meta's form is the default")
  func defaults() throws {
    #expect(try TrainingConfig.load(file: fixture("ssl_default")) == TrainingConfig())
  }

  @Test(
    "a recipe in Meta's form is the preset but for the quirks",
    arguments: [
      ("vitl16_short", TrainingPreset.metaShort), ("vitl14", .vitl14), ("vitg14", .vitg14),
    ])
  func recipes(name: String, preset: TrainingPreset) throws {
    var wanted = preset.config
    wanted.quirks = .corrected

    #expect(try TrainingConfig.load(file: fixture(name)) == wanted)
  }

  @Test("overrides win over the file, the file over the preset")
  func precedence() throws {
    let folder = try TemporaryFolder()
    let file = try folder.write(
      "a.yaml", Array("optim: {epochs: 7, warmup_epochs: 2}\ntrain:\n  seed: 4\n".utf8))

    let config = try TrainingConfig.load(
      preset: .tiny, file: file, overrides: ["optim.epochs=5", "optim.epochs=6"])

    #expect(config.optim.epochs == 6)
    #expect(config.optim.warmupEpochs == 2)
    #expect(config.train.seed == 4)
    #expect(config.train.batchSizePerGPU == TrainingPreset.tiny.config.train.batchSizePerGPU)
  }

  @Test("overrides are YAML: numbers, lists, texts, null, words, sections")
  func overrideValues() throws {
    let config = try TrainingConfig.load(overrides: [
      "optim.base_lr=1e-3", "optim.min_lr=1.0e-05", "optim.clip_grad=3", "dino.loss_weight=.5",
      "crops.local_crops_scale=[0.1, 0.25]", "evaluation.knn_k=[1, 5]",
      "train.dataset_path=/data/a=b:c/*.jpg", "train.output_dir='my runs'",
      "student.embed_dim=96", "student.mlp_ratio=2", "student.depth=null", "quirks=original",
      "train.deterministic=yes", "student.pretrained_weights=",
      "teacher={teacher_temp: 0.06, momentum_teacher: 0.99}",
    ])

    #expect(config.optim.baseLearningRate == 1e-3)
    #expect(config.optim.minLearningRate == 1e-5)
    #expect(config.optim.clipGrad == 3)
    #expect(config.dino.lossWeight == 0.5)
    #expect(config.crops.localScale == [0.1, 0.25])
    #expect(config.evaluation.knnK == [1, 5])
    #expect(config.train.datasetPath == "/data/a=b:c/*.jpg")
    #expect(config.train.outputDir == "my runs")
    #expect(config.student.embedDim == 96)
    #expect(config.student.mlpRatio == 2)
    #expect(config.student.depth == nil)
    #expect(config.quirks == .original)
    #expect(config.quirks.contains(.invertedBlur))
    #expect(config.train.deterministic)
    #expect(config.student.pretrainedWeights.isEmpty)
    #expect(config.teacher.temperature == 0.06)
    #expect(config.teacher.momentum == 0.99)
    #expect(config.teacher.warmupTemperature == 0.04)
  }

  @Test("quirks may be a list")
  func quirkList() throws {
    let config = try TrainingConfig.load(overrides: ["quirks=[inverted_blur]"])
    #expect(config.quirks == .only([.invertedBlur]))
    #expect(config.quirks.contains(.invertedBlur))
    #expect(!TrainingConfig().quirks.contains(.invertedBlur))
  }

  @Test("an empty file and a section without keys change nothing")
  func emptySections() throws {
    #expect(try TrainingConfig(yaml: "") == TrainingConfig())
    #expect(try TrainingConfig(yaml: "# nothing\n") == TrainingConfig())
    #expect(try TrainingConfig(yaml: "dino:\n  # loss_weight: 2\noptim:\n") == TrainingConfig())
  }

  @Test("comments, quotes and # within texts are YAML's")
  func commentsAndQuotes() throws {
    let config = try TrainingConfig(
      yaml: """
        train: # a comment with *stars* and &signs
          dataset_path: "/data/#1/it's # here"  # the path
          output_dir: runs/a#b
        student: {pretrained_weights: 'it''s # here'} # there
        """)
    #expect(config.train.datasetPath == "/data/#1/it's # here")
    #expect(config.train.outputDir == "runs/a#b")
    #expect(config.student.pretrainedWeights == "it's # here")
  }

  @Test("an unknown key is refused with file, line and nearest name")
  func unknownKey() {
    let lines = problems {
      try TrainingConfig(
        yaml: "optim:\n  epochs: 3\n  base_rl: 0.1\nstudnet:\n  arch: vit_small\n", name: "a.yaml")
    }
    #expect(
      lines == [
        "a.yaml:3: unknown key optim.base_rl; did you mean optim.base_lr?",
        "a.yaml:4: unknown key studnet; did you mean student?",
      ])
  }

  @Test("a key of another section is found")
  func keyOfOtherSection() {
    let lines = problems { try TrainingConfig.load(overrides: ["train.epochs=3"]) }
    #expect(
      lines == [
        "override \"train.epochs=3\": unknown key train.epochs; did you mean optim.epochs?"
      ])
  }

  @Test(
    "a value of another type is refused with key, found and expected",
    arguments: [
      ("optim.epochs=1.5", "optim.epochs is \"1.5\", expected a whole number"),
      ("optim.epochs='3'", "optim.epochs is \"3\", expected a whole number"),
      ("optim.base_lr=fast", "optim.base_lr is \"fast\", expected a number"),
      ("optim.base_lr=.inf", "optim.base_lr is \".inf\", expected a number"),
      ("optim.base_lr=0x10", "optim.base_lr is \"0x10\", expected a number"),
      ("optim.base_lr=null", "optim.base_lr is null, expected a number"),
      ("optim.base_lr=", "optim.base_lr is empty, expected a number"),
      ("optim.base_lr=[1]", "optim.base_lr is a list of 1, expected a number"),
      ("train.cache_dataset=2", "train.cache_dataset is \"2\", expected true or false"),
      ("train.output_dir=[a]", "train.output_dir is a list of 1, expected a text"),
      ("optim=3", "optim is \"3\", expected keys and values under it"),
      ("optim.epochs.x=3", "optim.epochs is a section, expected a whole number"),
      (
        "crops.global_crops_scale=0.5",
        "crops.global_crops_scale is \"0.5\", expected a list, each a number"
      ),
      ("student.embed_dim=wide", "student.embed_dim is \"wide\", expected a whole number or null"),
      (
        "train.precision=fp16", "train.precision is \"fp16\", expected one of fp32, bf16"
      ),
      (
        "quirks=[blur]",
        "quirks is a list of 1, expected corrected, original, or a list of inverted_blur"
      ),
      (
        "student.arch=vit_huge",
        "student.arch is \"vit_huge\", expected one of vit_tiny, vit_small, vit_base, vit_large, "
          + "vit_giant2"
      ),
    ])
  func wrongType(override: String, problem: String) {
    let lines = problems { try TrainingConfig.load(overrides: [override]) }
    #expect(lines.count == 1)
    #expect(lines.first?.hasSuffix(problem) == true, "\(lines)")
  }

  @Test(
    "an override without a value or key is refused", arguments: ["optim.epochs", "=3", "a..b=1"])
  func malformedOverride(_ override: String) {
    #expect(problems { try TrainingConfig.load(overrides: [override]) }.count == 1)
  }

  @Test("all problems are listed at once, on one line")
  func allProblems() {
    let error = #expect(throws: ConfigurationError.self) {
      try TrainingConfig.load(overrides: ["optim.epochs=x", "dino.head=1", "optim.base_lr=y"])
    }
    let text = error.map { "\($0)" } ?? ""
    #expect(text.hasPrefix("configuration: 3 problems: "))
    #expect(!text.contains("\n"))
  }

  @Test("every choice of every key is accepted")
  func choices() throws {
    for ffn in ["mlp", "swiglu", "swiglufused"] {
      #expect(
        try TrainingConfig.load(overrides: ["student.ffn_layer=\(ffn)"]).student.ffnLayer.rawValue
          == ffn)
    }
    for centering in ["centering", "sinkhorn_knopp"] {
      let config = try TrainingConfig.load(overrides: ["train.centering=\(centering)"])
      #expect(config.train.centering.rawValue == centering)
    }
    for optimizer in ["adamw", "sgd", "lars", "muon"] {
      let config = try TrainingConfig.load(overrides: ["optim.optimizer=\(optimizer)"])
      #expect(config.optim.optimizer.rawValue == optimizer)
    }
  }
}
