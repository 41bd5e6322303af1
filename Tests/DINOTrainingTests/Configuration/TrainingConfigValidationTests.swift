import DINOTraining
import Testing

@Suite("TrainingConfig validation")
struct TrainingConfigValidationTests {
  private func problems(_ overrides: String...) throws -> [String] {
    try TrainingConfig.load(overrides: overrides).problems()
  }

  @Test("presets have no problems", arguments: TrainingPreset.allCases)
  func presets(_ preset: TrainingPreset) throws {
    try preset.config.validate()
  }

  @Test("the defaults have no problems")
  func defaults() {
    #expect(TrainingConfig().problems().isEmpty)
  }

  @Test("no local crops are allowed, whatever their size")
  func noLocalCrops() throws {
    #expect(
      try problems("crops.local_crops_number=0", "crops.local_crops_size=97").isEmpty)
  }

  @Test("a loss of weight 0 is allowed, but not both")
  func lossWeights() throws {
    #expect(try problems("dino.loss_weight=0").isEmpty)
    #expect(try problems("ibot.loss_weight=0").isEmpty)
    #expect(try problems("dino.loss_weight=0", "ibot.loss_weight=0").count == 1)
  }

  @Test("one image is enough without KoLeo")
  func singleImage() throws {
    #expect(try problems("train.batch_size_per_gpu=1").count == 1)
    #expect(try problems("train.batch_size_per_gpu=1", "dino.koleo_loss_weight=0").isEmpty)
  }

  @Test(
    "one value out of range is one problem that names its key",
    arguments: [
      "crops.global_crops_size=225", "crops.local_crops_size=100", "crops.local_crops_number=-1",
      "crops.global_crops_scale=[0.5]", "crops.global_crops_scale=[0.5, 0.4]",
      "crops.global_crops_scale=[0, 1]", "crops.local_crops_scale=[0.1, 1.1]",
      "crops.jitter_strength=[0.4, 0.4, 0.2, 0.6]", "crops.blur_probabilities=[1, 0.5]",
      "crops.flip_probability=1.5", "crops.solarize_probability=-0.1",
      "ibot.mask_ratio_min_max=[0.5, 0.1]", "ibot.mask_sample_probability=2",
      "dino.head_n_prototypes=1", "dino.head_nlayers=0", "dino.student_temp=0",
      "dino.koleo_loss_weight=-1", "student.num_heads=7", "student.drop_path_rate=1",
      "student.depth=0", "student.num_register_tokens=-1", "student.layerscale=-1",
      "teacher.momentum_teacher=1.1", "teacher.teacher_temp=0",
      "teacher.warmup_teacher_temp_epochs=-1", "optim.epochs=0", "optim.warmup_epochs=101",
      "optim.freeze_last_layer_epochs=-1", "optim.base_lr=0", "optim.min_lr=-1",
      "optim.weight_decay=-1", "optim.clip_grad=-3", "optim.layerwise_decay=0",
      "optim.layerwise_decay=1.1", "optim.adamw_beta1=1", "optim.adamw_eps=0",
      "train.batch_size_per_gpu=0", "train.accumulation_steps=3", "train.seed=-1",
      "train.OFFICIAL_EPOCH_LENGTH=0", "train.checkpoint_period=0", "train.keep_checkpoints=0",
      "train.cache_gb=-1", "train.cache_gb=1e300", "train.dataset_path=''", "train.output_dir=''",
      "evaluation.knn_k=[]", "evaluation.knn_k=[0]", "evaluation.eval_period_iterations=-1",
    ])
  func singleProblem(_ override: String) throws {
    let lines = try problems(override)
    let name = override.prefix { $0 != "=" }.split(separator: ".").last.map(String.init) ?? ""

    // Some single values break two rules: no epochs leave no room for the warm-up either.
    #expect(!lines.isEmpty)
    #expect(lines.contains { $0.contains(name) }, "\(lines)")
  }

  @Test("a grid of one patch cannot be masked")
  func singlePatch() throws {
    let sizes = ["crops.global_crops_size=16", "crops.local_crops_size=16"]
    let config = try TrainingConfig.load(overrides: sizes)
    let unmasked = try TrainingConfig.load(overrides: sizes + ["ibot.loss_weight=0"])

    #expect(config.problems().count == 1)
    #expect(unmasked.problems().isEmpty)
  }

  @Test("k-NN needs both sets")
  func neighbours() throws {
    #expect(try problems("evaluation.knn_train=a").count == 1)
    #expect(try problems("evaluation.knn_train=a", "evaluation.knn_val=b").isEmpty)
  }

  @Test("the size of a tied patch head does not matter")
  func tiedHead() throws {
    #expect(try problems("ibot.head_nlayers=0").isEmpty)
    #expect(try problems("ibot.head_nlayers=0", "ibot.separate_head=true").count == 1)
  }

  @Test(
    "absurd sizes are problems, not overflows",
    arguments: [
      "optim.epochs=9223372036854775807", "train.OFFICIAL_EPOCH_LENGTH=9223372036854775807",
      "optim.epochs=1000000000", "dino.head_n_prototypes=9223372036854775807",
      "train.batch_size_per_gpu=9223372036854775807", "student.embed_dim=1073741824",
      "student.depth=9223372036854775807", "crops.local_crops_number=9223372036854775807",
      "evaluation.eval_period_iterations=9223372036854775807",
      "teacher.warmup_teacher_temp_epochs=9223372036854775807",
    ])
  func absurdSizes(_ override: String) throws {
    let config = try TrainingConfig.load(overrides: [override])
    #expect(!config.problems().isEmpty)
    #expect(config.withSteps(1000).totalIterations == 1000)
  }

  @Test("a number that is none is a problem")
  func notANumber() {
    var config = TrainingConfig()
    config.optim.baseLearningRate = .nan
    config.teacher.momentum = .nan
    config.crops.globalScale = [.nan, 1]
    #expect(config.problems().count == 3)
  }

  @Test("all problems are thrown together")
  func together() {
    var config = TrainingConfig()
    config.optim.epochs = 0
    config.optim.warmupEpochs = 0
    config.optim.freezeLastLayerEpochs = 0
    config.dino.studentTemperature = -1

    let error = #expect(throws: ConfigurationError.self) { try config.validate() }
    #expect(
      error
        == .invalid(problems: [
          "dino.student_temp is -1.0, expected more than 0",
          "optim.epochs is 0, expected at least 1",
        ]))
  }
}
