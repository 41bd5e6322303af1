import ArgumentParser
import DINOData
import DINOTraining
import Foundation

/// The settings of a training: preset, file, length, single keys.
struct TrainingOptions: ParsableArguments {
  @Option(
    help: "A YAML file of settings; Meta's files are taken as they are.", completion: .file())
  var config: String?

  @Option(
    help:
      "Where settings start from: \(TrainingPreset.allCases.map(\.rawValue).joined(separator: ", "))."
  )
  var preset: String?

  @Option(help: "The number of iterations; the schedules of preset and file are stretched to it.")
  var steps: Int?

  @Argument(help: ArgumentHelp("Settings, such as optim.base_lr=1e-3.", valueName: "key=value"))
  var overrides: [String] = []

  mutating func validate() throws {
    if let steps, steps < 1 {
      throw ValidationError("--steps is \(steps); expected at least 1.")
    }
  }

  /// Brings the settings together.
  ///
  /// - Parameters:
  ///   - images: The images, by whose number a preset is chosen if neither it nor a file is named.
  ///   - note: Hears which preset was chosen, and why.
  /// - Returns: Valid settings.
  /// - Throws: `ConfigurationError` that lists every problem.
  func resolve(
    images: TrainingImages?, note: (String) -> Void
  ) throws -> TrainingConfig {
    var chosen = try preset.map { try TrainingPreset(named: $0) }
    if chosen == nil, config == nil, let images {
      let choice = TrainingPreset.automatic(
        imageCount: images.count, coreCount: ProcessInfo.processInfo.activeProcessorCount)
      note("\(choice)")
      chosen = choice.preset
    }
    var resolved = try TrainingConfig.load(preset: chosen, file: config)
    if let steps { resolved = resolved.withSteps(steps) }
    // After the stretching: what the user names is meant as it stands.
    resolved = try resolved.changed(by: overrides)
    try resolved.validate()
    return resolved
  }
}
