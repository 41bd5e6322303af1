import DINOTraining
import Testing

@Suite("TrainingConfig identity")
struct TrainingConfigIdentityTests {
  @Test("YAML loads back equal", arguments: TrainingPreset.allCases)
  func roundTrip(_ preset: TrainingPreset) throws {
    #expect(try TrainingConfig(yaml: preset.config.yaml) == preset.config)
    #expect(try TrainingConfig(yaml: preset.config.yaml, preset: .tiny) == preset.config)
  }

  @Test(
    "texts of every kind load back equal",
    arguments: [
      "", ".", "..", "~", "null", "No", "1", "1e3", ".5", "0x1f", "true", "a: b", "a:", "# a",
      "a # b",
      "'", "\"", "\\", "it's", "tab\there", "line\nbreak", "nul\u{0}", "bell\u{7}",
      "\u{85}\u{2028}",
      "é ö 日本", "😀", "- a", "? a", "[a]", "{a: b}", "&a", "*a", "!tag", "%a", "@a", "`a", " a ",
      "ImageNet:split=TRAIN:root=/data/a b:extra=/x", "|", ">", "a, b",
    ])
  func texts(_ text: String) throws {
    var config = TrainingConfig()
    config.train.datasetPath = text
    #expect(try TrainingConfig(yaml: config.yaml).train.datasetPath == text)
  }

  @Test(
    "numbers load back with every bit",
    arguments: [
      0.1, 1e-6, 1.0 / 3, .leastNonzeroMagnitude, 1.797_693_134_862_315_7e308, 4e-05,
      123_456_789.123, 1e16,
    ])
  func numbers(_ number: Double) throws {
    var config = TrainingConfig()
    config.optim.baseLearningRate = number
    #expect(try TrainingConfig(yaml: config.yaml).optim.baseLearningRate == number)
  }

  @Test("YAML keeps the order and types of Meta's tree")
  func order() {
    let lines = TrainingConfig().yaml.split(separator: "\n").map(String.init)

    #expect(
      lines.filter { !$0.hasPrefix(" ") } == [
        "MODEL:", "compute_precision:", "dino:", "ibot:", "train:", "student:", "teacher:",
        "optim:",
        "crops:", "evaluation:", "quirks: corrected",
      ])
    for line in [
      "  min_lr: 1.0e-06", "  final_momentum_teacher: 1.0", "  epochs: 100", "  embed_dim: null",
      "  mask_ratio_min_max: [0.1, 0.5]", "  output_dir: \".\"",
      "  dataset_path: ImageNet:split=TRAIN", "  separate_head: false",
    ] {
      #expect(lines.contains(line), "\(line)")
    }
  }

  @Test("the hash is SHA-256 in hexadecimal and the same every time")
  func hash() {
    let hash = TrainingConfig().mathematicalHash
    #expect(hash.count == 64)
    #expect(hash.allSatisfy { $0.isHexDigit })
    #expect(hash == TrainingConfig().mathematicalHash)
  }

  @Test(
    "the hash depends on what changes the mathematics",
    arguments: [
      "optim.base_lr=1e-3", "optim.epochs=99", "train.seed=1", "train.batch_size_per_gpu=32",
      "train.accumulation_steps=2", "train.precision=bf16", "train.dataset_path=/x",
      "student.embed_dim=512", "student.patch_size=14", "crops.flip_probability=0",
      "ibot.exact_mask_count=true", "quirks=original", "teacher.teacher_temp=0.06",
      "dino.freeze_weight_g=true", "train.reduced_decoding=false",
    ])
  func mathematicalKeys(_ override: String) throws {
    let config = try TrainingConfig.load(overrides: [override])
    #expect(config.mathematicalHash != TrainingConfig().mathematicalHash)
    #expect(config.changes(from: TrainingConfig()).map(\.changesMathematics) == [true])
  }

  @Test(
    "the hash does not depend on places, periods and threads",
    arguments: [
      "train.output_dir=/x", "train.keep_checkpoints=9", "train.checkpoint_period=5",
      "train.loader_threads=4", "train.cache_gb=9", "train.keep_every=100",
      "train.activation_checkpointing=true", "evaluation.eval_period_iterations=3",
      "evaluation.knn_k=[1]",
    ])
  func practicalKeys(_ override: String) throws {
    let config = try TrainingConfig.load(overrides: [override])
    #expect(config.mathematicalHash == TrainingConfig().mathematicalHash)
    #expect(config.changes(from: TrainingConfig()).map(\.changesMathematics) == [false])
  }

  @Test("keys without effect are no change, but are listed")
  func withoutEffect() throws {
    let config = try TrainingConfig.load(overrides: [
      "train.num_workers=3", "compute_precision.grad_scaler=false", "optim.lr=0.5",
      "ibot.head_nlayers=2",
    ])

    #expect(
      config.settingsWithoutEffect() == [
        "compute_precision.grad_scaler: false", "ibot.head_nlayers: 2", "train.num_workers: 3",
        "optim.lr: 0.5",
      ])
    #expect(config.changes(from: TrainingConfig()).map(\.key) == ["ibot.head_nlayers"])
    #expect(TrainingConfig().settingsWithoutEffect().isEmpty)
  }

  @Test("changes name key, old and new value")
  func changes() throws {
    let old = TrainingConfig()
    let new = try TrainingConfig.load(overrides: ["optim.min_lr=1e-5", "student.depth=3"])

    #expect(
      new.changes(from: old).map(\.description) == [
        "student.depth: null → 3", "optim.min_lr: 1.0e-06 → 1.0e-05",
      ])
    #expect(new.changes(from: new).isEmpty)
  }
}
