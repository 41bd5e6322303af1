import CheckpointFormats
import DINOTestSupport
import DINOTraining
import Testing

@Suite("TrainingSchedules")
struct TrainingSchedulesTests {
  /// The settings that the original schedules were made from.
  struct Settings: Decodable {
    let epochLength: Int
    let epochs: Int
    let learningRate: Double
    let minLearningRate: Double
    let warmupEpochs: Int
    let freezeEpochs: Int
    let weightDecay: Double
    let weightDecayEnd: Double
    let momentum: Double
    let finalMomentum: Double
    let temperature: Double
    let warmupTemperature: Double
    let warmupTemperatureEpochs: Int

    enum CodingKeys: String, CodingKey {
      case epochLength = "epoch_length"
      case epochs
      case learningRate = "lr"
      case minLearningRate = "min_lr"
      case warmupEpochs = "warmup_epochs"
      case freezeEpochs = "freeze_last_layer_epochs"
      case weightDecay = "weight_decay"
      case weightDecayEnd = "weight_decay_end"
      case momentum
      case finalMomentum = "final_momentum"
      case temperature = "teacher_temp"
      case warmupTemperature = "warmup_teacher_temp"
      case warmupTemperatureEpochs = "warmup_teacher_temp_epochs"
    }

    var config: TrainingConfig {
      var config = TrainingConfig()
      config.train.officialEpochLength = epochLength
      config.optim.epochs = epochs
      config.optim.scalingRule = .none
      config.optim.baseLearningRate = learningRate
      config.optim.minLearningRate = minLearningRate
      config.optim.warmupEpochs = warmupEpochs
      config.optim.freezeLastLayerEpochs = freezeEpochs
      config.optim.weightDecay = weightDecay
      config.optim.weightDecayEnd = weightDecayEnd
      config.teacher.momentum = momentum
      config.teacher.finalMomentum = finalMomentum
      config.teacher.temperature = temperature
      config.teacher.warmupTemperature = warmupTemperature
      config.teacher.warmupTemperatureEpochs = warmupTemperatureEpochs
      return config
    }
  }

  typealias Values = TrainingSchedules.Values

  private static let columns: [(name: String, value: @Sendable (Values) -> Double)] = [
    ("lr", { $0.learningRate }), ("last_layer_lr", { $0.lastLayerLearningRate }),
    ("wd", { $0.weightDecay }), ("momentum", { $0.momentum }),
    ("teacher_temp", { $0.teacherTemperature }),
  ]

  /// The numbers of the cases in the fixture.
  private func cases(_ golden: Golden) throws -> [String] {
    let keys = try #require(golden.config.object).keys
    let numbers = keys.filter { $0.hasPrefix("training.") }.map { String($0.dropFirst(9)) }
    try #require(!numbers.isEmpty)
    return numbers
  }

  @Test("agree with the original's tables, and past their end")
  func agreeWithOriginal() throws {
    let golden = Golden.named("schedule/schedules")

    for number in try cases(golden) {
      let settings = try golden.decodeConfig(Settings.self, at: "training.\(number)")
      let schedules = TrainingSchedules(settings.config)
      for column in Self.columns {
        for suffix in ["", ".by_iteration"] {
          let name = "expected.\(number).\(column.name)\(suffix)"
          let expected = try golden[name]
          let got = (0..<expected.count).map { column.value(schedules.values(at: $0)) }
          try expectClose(
            got: got, shape: expected.shape, expected: expected,
            tolerance: golden.tolerance(for: name), label: name)
        }
        let beyond = try golden.config.member("beyond.\(number)").member(column.name).number
        #expect(column.value(schedules.values(at: 1_000_000)) == beyond)
      }
    }
  }

  @Test("scale the learning rate as the original")
  func scaling() throws {
    struct Scaling: Decodable {
      let base: Double
      let batch: Int
      let scaled: Double

      enum CodingKeys: String, CodingKey {
        case base = "base_lr"
        case batch = "batch_size"
        case scaled = "lr"
      }
    }
    let cases = try Golden.named("schedule/schedules").decodeConfig([Scaling].self, at: "scaling")
    try #require(!cases.isEmpty)

    for scaling in cases {
      var config = TrainingConfig()
      config.optim.baseLearningRate = scaling.base
      config.train.batchSizePerGPU = scaling.batch
      #expect(abs(config.learningRate() - scaling.scaled) <= 1e-12 * scaling.scaled)
    }
  }

  @Test("other rules of scaling")
  func otherRules() {
    var config = TrainingConfig()
    config.optim.baseLearningRate = 0.5
    config.train.batchSizePerGPU = 64

    config.optim.scalingRule = .linearWrt256
    #expect(config.learningRate(worldSize: 8) == 1.0)
    config.optim.scalingRule = .none
    #expect(config.learningRate(worldSize: 8) == 0.5)
  }

  @Test("have the known values of the short recipe on 32 devices")
  func shortRecipe() {
    let schedules = TrainingSchedules(TrainingPreset.metaShort.config, worldSize: 32)
    func isNear(_ value: Double, _ wanted: Double, _ tolerance: Double) -> Bool {
      abs(value - wanted) <= tolerance
    }

    for (iteration, rate, digit) in [
      (0, 0, 1e-12), (1250, 5.6573e-4, 5e-9), (12_500, 5.65685e-3, 5e-9),
      (62_500, 3.31999e-3, 5e-9), (124_999, 1e-6, 5e-11),
    ] {
      #expect(isNear(schedules.values(at: iteration).learningRate, rate, digit))
    }
    #expect(isNear(schedules.values(at: 0).weightDecay, 0.04, 1e-12))
    #expect(isNear(schedules.values(at: 62_500).weightDecay, 0.22, 1e-12))
    #expect(isNear(schedules.values(at: 124_999).weightDecay, 0.4, 1e-9))
    #expect(isNear(schedules.values(at: 0).momentum, 0.992, 1e-12))
    #expect(isNear(schedules.values(at: 62_500).momentum, 0.996, 1e-12))
    #expect(isNear(schedules.values(at: 124_999).momentum, 1, 1e-9))
    #expect(isNear(schedules.values(at: 18_750).teacherTemperature, 0.055_000_4, 5e-8))
    #expect(schedules.values(at: 37_500).teacherTemperature == 0.07)
    #expect(schedules.values(at: 1249).lastLayerLearningRate == 0)
    #expect(
      schedules.values(at: 1250).lastLayerLearningRate == schedules.values(at: 1250).learningRate)
  }

  @Test("key iterations rise and stay inside")
  func keyIterations() {
    let short = TrainingSchedules(TrainingPreset.metaShort.config)
    #expect(short.keyIterations == [0, 1250, 12_500, 18_750, 37_500, 62_500, 124_999])

    let single = TrainingSchedules(TrainingPreset.tiny.config.withSteps(1))
    #expect(single.keyIterations == [0])
  }
}
