internal import DINOModels

/// What a run is going to do, printed before its first step.
public struct TrainingPlan: Codable, Equatable, Sendable {
  /// A value that differs from Meta's defaults.
  public struct Setting: Codable, Equatable, Sendable {
    /// The dotted key.
    public let key: String
    /// The value, as YAML.
    public let value: String
    /// Meta's default, as YAML.
    public let standard: String
  }

  /// A part of the student.
  public struct Part: Codable, Equatable, Sendable {
    /// The prefix of the parameters' names.
    public let name: String
    /// The number of parameters.
    public let parameters: Int
  }

  /// The values of the schedules at one iteration.
  public struct Row: Codable, Equatable, Sendable {
    /// The iteration, from 0.
    public let iteration: Int
    /// The values.
    public let values: TrainingSchedules.Values
  }

  /// A schedule from the first to the last iteration, evenly sampled.
  public struct Curve: Codable, Equatable, Sendable {
    /// What it shows.
    public let name: String
    /// The samples.
    public let values: [Double]
  }

  /// Remarks, such as why a preset was chosen.
  public let notes: [String]
  /// Values that differ from Meta's defaults.
  public let settings: [Setting]
  /// Values that are accepted, but have no effect here.
  public let withoutEffect: [String]
  /// The student's parts; the teacher has the same.
  public let parts: [Part]
  /// Images of one step, over all processes.
  public let imagesPerStep: Int
  /// Length in iterations.
  public let iterations: Int
  /// Images of all steps.
  public let totalImages: Int
  /// Images that there are, if known.
  public let imageCount: Int?
  /// Student tokens of one image over all its crops.
  public let tokensPerImage: Int
  /// What a process needs.
  public let memory: MemoryEstimate
  /// The schedules at the iterations where something changes.
  public let schedule: [Row]
  /// The schedules as curves.
  public let curves: [Curve]

  /// How often every image is seen, if the number of images is known.
  public var passes: Double? {
    imageCount.flatMap { $0 > 0 ? Double(totalImages) / Double($0) : nil }
  }

  /// Makes the plan of a configuration.
  ///
  /// - Parameters:
  ///   - config: A configuration without problems.
  ///   - imageCount: The number of images, if known.
  ///   - worldSize: The number of processes.
  ///   - notes: Remarks that are printed first.
  public init(
    _ config: TrainingConfig, imageCount: Int? = nil, worldSize: Int = 1, notes: [String] = []
  ) {
    self.notes = notes
    self.imageCount = imageCount
    settings = config.changes(from: TrainingConfig()).map {
      Setting(key: $0.key, value: $0.new, standard: $0.old)
    }
    withoutEffect = config.settingsWithoutEffect()
    parts = config.networkConfig.parts
    imagesPerStep = config.train.batchSizePerGPU * worldSize
    iterations = config.totalIterations
    totalImages = imagesPerStep * iterations
    tokensPerImage = config.studentTokens
    memory = MemoryEstimate(config)
    let schedules = TrainingSchedules(config, worldSize: worldSize)
    schedule = schedules.keyIterations.map { Row(iteration: $0, values: schedules.values(at: $0)) }
    curves = Self.curves(schedules, samples: 60)
  }

  private static func curves(_ schedules: TrainingSchedules, samples: Int) -> [Curve] {
    let last = Double(Swift.max(schedules.learningRate.total - 1, 0))
    let values = (0..<samples).map { sample in
      schedules.values(at: Int((last * Double(sample) / Double(samples - 1)).rounded()))
    }
    return [
      Curve(name: "learning rate", values: values.map(\.learningRate)),
      Curve(name: "weight decay", values: values.map(\.weightDecay)),
      Curve(name: "teacher momentum", values: values.map(\.momentum)),
      Curve(name: "teacher temperature", values: values.map(\.teacherTemperature)),
    ]
  }
}

extension DINONetworkConfig {
  /// The parts with their numbers of parameters, in the order of registration.
  var parts: [TrainingPlan.Part] {
    [
      TrainingPlan.Part(name: "backbone", parameters: backbone.parameterCount),
      TrainingPlan.Part(name: "dino_head", parameters: dinoHead.parameterCount),
    ]
      + (ibotHead.map { [TrainingPlan.Part(name: "ibot_head", parameters: $0.parameterCount)] }
        ?? [])
  }
}
